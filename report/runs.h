/* SPDX-License-Identifier: BSD-2-Clause */
/* runs.h -- What is plotted: the series of one or several traces.
 *
 * Each trace has its own clock, which begins at its start; so runs can be laid over one another.
 * Its children are on its clock. */
#ifndef MEMTRACE_RUNS_H
#define MEMTRACE_RUNS_H

#include "series.h"
#include "timeline.h"

struct run {
    char *path;
    char *name;
    struct trace trace; /* of a sum: of the first of them */
    struct series series;
    uint64_t begin_ns; /* on the clock */
    uint64_t end_ns;
    uint32_t process_count; /* that were summed up */
    bool is_child;
};

struct runs {
    struct run *items;
    size_t count;
    size_t unread_count; /* children whose traces could not be read */
};

enum children {
    CHILDREN_NO,
    CHILDREN_SUMMED, /* with the program: one run */
    CHILDREN_APART   /* each a run */
};

/* Adds the trace at path. On failure the runs are as they were. */
bool runs_add(struct runs *runs, const char *path, enum children children, struct error *error);
void runs_finish(struct runs *runs);

/* Sums up children until limit runs are left, those with the highest peaks by themselves. */
bool runs_fold(struct runs *runs, enum quantity quantity, size_t limit, struct error *error);

/* Whether anything is known of a quantity. */
bool runs_know(const struct runs *runs, enum quantity quantity);
/* Over time, with the peak, which the recorder knows better than the readings. False when out of
 * memory.
 */
bool run_timeline(const struct run *run, enum quantity quantity, struct timeline *timeline);

#endif
