/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_functions.h -- Which function, and which inlined calls, a unit's addresses belong to. */
#ifndef MEMTRACE_SYMBOLS_DWARF_FUNCTIONS_H
#define MEMTRACE_SYMBOLS_DWARF_FUNCTIONS_H

#include "dwarf_names.h"

#define NO_FUNCTION UINT32_MAX

/* A function, or a call that was inlined into the function caller. */
struct dwarf_function {
    uint64_t die_offset;
    uint32_t caller; /* NO_FUNCTION: not inlined */
    bool is_described;
    bool has_plain_name; /* name is not a linkage name */
    uint32_t name;       /* number of a string; this and the next three once it is described */
    uint32_t line;       /* where it is declared, 0: unknown */
    uint32_t call_file;
    uint32_t call_line;
};

/* The functions found in one unit. */
struct dwarf_functions {
    const struct dwarf_unit *unit;
    struct dwarf_names *names;
    const uint64_t *addresses; /* sorted */
    size_t address_count;
    uint32_t *innermost; /* for each address a function, or NO_FUNCTION */
    struct dwarf_function *functions;
    uint32_t count;
    uint32_t capacity;
};

/* Walks the DIEs under the unit's; innermost[] must hold NO_FUNCTION throughout at first. */
void dwarf_functions_find(struct dwarf_functions *functions, Dwarf_Die unit_die);

/* Reads the names and call sites along the chain of an address' functions, innermost first.
 * Returns their count, at most max. */
size_t dwarf_functions_chain(struct dwarf_functions *functions, size_t address_index,
                             const struct dwarf_function **ret_chain, size_t max);
void dwarf_functions_finish(struct dwarf_functions *functions);

#endif
