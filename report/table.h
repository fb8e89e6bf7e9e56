/* SPDX-License-Identifier: BSD-2-Clause */
/* table.h -- Statistics as text, in tracemalloc's words. */
#ifndef MEMTRACE_TABLE_H
#define MEMTRACE_TABLE_H

#include "source.h"
#include "statistics.h"
#include "terminal.h"

#include <stdio.h>

struct table {
    FILE *out;
    struct style style;
    struct sources *sources;
    uint64_t limit;      /* lines at most, 0: all */
    bool with_traceback; /* frames and their source under each line */
};

/* Writes the statistics that have something to show; returns how many were written. */
uint64_t table_write(const struct table *table, const struct statistics *statistics);

/* The frames of a stack under a line, oldest call first, their source beside them. */
void table_write_traceback(const struct table *table, const struct stacks *stacks, uint32_t node);

/* "size=204 KiB, count=20000, average=10 B", with sampling "size=204 KiB ±11.2 KiB, count=…" */
void table_write_amount(FILE *out, const struct figures *figures, enum measure measure,
                        uint64_t sample_bytes);

#endif
