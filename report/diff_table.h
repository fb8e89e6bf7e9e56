/* SPDX-License-Identifier: BSD-2-Clause */
/* diff_table.h -- Differences as text: the very lines of tracemalloc's StatisticDiff. */
#ifndef MEMTRACE_DIFF_TABLE_H
#define MEMTRACE_DIFF_TABLE_H

#include "compare.h"
#include "label.h"
#include "table.h"

/* "size=204 KiB (+204 KiB), count=20000 (+20000), average=10 B" */
void diff_table_write_amount(FILE *out, const struct difference *item);

/* What an item is called, to be freed; NULL when out of memory. */
char *diff_label(const struct comparison *comparison, const struct difference *item,
                 enum label_style style);

/* At most table->limit lines (0: all); returns how many were written. */
uint64_t diff_table_write(const struct table *table, const struct comparison *comparison);

/* As tracemalloc itself prints them; is_single: what the new side has, as Statistic. */
uint64_t diff_table_write_tracemalloc(const struct table *table,
                                      const struct comparison *comparison, bool is_single);

#endif
