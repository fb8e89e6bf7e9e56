/* SPDX-License-Identifier: BSD-2-Clause */
/* series.c -- What the process used over time: points at regular intervals, from start to end.
 *
 * There is room for so many of them. When it is full, neighbours become one point with the least
 * and the largest of both, and the interval doubles; so a series of any length fits, and no peak
 * in it disappears. A point is written before it is counted, and the merged ones are written beside
 * the old ones before they take their place: a kill leaves a whole series at every instant. */
#include "series.h"

#include "clock.h"
#include "lock.h"
#include "looks.h"
#include "options.h"
#include "sys.h"
#include "trace_file.h"
#include "usage.h"

#include <sys/mman.h>

enum {
    SERIES_PAGE = 4096,
    HALF_POINTS = 4096,
    HALF_UNIT = 64,           /* points that end where a page does */
    READY_POINTS = 1024,      /* of a half, where the file may not grow later */
    HOLE_INTERVALS = 5,       /* points farther apart are not neighbours */
    FORGET_BYTES = 64 * 1024, /* written pages are given back in pieces of this */
    COST_SHARE = 20,          /* a point may take this part of the interval */
    COSTLY_POINTS = 8         /* in a row, before it is believed */
};

#define INTERVAL_MAX_NS (86400 * 1000000000ul)
#define AGAIN_NS 2000000ul                   /* what is sooner after one end is the same one */
#define LOST_INTERVAL_NS (60 * 1000000000ul) /* lost points do not make the interval longer */

static struct lock series_lock; /* guards all of this */
static bool is_kept;
static uint64_t due_ns;
static uint64_t ended_ns; /* when it last seemed to be the end */
static uint64_t reserved_bytes;
static uint64_t forgotten_bytes; /* of the active half */
static uint32_t costly_count;

/* --- merging --- */

static void merge_range(struct trace_range *into, struct trace_range later)
{
    if (later.max < 0)
        return;
    if (into->max < 0)
        *into = later;
    if (later.min < into->min)
        into->min = later.min;
    if (later.max > into->max)
        into->max = later.max;
}

static void merge_counter(int64_t *into, int64_t later)
{
    if (later >= 0)
        *into = later;
}

static void merge(struct trace_point *into, const struct trace_point *later)
{
    into->span_ns = later->time_ns - (into->time_ns - into->span_ns);
    into->time_ns = later->time_ns;
    merge_range(&into->rss_bytes, later->rss_bytes);
    merge_range(&into->pss_bytes, later->pss_bytes);
    merge_range(&into->uss_bytes, later->uss_bytes);
    merge_range(&into->live_bytes, later->live_bytes);
    merge_range(&into->mapped_bytes, later->mapped_bytes);
    merge_range(&into->thread_count, later->thread_count);
    merge_range(&into->cgroup_bytes, later->cgroup_bytes);
    merge_counter(&into->alloc_count, later->alloc_count);
    merge_counter(&into->alloc_bytes, later->alloc_bytes);
    merge_counter(&into->minor_faults, later->minor_faults);
    merge_counter(&into->major_faults, later->major_faults);
    merge_counter(&into->cpu_user_ns, later->cpu_user_ns);
    merge_counter(&into->cpu_system_ns, later->cpu_system_ns);
    if (later->rss_peak_bytes > into->rss_peak_bytes)
        into->rss_peak_bytes = later->rss_peak_bytes;
    if (later->cgroup_max_bytes)
        into->cgroup_max_bytes = later->cgroup_max_bytes;
}

static uint64_t distance_ns(const struct trace_point *a, const struct trace_point *b)
{
    return b->time_ns - b->span_ns - a->time_ns;
}

/* Writes pairs of neighbours as one point each; returns how many there are then. */
static uint64_t merge_pairs(const struct trace_point *from, uint64_t count, struct trace_point *to,
                            uint64_t hole_ns)
{
    uint64_t merged = 0;
    for (uint64_t i = 0; i < count; merged++) {
        to[merged] = from[i++];
        if (i < count && distance_ns(&from[i - 1], &from[i]) <= hole_ns)
            merge(&to[merged], &from[i++]);
    }
    return merged;
}

