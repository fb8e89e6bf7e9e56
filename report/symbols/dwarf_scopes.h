/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_scopes.h -- The namespaces, classes and functions that a DIE stands in.
 *
 * gcc gives no linkage name to a function that exists only where it was inlined; a mere
 * "operator()" would tell nobody which of the lambdas it is. */
#ifndef MEMTRACE_SYMBOLS_DWARF_SCOPES_H
#define MEMTRACE_SYMBOLS_DWARF_SCOPES_H

#include "dwarf_scan.h"

/* Remembers the unit it looked at last. */
struct dwarf_scopes {
    struct dwarf_unit unit;
    struct dwarf_scan scan;
    struct cursor start;
    uint64_t unit_die_offset;
    uint32_t object_number;
    bool is_open;
};

/* Writes "scope::scope::name"; false when the DIE stands in no scope, or none can be found. */
bool dwarf_scopes_qualify(struct dwarf_scopes *scopes, const struct dwarf_unit *unit, Dwarf_Die die,
                          const char *name, char *ret_qualified, size_t size);
void dwarf_scopes_finish(struct dwarf_scopes *scopes);

#endif
