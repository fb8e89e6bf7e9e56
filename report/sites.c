/* SPDX-License-Identifier: BSD-2-Clause */
/* sites.c -- The call sites of a trace with their figures. */
#include "sites.h"

#include "large.h"

#include <stdlib.h>
#include <string.h>

/* --- order --- */

/* With one thread the recorder adds nodes and their counters one after the other. */
static bool is_in_order(const struct trace *trace)
{
    for (uint32_t i = 2; i < trace->owner_count; i++)
        if (trace_site(trace, i) < trace_site(trace, i - 1))
            return false;
    return true;
}

enum {
    DIGIT_BITS = 11,
    DIGIT_COUNT = 1 << DIGIT_BITS
};

/* Sorts by one digit of the node; what is equal in it stays in its order. */
static void sort_by_digit(const struct trace *trace, unsigned shift, const uint32_t *from,
                          uint32_t *to)
{
    uint32_t starts[DIGIT_COUNT + 1] = {1};
    for (uint32_t i = 1; i < trace->owner_count; i++)
        starts[(trace_site(trace, i) >> shift) % DIGIT_COUNT + 1]++;
    for (uint32_t i = 0; i < DIGIT_COUNT; i++)
        starts[i + 1] += starts[i];
    for (uint32_t i = 1; i < trace->owner_count; i++)
        to[starts[(trace_site(trace, from[i]) >> shift) % DIGIT_COUNT]++] = from[i];
}

static uint32_t *sort_owners(const struct trace *trace)
{
    size_t size_bytes = ((size_t)trace->owner_count + 1) * sizeof(uint32_t);
    uint32_t *order = large_alloc(size_bytes);
    uint32_t *other = large_alloc(size_bytes);
    if (!order || !other) {
        free(order);
        free(other);
        return NULL;
    }
    for (uint32_t i = 0; i < trace->owner_count; i++)
        order[i] = i;
    for (unsigned shift = 0; shift < 32 && trace->node_count >> shift; shift += DIGIT_BITS) {
        sort_by_digit(trace, shift, order, other);
        uint32_t *sorted = other;
        other = order;
        order = sorted;
    }
    free(other);
    return order;
}

bool sites_init(struct sites *sites, const struct trace *trace)
{
    bool is_ok = is_in_order(trace);
    *sites = (struct sites){.trace = trace};
    if (!is_ok)
        sites->order = sort_owners(trace);
    return is_ok || sites->order;
}

void sites_finish(struct sites *sites)
{
    free(sites->order);
    *sites = (struct sites){0};
}

/* --- walking --- */

struct sites_walk sites_walk(const struct sites *sites)
{
    return (struct sites_walk){.sites = sites, .next = 1};
}

uint32_t sites_counters(const struct sites *sites, uint32_t place)
{
    return sites->order ? sites->order[place] : place;
}

/* Sums up the counters of the next node; false after the last. */
static bool take_site(struct sites_walk *walk, struct site *site)
{
    const struct sites *sites = walk->sites;
    const struct trace *trace = sites->trace;
    if (walk->next >= trace->owner_count)
        return false;
    uint32_t owner = sites_counters(sites, walk->next);
    *site = (struct site){.node = trace_site(trace, owner),
                          .first = walk->next++,
                          .count = 1,
                          .figures = trace_figures(trace, owner)};
    while (walk->next < trace->owner_count) {
        owner = sites_counters(sites, walk->next);
        if (trace_site(trace, owner) != site->node)
            break;
        struct figures figures = trace_figures(trace, owner);
        figures_add(&site->figures, &figures);
        site->count++;
        walk->next++;
    }
    return true;
}

bool sites_walk_next(struct sites_walk *walk, struct site *site)
{
    while (take_site(walk, site))
        if (site->node && !figures_are_zero(&site->figures))
            return true;
    return false;
}

/* --- all of them --- */

struct figures trace_total(const struct trace *trace, uint32_t *ret_site_count)
{
    struct sites sites;
    struct site site;
    struct figures total = {0};
    uint32_t count = 0;
    (void)sites_init(&sites, trace); /* the sum is right in any order */
    struct sites_walk walk = sites_walk(&sites);
    for (; sites_walk_next(&walk, &site); count++)
        figures_add(&total, &site.figures);
    sites_finish(&sites);
    if (ret_site_count)
        *ret_site_count = count;
    return total;
}

struct figures trace_domain_total(const struct trace *trace, enum trace_domain domain)
{
    struct trace other = *trace;
    other.domain = domain;
    return trace_total(&other, NULL);
}
