/* SPDX-License-Identifier: BSD-2-Clause */
/* profile_table.h -- A profile as text, in the looks of Python's pstats. */
#ifndef MEMTRACE_PROFILE_TABLE_H
#define MEMTRACE_PROFILE_TABLE_H

#include "call_graph.h"
#include "profile_rows.h"

#include <stdio.h>

struct profile_table {
    FILE *out;
    const struct profile_rows *rows;
    const struct profile_order *order;
    const struct profile_restrictions *restrictions;
    bool is_wall; /* on and off the CPU are told apart */
};

/* Samples stand where pstats has calls, which nobody counted, and shares of the whole where it has
 * times per call. */
void profile_table_write(const struct profile_table *table);

/* Who called each of the functions, and from which lines; or whom each of them called. The graph
 * is of the same tree, CALLS_BY_SITE. False when out of memory. */
bool profile_table_write_callers(const struct profile_table *table, const struct call_graph *graph);
bool profile_table_write_callees(const struct profile_table *table, const struct call_graph *graph);

#endif
