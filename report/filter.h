/* SPDX-License-Identifier: BSD-2-Clause */
/* filter.h -- Which stacks to keep: tracemalloc's inclusive and exclusive patterns.
 *
 * A stack is kept if there are no inclusive filters or any of them matches, and no exclusive one
 * does. A filter looks at the charged frame, or with is_all_frames at every frame of the stack; one
 * that begins with "any-" does so by itself. What suppressions cover is not kept either. */
#ifndef MEMTRACE_FILTER_H
#define MEMTRACE_FILTER_H

#include "stacks.h"
#include "suppressions.h"

enum {
    FILTERS_MAX = 64
};

enum filter_subject {
    FILTER_FILE,
    FILTER_FUNCTION,
    FILTER_MODULE
};

struct filter {
    enum filter_subject subject;
    char *pattern;
    uint32_t line; /* 0: any */
    bool is_exclusive;
    bool is_all_frames;
};

struct filters {
    struct filter filters[FILTERS_MAX];
    size_t count;
    bool is_all_frames;
    bool is_tracemalloc; /* files are called as there, and held against patterns whole */
    struct suppressions *suppressions; /* NULL: none; they stay their owner's */
};

/* text is PATTERN or file:PATTERN[:LINE], function:PATTERN, module:PATTERN, or one of these three
 * after "any-". */
bool filters_add(struct filters *filters, const char *text, bool is_exclusive, struct error *error);
void filters_finish(struct filters *filters);
bool filters_keep(const struct filters *filters, const struct stacks *stacks, uint32_t node);

/* Counts for each suppression the live blocks that it alone keeps out. False when out of memory. */
bool filters_count_suppressed(const struct filters *filters, const struct stacks *stacks);

#endif
