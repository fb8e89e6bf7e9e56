/* SPDX-License-Identifier: BSD-2-Clause */
/* loader.c -- What the dynamic loader knows of an address, asked without its lock.
 *
 * _dl_find_object (glibc 2.35) was made for unwinders: lock-free, async-signal-safe. */
#include "loader.h"

#include "sys.h"

#include <dlfcn.h>

#pragma weak _dl_find_object

bool loader_find(uint64_t address, struct loaded_object *ret_object)
{
    struct dl_find_object found;
    if (!_dl_find_object || _dl_find_object((void *)address, &found) != 0)
        return false;
    *ret_object = (struct loaded_object){.start = (uint64_t)found.dlfo_map_start,
                                         .end = (uint64_t)found.dlfo_map_end,
                                         .link_map = found.dlfo_link_map,
                                         .eh_frame_hdr = found.dlfo_eh_frame};
    return true;
}
