/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_split.h -- The other half of a skeleton unit, in a .dwo file or a .dwp package. */
#ifndef MEMTRACE_SYMBOLS_DWARF_SPLIT_H
#define MEMTRACE_SYMBOLS_DWARF_SPLIT_H

#include "debuginfo.h"
#include "dwarf_object.h"

struct split_unit {
    struct dwarf_unit unit;
    Dwarf_Die die;
};

/* False when the skeleton is no skeleton, or when its other half is not found, which
 * *ret_is_missing is then set for. What is opened stays open for the life of the child. */
bool split_unit_open(struct split_unit *split, const struct debuginfo *info,
                     const struct dwarf_unit *skeleton, Dwarf_Die skeleton_die,
                     bool *ret_is_missing);

#endif
