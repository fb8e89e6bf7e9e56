/* SPDX-License-Identifier: BSD-2-Clause */
/* rss_table.h -- What the resident memory of a process was made of, at its peak and at its end. */
#ifndef MEMTRACE_RSS_TABLE_H
#define MEMTRACE_RSS_TABLE_H

#include "json.h"
#include "series.h"
#include "terminal.h"

#include <stdio.h>

/* The first point with the largest RSS; NULL: it was not recorded. */
const struct trace_point *rss_peak(const struct series *series);

/* series is known to have an RSS; last_word is what the moment of its last point is called. */
void rss_table_write(FILE *out, const struct series *series, const char *last_word,
                     const struct style *style);
void rss_table_write_json(struct json *json, const struct series *series);

#endif
