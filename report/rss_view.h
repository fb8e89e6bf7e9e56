/* SPDX-License-Identifier: BSD-2-Clause */
/* rss_view.h -- The resident memory of a process: how much, and what it was made of. */
#ifndef MEMTRACE_RSS_VIEW_H
#define MEMTRACE_RSS_VIEW_H

#include "json.h"
#include "looks.h"
#include "series.h"
#include "terminal.h"

#include <stdio.h>

struct rss_view {
    const struct trace *trace;
    struct series series;
    struct looks looks;
    bool has_series;      /* which knows RSS */
    bool has_now;         /* the rest is for whoever looks at a running process to fill in: */
    struct residence now; /* what it is made of now */
    struct error no_now;  /* or why that is not known */
};

bool rss_view_init(struct rss_view *view, const struct trace *trace, struct error *error);
void rss_view_finish(struct rss_view *view);

void rss_view_write(FILE *out, const struct rss_view *view, const struct style *style);
void rss_view_write_json(struct json *json, const struct rss_view *view);

#endif