/* --- the two halves --- */

static uint64_t half_points(void)
{
    return trace.header->series_half_points;
}

static struct trace_point *half_start(uint32_t half)
{
    return trace.points + half * half_points();
}

static void publish(uint32_t half, uint64_t count)
{
    __atomic_store_n(&trace.header->series_points[half], count, __ATOMIC_RELEASE);
}

/* Makes the file hold so many points of a half. */
static bool reserve(uint32_t half, uint64_t count)
{
    uint64_t end = (half * half_points() + count) * sizeof(struct trace_point);
    if (count > half_points())
        return false;
    if (end <= reserved_bytes)
        return true;
    uint64_t more = round_up(end - reserved_bytes, SERIES_PAGE);
    uint64_t mask = lock_enter(&trace_lock);
    bool is_ok = trace_reserve(SECTION_SERIES, more) >= 0;
    if (is_ok)
        trace_publish(SECTION_SERIES);
    lock_leave(&trace_lock, mask);
    if (is_ok)
        reserved_bytes += more;
    return is_ok;
}

/* The pages stay in the kernel's cache, but do not count as the program's memory any more. */
static void forget_pages(uint32_t half, uint64_t from, uint64_t to)
{
    char *start = (char *)half_start(half);
    from = from / SERIES_PAGE * SERIES_PAGE;
    to = to / SERIES_PAGE * SERIES_PAGE;
    if (to > from)
        sys(__NR_madvise, start + from, to - from, MADV_DONTNEED);
}

static void forget_written(void)
{
    uint32_t half = trace.header->series_active;
    uint64_t used = trace.header->series_points[half] * sizeof(struct trace_point);
    if (used - forgotten_bytes < FORGET_BYTES)
        return;
    forget_pages(half, forgotten_bytes, used);
    forgotten_bytes = used;
}

static void lengthen_interval(void)
{
    uint64_t interval_ns = trace.header->series_interval_ns;
    if (interval_ns <= INTERVAL_MAX_NS / 2)
        __atomic_store_n(&trace.header->series_interval_ns, interval_ns * 2, __ATOMIC_RELAXED);
}

/* Holes stay, unless there is hardly anything else. False: there is no room in the file. */
static bool thin(void)
{
    struct trace_header *header = trace.header;
    uint32_t old = header->series_active, new = 1 - old;
    uint64_t count = header->series_points[old];
    publish(new, 0);
    if (!reserve(new, count))
        return false;
    const struct trace_point *from = half_start(old);
    uint64_t hole_ns = header->series_interval_ns * HOLE_INTERVALS;
    uint64_t merged = merge_pairs(from, count, half_start(new), hole_ns);
    if (merged > count / 4 * 3)
        merged = merge_pairs(from, count, half_start(new), UINT64_MAX);
    publish(new, merged);
    __atomic_store_n(&header->series_active, new, __ATOMIC_RELEASE);
    lengthen_interval();
    forget_pages(old, 0, round_up(count * sizeof *from, SERIES_PAGE));
    forgotten_bytes = 0;
    return true;
}

static bool make_room(void)
{
    struct trace_header *header = trace.header;
    if (header->series_points[header->series_active] >= half_points() && !thin())
        return false;
    return reserve(header->series_active, header->series_points[header->series_active] + 1);
}

/* --- points --- */

static void set_due(uint64_t now_ns)
{
    uint64_t interval_ns = trace.header->series_interval_ns;
    uint64_t since_ns = now_ns - trace.header->start_time_ns;
    __atomic_store_n(&due_ns, now_ns - since_ns % interval_ns + interval_ns, __ATOMIC_RELAXED);
}

static void note_cost(uint64_t took_ns)
{
    bool is_costly = took_ns > trace.header->series_interval_ns / COST_SHARE;
    costly_count = is_costly ? costly_count + 1 : 0;
    if (costly_count < COSTLY_POINTS)
        return;
    lengthen_interval();
    costly_count = 0;
}

