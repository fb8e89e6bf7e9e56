/* SPDX-License-Identifier: BSD-2-Clause */
/* plot_data.h -- What was plotted, as numbers: JSON, CSV, and mprof's .dat. */
#ifndef MEMTRACE_PLOT_DATA_H
#define MEMTRACE_PLOT_DATA_H

#include "json.h"
#include "plot_runs.h"

#include <stdio.h>

/* One run is an object, several are an array of them. False when out of memory. */
bool plot_write_json(FILE *out, const struct runs *runs, const struct plot_query *query);
/* A point as an object; what is not known is left out. */
void plot_write_point(struct json *json, const struct trace_point *point);
/* A line for each point; what is not known is empty. */
void plot_write_csv(FILE *out, const struct runs *runs, const struct plot_query *query);
/* As memory_profiler's mprof reads it: the first run and its children. */
bool plot_write_mprof(FILE *out, const struct runs *runs, enum quantity quantity,
                      struct window window, struct error *error);

#endif
