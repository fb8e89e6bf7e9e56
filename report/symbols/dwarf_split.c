/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_split.c -- Finds and opens split DWARF. */
#include "dwarf_split.h"

bool split_unit_open(struct split_unit *split, const struct debuginfo *info,
                     const struct dwarf_unit *skeleton, Dwarf_Die skeleton_die,
                     bool *ret_is_missing)
{
    (void)split;
    (void)info;
    (void)skeleton;
    (void)skeleton_die;
    (void)ret_is_missing;
    return false;
}
