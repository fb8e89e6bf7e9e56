/* SPDX-License-Identifier: BSD-2-Clause */
/* looks.c -- When to look what the resident memory is made of, and which looks to keep.
 *
 * A look costs what the kernel and the table of blocks take for every page. So there is one when
 * the resident memory has become another than at the last look, and only while all looks together
 * are a small part of the time: the largest RSS has one that is not far from it, as soon as it has
 * lasted for long enough to be worth it. */
#include "looks.h"

#include "lock.h"
#include "residence.h"
#include "rss.h"
#include "sampler.h"
#include "text.h"
#include "trace_file.h"
#include "usage.h"

#include <stdbool.h>

enum {
    LOOKS_MAX = 32,
    SHARE = 2000,      /* looks may take this part of the time, … */
    PEAK_SHARE = 1000, /* … this one for the sake of a new largest RSS, … */
    END_SHARE = 100,   /* … and this one, once, at the end */
    MOVED_SHARE = 32,  /* by this part, RSS is another */
    PAGE = 4096,
    PAGE_COST_NS = 60, /* until one has been measured */
    BASE_COST_NS = 300 * 1000,
    CREDIT_NS = 2 * 1000 * 1000,          /* for the beginning */
    SHORT_NS = 100 * 1000 * 1000,         /* who ends before is not worth one */
    SAMPLER_PATIENCE_NS = 5 * 1000 * 1000 /* it has to wait for us */
};

#define REGULAR_NS (600 * 1000000000ul) /* also of an RSS that stays what it is */

_Static_assert(LOOKS_MAX * sizeof(struct trace_residence) == PAGE, "all that the section holds");

static bool is_kept;
static uint64_t spent_ns;     /* CPU time */
static int64_t largest_bytes; /* RSS that a look has seen */

static struct {
    uint64_t time_ns; /* 0: there was none */
    uint64_t cost_ns;
    int64_t rss_bytes;
    int64_t minor_faults;
} last;

/* --- which to keep --- */

static bool is_whole(const struct trace_residence *residence)
{
    return residence->time_ns && residence->time_ns == residence->end_time_ns;
}

static uint32_t largest_look(void)
{
    uint32_t largest = 0;
    for (uint32_t i = 1; i < LOOKS_MAX; i++)
        if (trace.looks[i].rss_bytes > trace.looks[largest].rss_bytes)
            largest = i;
    return largest;
}

/* How far apart its neighbours in time are; the latest one has one only. */
static uint64_t gap_without(uint32_t number)
{
    uint64_t time_ns = trace.looks[number].time_ns;
    uint64_t before_ns = trace.header->start_time_ns, after_ns = UINT64_MAX;
    for (uint32_t i = 0; i < LOOKS_MAX; i++) {
        uint64_t other_ns = trace.looks[i].time_ns;
        if (other_ns < time_ns && other_ns > before_ns)
            before_ns = other_ns;
        if (other_ns > time_ns && other_ns < after_ns)
            after_ns = other_ns;
    }
    return after_ns == UINT64_MAX ? UINT64_MAX : after_ns - before_ns;
}

static struct trace_residence *choose_place(void)
{
    uint32_t largest = largest_look(), chosen = 0;
    uint64_t least_ns = UINT64_MAX;
    for (uint32_t i = 0; i < LOOKS_MAX; i++) {
        if (!is_whole(&trace.looks[i]))
            return &trace.looks[i];
        uint64_t gap_ns = i == largest ? UINT64_MAX : gap_without(i);
        if (gap_ns >= least_ns)
            continue;
        least_ns = gap_ns;
        chosen = i;
    }
    return &trace.looks[chosen];
}

/* In an order in which nobody takes half of it for a whole. */
static void keep(struct trace_residence *residence, uint64_t time_ns)
{
    struct trace_residence *place = choose_place();
    residence->time_ns = residence->end_time_ns = 0;
    __atomic_store_n(&place->end_time_ns, 0, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    *place = *residence;
    __atomic_store_n(&place->time_ns, time_ns, __ATOMIC_RELEASE);
    __atomic_store_n(&place->end_time_ns, time_ns, __ATOMIC_RELEASE);
}

/* --- when to look --- */

static uint64_t expected_cost_ns(int64_t rss_bytes)
{
    int64_t more_bytes = rss_bytes > last.rss_bytes ? rss_bytes - last.rss_bytes : 0;
    return (last.time_ns ? last.cost_ns : BASE_COST_NS) +
           (uint64_t)more_bytes / PAGE * PAGE_COST_NS;
}

static bool is_affordable(const struct trace_point *point, uint64_t share)
{
    uint64_t age_ns = point->time_ns - trace.header->start_time_ns;
    return spent_ns + expected_cost_ns(point->rss_bytes.max) <= CREDIT_NS + age_ns / share;
}

/* A program that sleeps has nothing new to show. */
static bool has_moved(const struct trace_point *point)
{
    int64_t moved_bytes = point->rss_bytes.max - last.rss_bytes;
    if (moved_bytes < 0)
        moved_bytes = -moved_bytes;
    return moved_bytes > last.rss_bytes / MOVED_SHARE ||
           (point->time_ns - last.time_ns > REGULAR_NS && point->minor_faults != last.minor_faults);
}

static void look(const struct trace_point *point)
{
    static struct trace_residence residence;
    uint64_t before_ns = usage_cpu_ns();
    int64_t now_bytes = rss_bytes();
    bool is_known = now_bytes > 0 && residence_read(&residence);
    last.cost_ns = usage_cpu_ns() - before_ns;
    last.time_ns = point->time_ns;
    last.rss_bytes = point->rss_bytes.max;
    last.minor_faults = point->minor_faults;
    spent_ns += last.cost_ns;
    if (last.rss_bytes > largest_bytes)
        largest_bytes = last.rss_bytes;
    residence.rss_bytes = now_bytes;
    residence.cost_ns = last.cost_ns;
    if (is_known)
        keep(&residence, point->time_ns);
}

/* --- the interface --- */

void looks_begin(void)
{
    uint64_t mask = lock_enter(&trace_lock);
    is_kept = trace_reserve(SECTION_RESIDENCE, PAGE) >= 0;
    if (is_kept)
        trace_publish(SECTION_RESIDENCE);
    lock_leave(&trace_lock, mask);
    memset(&last, 0, sizeof last);
    spent_ns = 0;
    largest_bytes = 0;
}

void looks_tick(const struct trace_point *point)
{
    int64_t now_bytes = point->rss_bytes.max;
    if (!is_kept || now_bytes < 0 || !has_moved(point))
        return;
    bool is_peak = now_bytes > largest_bytes + largest_bytes / MOVED_SHARE;
    bool is_in_the_way = sampler_is_on() && expected_cost_ns(now_bytes) > SAMPLER_PATIENCE_NS;
    if (!is_in_the_way && is_affordable(point, is_peak ? PEAK_SHARE : SHARE))
        look(point);
}

void looks_end(const struct trace_point *point)
{
    uint64_t age_ns = point->time_ns - trace.header->start_time_ns;
    if (is_kept && point->rss_bytes.max >= 0 && age_ns >= SHORT_NS &&
        is_affordable(point, END_SHARE))
        look(point);
}
