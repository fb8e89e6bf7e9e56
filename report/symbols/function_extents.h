/* SPDX-License-Identifier: BSD-2-Clause */
/* function_extents.h -- Where functions begin and end, for code without names: unwind information
 * is there in stripped files, too. */
#ifndef MEMTRACE_SYMBOLS_FUNCTION_EXTENTS_H
#define MEMTRACE_SYMBOLS_FUNCTION_EXTENTS_H

#include "elf_file.h"

struct function_extents {
    struct function_extent *items; /* by address */
    size_t count;
};

/* Reads .eh_frame_hdr and what it points to. False: neither is there or makes sense. */
bool function_extents_read(struct function_extents *extents, const struct elf_file *file);
void function_extents_finish(struct function_extents *extents);

/* Where the function that holds address begins, 0: no telling. */
uint64_t function_extents_find(const struct function_extents *extents, uint64_t address);

#endif
