/* SPDX-License-Identifier: BSD-2-Clause */
/* page_data.h -- A trace as the page wants it: JSON by columns, bounded in what may grow without
 * end.
 *
 * Per domain of memory or time that has figures: the tree of call stacks (a node is a caller and a
 * frame, callers first), the figures of the nodes at which stacks end, and, thinned, what changed
 * about these from tick to tick of the history. */
#ifndef MEMTRACE_PAGE_DATA_H
#define MEMTRACE_PAGE_DATA_H

#include "filter.h"
#include "json.h"
#include "stacks.h"

struct page_trace {
    const char *name; /* of the file, for people */
    struct trace *trace;
    struct stacks *stacks; /* of the trace */
    const struct filters *filters;
    bool has_source; /* lines of sources go into the page, too */
};

/* The value: an object. */
bool page_data_write(struct json *json, const struct page_trace *page, struct error *error);

#endif
