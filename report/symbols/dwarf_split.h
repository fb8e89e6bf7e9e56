/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_split.h -- The other half of a skeleton unit, in a .dwo file or a .dwp package. */
#ifndef MEMTRACE_SYMBOLS_DWARF_SPLIT_H
#define MEMTRACE_SYMBOLS_DWARF_SPLIT_H

#include "debuginfo.h"
#include "dwarf_object.h"

struct split_unit {
    const char *root; /* as in elf_open */
    struct elf_file file;
    struct dwarf_object object;
    struct dwarf_unit unit;
    Dwarf_Die die;
};

enum split_result {
    SPLIT_FOUND,
    SPLIT_MISSING,
    NOT_SPLIT
};

/* Opens the other half if the unit is a skeleton. object_number must be new. */
enum split_result split_unit_open(struct split_unit *split, const struct debuginfo *info,
                                  const struct dwarf_unit *skeleton, Dwarf_Die skeleton_die,
                                  uint32_t object_number);
void split_unit_close(struct split_unit *split);

#endif
