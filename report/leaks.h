/* SPDX-License-Identifier: BSD-2-Clause */
/* leaks.h -- Which lines grow and go on growing: what is live at each over the history of a run. */
#ifndef MEMTRACE_LEAKS_H
#define MEMTRACE_LEAKS_H

#include "grouping.h"
#include "sites.h"
#include "survival.h"
#include "trend.h"

enum {
    LEAKS_TICKS_MIN = 10 /* less history says nothing */
};

struct leaks_query {
    enum group_by group_by; /* not by thread */
    const struct filters *filters;
    const struct live_table
        *table;               /* of the running process, for the ages of its blocks; or NULL */
    uint64_t outlived_allocs; /* how many allocations a block has to outlive; 0: a tenth of all */
};

/* One line of the table. */
struct leak {
    uint32_t frame;       /* one that stands for all */
    uint32_t node;        /* the call stack that has grown most */
    uint32_t via;         /* the runtime function it called, or NO_FRAME */
    uint32_t stack_count; /* different ones in it */
    int64_t live_bytes;
    int64_t live_count;
    int64_t levels[TREND_PARTS]; /* medians of the bytes that were live */
    struct trend trend;
    double bytes_per_hour;
    double error_per_hour;
    int64_t young_bytes; /* by how much it grew in the last part */
    struct survival survival;
    int64_t stack_growth; /* of node, in bytes */
};

struct leaks {
    const struct stacks *stacks;
    struct leaks_query query;
    struct course course;
    struct leak *items; /* those that grow first, by how much at least; then the others */
    uint32_t count;
    uint32_t counts[TREND_STEADY + 1]; /* of each kind */
    uint64_t from_ns;                  /* what is judged, from the first point on */
    uint64_t until_ns;
    struct live_ages *ages;     /* per id of counters; NULL: not known */
    struct error no_ages;       /* why, if there is a table */
    struct threshold threshold; /* so long ago were the last outlived_allocs made */
    double bytes_per_hour;      /* of all that grow */
    double floor_per_hour;      /* so much it is at least, as of leak_floor */
    int64_t live_bytes;
    int64_t live_count;
};

/* Of the moment of the trace, which is its end or a tick. Fails also if there is too little
 * history. */
bool leaks_init(struct leaks *leaks, const struct stacks *stacks, const struct history *history,
                const struct leaks_query *query, struct error *error);
void leaks_finish(struct leaks *leaks);

/* Fails if what grows does so by more than this, all of it together: for sure, that is by its
 * floor. */
struct leaks_gate {
    uint64_t limit_bytes_per_hour;
};

bool leaks_fail(const struct leaks *leaks, const struct leaks_gate *gate);

/* At least by so many bytes per hour it grows, see trend_floor. */
double leak_floor(const struct leak *leak);

#endif
