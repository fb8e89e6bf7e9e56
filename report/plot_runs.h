/* SPDX-License-Identifier: BSD-2-Clause */
/* plot_runs.h -- A plot of what programs used over time. */
#ifndef MEMTRACE_PLOT_RUNS_H
#define MEMTRACE_PLOT_RUNS_H

#include "layers.h"
#include "plot.h"
#include "runs.h"

struct plot_query {
    enum quantity quantities[QUANTITY_COUNT];
    size_t quantity_count;
    struct window window;
    const char *title;
    const char *subtitle;
    const struct layers *layers; /* under the lines; NULL: none */
    size_t resolution;           /* more values than that side by side are not seen */
    bool is_log;
    bool is_zoomed;
    bool has_slope;
    bool has_marks;
};

/* What is plotted if nobody asked: what there is of RSS and heap; of several runs one of them. */
size_t plot_default_quantities(const struct runs *runs, enum quantity quantities[QUANTITY_COUNT]);
/* From the start to the end of whatever runs longest. */
struct window plot_whole_window(const struct runs *runs);

bool plot_of_runs(struct plot *plot, const struct runs *runs, const struct plot_query *query,
                  struct error *error);
/* Adds the marks and phases of a trace. False when out of memory. */
bool plot_add_events(struct plot *plot, const struct trace *trace);

#endif
