/* SPDX-License-Identifier: BSD-2-Clause */
/* compare.h -- What has changed from one heap to another: tracemalloc's compare_to.
 *
 * Everything that is in either of the two is there, what has not changed included, in the order of
 * (|change of size|, size, |change of count|, count, name), largest first. */
#ifndef MEMTRACE_COMPARE_H
#define MEMTRACE_COMPARE_H

#include "naming.h"
#include "statistics.h"

enum {
    SIDE_OLD,
    SIDE_NEW,
    SIDE_COUNT
};

/* One of the two. */
struct compare_side {
    const struct stacks *stacks;
    const struct sites *sites; /* NULL: there is nothing */
};

struct compare_query {
    enum group_by group_by; /* not by thread */
    enum measure measure;   /* of these two the figures are shown; live, peak, total or count */
    bool is_cumulative;     /* charge every line of a stack */
    bool is_tracemalloc;    /* names, charges and order to the letter, and only what is live */
    const struct filters *filters;
};

struct difference {
    struct amount old;
    struct amount new;
    int64_t size_diff;
    int64_t count_diff;
    uint32_t side;         /* whose frame and node these are: the new one's where it has any */
    uint32_t frame;        /* one that stands for the group */
    uint32_t node;         /* the stack of it that has changed most */
    uint32_t stack_count;  /* different ones in it */
    uint32_t group;        /* number in naming: of a frame, or by traceback of a stack */
    uint64_t stack_change; /* of node's stack, in bytes */
};

struct comparison {
    struct compare_side sides[SIDE_COUNT];
    struct compare_query query;
    struct naming naming;
    struct difference *items;
    uint32_t count;
    struct amount totals[SIDE_COUNT]; /* of what the filters kept, everything once */
    uint32_t changed_count;           /* of the items */
};

bool comparison_init(struct comparison *comparison, const struct compare_side *old,
                     const struct compare_side *new, const struct compare_query *query,
                     struct error *error);
void comparison_finish(struct comparison *comparison);

#endif
