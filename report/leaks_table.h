/* SPDX-License-Identifier: BSD-2-Clause */
/* leaks_table.h -- What grows, as text. */
#ifndef MEMTRACE_LEAKS_TABLE_H
#define MEMTRACE_LEAKS_TABLE_H

#include "leaks.h"
#include "table.h"

/* "+12.0 MiB/h ±1.1 MiB/h, size=24.3 MiB, count=51234, average=497 B" */
void leaks_table_write_amount(FILE *out, const struct leak *leak);

/* The leaks, each with what speaks for it and its call stack; with is_all also what does not grow.
 * Returns how many were written. */
uint64_t leaks_table_write(const struct table *table, const struct leaks *leaks, bool is_all);

/* What is live, how much of the run is judged. */
void leaks_table_write_head(FILE *out, const struct leaks *leaks);
/* What else there is besides the first so many. */
void leaks_table_write_rest(FILE *out, const struct leaks *leaks, uint64_t written);
/* The answer in a line or two. */
void leaks_table_write_answer(FILE *out, const struct leaks *leaks, const struct style *style);

/* "lines", "functions", … */
const char *leaks_noun(enum group_by group_by, uint64_t count);

#endif
