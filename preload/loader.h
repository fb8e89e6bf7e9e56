/* SPDX-License-Identifier: BSD-2-Clause */
/* loader.h -- What the dynamic loader knows of an address, asked without its lock. */
#ifndef MEMTRACE_LOADER_H
#define MEMTRACE_LOADER_H

#include <stdbool.h>
#include <stdint.h>

struct link_map;

struct loaded_object {
    uint64_t start; /* of the mapping, end exclusive */
    uint64_t end;
    const struct link_map *link_map;
    const uint8_t *eh_frame_hdr; /* PT_GNU_EH_FRAME, NULL if the file has none */
};

/* False when address belongs to no loaded object, or glibc is older than 2.35. */
bool loader_find(uint64_t address, struct loaded_object *ret_object);

#endif
