/* SPDX-License-Identifier: BSD-2-Clause */
/* sites.h -- The call sites of a trace with their figures.
 *
 * A site has counters for each thread that allocated or freed there; its figures are their sums. */
#ifndef MEMTRACE_SITES_H
#define MEMTRACE_SITES_H

#include "trace.h"

struct sites {
    const struct trace *trace;
    uint32_t *order; /* the trace's owners by node, from [1] on; NULL: as they are */
};

/* False when out of memory. */
bool sites_init(struct sites *sites, const struct trace *trace);
void sites_finish(struct sites *sites);

struct site {
    uint32_t node;
    uint32_t first; /* place of its counters in the order, … */
    uint32_t count; /* … and how many there are */
    struct figures figures;
};

/* Goes through all sites that have figures, by ascending node. */
struct sites_walk {
    const struct sites *sites;
    uint32_t next;
};
struct sites_walk sites_walk(const struct sites *sites);
bool sites_walk_next(struct sites_walk *walk, struct site *site);

/* The id of the counters at a place in the order. */
uint32_t sites_counters(const struct sites *sites, uint32_t place);

/* The sum over all sites of a trace, and how many there are (ret_site_count may be NULL). */
struct figures trace_total(const struct trace *trace, uint32_t *ret_site_count);
/* The same of another domain than the one that is shown. */
struct figures trace_domain_total(const struct trace *trace, enum trace_domain domain);

#endif
