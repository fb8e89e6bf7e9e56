/* SPDX-License-Identifier: BSD-2-Clause */
/* profile.h -- Where time went: of each function, line, file, module or thread its own time, and
 * that of all that it called.
 *
 * A sample counts once for each of them that is on its stack, however often it is there: recursion
 * never makes more than everything. Own times add up to the whole. */
#ifndef MEMTRACE_PROFILE_H
#define MEMTRACE_PROFILE_H

#include "call_tree.h"
#include "grouping.h"
#include "times.h"

struct profile_item {
    uint32_t frame;  /* one of it; NO_FRAME for a thread */
    uint32_t thread; /* by thread */
    struct times self;
    struct times total;
};

struct profile {
    const struct call_tree *tree;
    enum group_by group_by;     /* GROUP_BY_TRACEBACK: lines, each function's by themselves */
    struct profile_item *items; /* in no order */
    uint32_t count;
    struct times whole;
};

/* Of a tree of GRAIN_LINE. By thread it is of all samples, whatever the filters. */
bool profile_init(struct profile *profile, const struct call_tree *tree, enum group_by group_by,
                  struct error *error);
void profile_finish(struct profile *profile);

#endif
