/* SPDX-License-Identifier: BSD-2-Clause */
/* statistics.h -- The figures of a trace, grouped and sorted as tracemalloc does. */
#ifndef MEMTRACE_STATISTICS_H
#define MEMTRACE_STATISTICS_H

#include "filter.h"
#include "grouping.h"
#include "sites.h"
#include "stacks.h"

/* What to sort by, and what a line of the table shows. */
enum measure {
    MEASURE_LIVE,
    MEASURE_PEAK,
    MEASURE_TOTAL,
    MEASURE_COUNT,
    MEASURE_TEMPORARY,
    MEASURE_COUNT_OF
};

struct statistic {
    struct figures figures;
    uint32_t frame;    /* one that stands for the group; NO_FRAME for a thread */
    uint32_t via;      /* the runtime function that its largest site called, or NO_FRAME */
    bool is_via_mixed; /* others called other ones */
    uint32_t node;     /* a stack of the group */
    uint32_t thread;   /* with GROUP_BY_THREAD */
    int64_t via_weight;
};

struct statistics {
    const struct stacks *stacks;
    const struct filters *filters;
    enum group_by group_by;
    enum measure measure;
    struct statistic *items;
    uint32_t *frame_order; /* per frame its place among their names */
    uint64_t limit;        /* so many of the first items are in order, 0: all */
    uint32_t count;
    struct figures total; /* of what the filters kept, everything once */
    uint32_t site_count;
};

struct statistics_query {
    enum group_by group_by;
    enum measure measure;
    bool is_cumulative; /* charge every line of a stack, each once */
    bool is_live_only;  /* drop groups of which no block is live */
    const struct filters *filters;
    uint64_t limit; /* how many will be looked at in order, 0: all */
};

bool statistics_init(struct statistics *statistics, const struct stacks *stacks,
                     const struct statistics_query *query, struct error *error);
void statistics_finish(struct statistics *statistics);

/* Sorts by another measure: largest first, ties by count and then by name, descending. False when
 * out of memory, the order as it was. */
bool statistics_sort(struct statistics *statistics, enum measure measure);

/* The pair a measure shows. */
struct amount {
    int64_t size_bytes;
    int64_t count;
};
struct amount figures_amount(const struct figures *figures, enum measure measure);
/* How far, as a standard error, bytes estimated from samples are off at most: each sampled
 * allocation of size s recorded with probability p adds s^2 (1 - p) / p to the variance of the sum,
 * which is never more than s times the mean bytes between samples. 0 when all is recorded. */
double figures_standard_error(int64_t size_bytes, uint64_t sample_bytes);

/* The one of the two that sorts first; zero means that there is nothing to show. */
int64_t figures_rank(const struct figures *figures, enum measure measure);

/* What a thread did. Its live figures are its allocations less its frees, whoever allocated what it
 * freed. */
struct figures thread_figures(const struct trace_thread *thread);

#endif
