/* SPDX-License-Identifier: BSD-2-Clause */
/* layers.h -- Who had how much live over time: the lines, functions or modules that had most.
 *
 * What is known is what the history knows, the figures at its ticks; and besides those at the peak
 * and at the end. Of moments that are too close to be told apart, the one with most live is taken.
 */
#ifndef MEMTRACE_LAYERS_H
#define MEMTRACE_LAYERS_H

#include "grouping.h"
#include "history.h"
#include "timeline.h"

struct layer {
    char *name;          /* as report names it; not escaped */
    int64_t *live_bytes; /* at each of the times */
    int64_t most_bytes;  /* in the window */
    bool is_rest;        /* of all others together: the last one, if there are others */
};

struct layers {
    uint64_t *times_ns; /* since the start, ascending */
    size_t time_count;
    struct layer *items; /* the one that had most first */
    size_t count;
};

struct layers_query {
    enum group_by group_by;
    size_t limit; /* of layers, the rest besides */
    struct window window;
    size_t resolution; /* times at most */
};

bool layers_init(struct layers *layers, const struct stacks *stacks, const struct history *history,
                 const struct layers_query *query, struct error *error);
void layers_finish(struct layers *layers);

#endif