static void lose_point(void)
{
    trace_count_anomaly(ANOMALY_SERIES_LOST);
    if (trace.header->series_interval_ns < LOST_INTERVAL_NS)
        lengthen_interval();
}

/* NULL: it could not be written. */
static const struct trace_point *add_point(enum usage_effort effort, uint32_t own_threads)
{
    struct trace_header *header = trace.header;
    uint64_t before_ns = usage_cpu_ns();
    if (!make_room()) {
        lose_point();
        return NULL;
    }
    uint64_t count = header->series_points[header->series_active];
    struct trace_point *point = half_start(header->series_active) + count;
    uint64_t now_ns = clock_monotonic_ns();
    usage_read(point, now_ns, effort, own_threads);
    point->time_ns = now_ns;
    point->span_ns = 0;
    publish(header->series_active, count + 1);
    if (point->pss_bytes.max < 0) /* PSS has a measure of its own */
        note_cost(usage_cpu_ns() - before_ns);
    forget_written();
    return point;
}

/* --- the interface --- */

void series_begin(void)
{
    struct trace_header *header = trace.header;
    uint64_t half_bytes = trace_capacity(SECTION_SERIES) / 2 / SERIES_PAGE * SERIES_PAGE;
    uint64_t points = half_bytes / sizeof(struct trace_point);
    is_kept = options.has_ticker && options.rss_interval_ns;
    reserved_bytes = forgotten_bytes = 0;
    costly_count = 0;
    ended_ns = 0;
    points = points / HALF_UNIT * HALF_UNIT;
    header->series_half_points = points < HALF_POINTS ? points : HALF_POINTS;
    header->series_interval_ns = is_kept ? options.rss_interval_ns : 0;
    due_ns = UINT64_MAX;
    if (!is_kept)
        return;
    usage_begin();
    looks_begin();
    add_point(USAGE_FIRST, 0);
    set_due(header->start_time_ns);
}

/* A half can be made smaller as long as nothing is in the second one. */
void series_make_ready(void)
{
    uint64_t mask = lock_enter(&series_lock);
    struct trace_header *header = trace.header;
    bool is_first = header->series_active == 0 && header->series_points[0] <= READY_POINTS / 2;
    if (is_kept && is_first && half_points() > READY_POINTS)
        header->series_half_points = READY_POINTS;
    if (is_kept)
        reserve(1, half_points());
    lock_leave(&series_lock, mask);
}

void series_after_fork(void)
{
    lock_reset(&series_lock);
    is_kept = false;
    due_ns = UINT64_MAX;
}

uint64_t series_due_ns(void)
{
    return __atomic_load_n(&due_ns, __ATOMIC_RELAXED);
}

void series_tick(uint32_t own_threads)
{
    uint64_t mask = lock_enter(&series_lock);
    if (is_kept) {
        const struct trace_point *point = add_point(USAGE_REGULAR, own_threads);
        set_due(clock_monotonic_ns());
        if (point)
            looks_tick(point);
    }
    lock_leave(&series_lock, mask);
}

/* At exit(), and again at what that leads to: between them are the program's own handlers, which
 * mostly do nothing. A program whose system calls are filtered is not to be asked for any. */
void series_end(uint32_t own_threads)
{
    if (!__atomic_load_n(&is_kept, __ATOMIC_RELAXED))
        return;
    uint64_t mask = lock_enter(&series_lock);
    if (clock_monotonic_ns() - ended_ns > AGAIN_NS) {
        const struct trace_point *point = add_point(USAGE_LAST, own_threads);
        if (point)
            looks_end(point);
        ended_ns = clock_monotonic_ns();
    }
    lock_leave(&series_lock, mask);
}

void series_stop(void)
{
    __atomic_store_n(&is_kept, false, __ATOMIC_RELAXED);
    __atomic_store_n(&due_ns, UINT64_MAX, __ATOMIC_RELAXED);
}
