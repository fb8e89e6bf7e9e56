/* SPDX-License-Identifier: BSD-2-Clause */
/* series.c -- What a process used over time: the readings the recorder took, in order. */
#include "series.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    HOLE_INTERVALS = 5 /* a late reading is no hole */
};

static const uint64_t hole_least_ns = 1000000000;

static const size_t range_offsets[SERIES_RANGES] = {
    offsetof(struct trace_point, rss_bytes),    offsetof(struct trace_point, pss_bytes),
    offsetof(struct trace_point, uss_bytes),    offsetof(struct trace_point, live_bytes),
    offsetof(struct trace_point, mapped_bytes), offsetof(struct trace_point, thread_count),
    offsetof(struct trace_point, cgroup_bytes),
};

static const size_t counter_offsets[SERIES_COUNTERS] = {
    offsetof(struct trace_point, alloc_count),  offsetof(struct trace_point, alloc_bytes),
    offsetof(struct trace_point, minor_faults), offsetof(struct trace_point, major_faults),
    offsetof(struct trace_point, cpu_user_ns),  offsetof(struct trace_point, cpu_system_ns),
};

uint64_t series_point_begin_ns(const struct trace_point *point)
{
    return point->time_ns - point->span_ns;
}

struct trace_range *series_range(struct trace_point *point, size_t i)
{
    return (struct trace_range *)(void *)((char *)point + range_offsets[i]);
}

const struct trace_range *series_range_of(const struct trace_point *point, size_t i)
{
    return (const struct trace_range *)(const void *)((const char *)point + range_offsets[i]);
}

int64_t *series_counter(struct trace_point *point, size_t i)
{
    return (int64_t *)(void *)((char *)point + counter_offsets[i]);
}

int64_t series_counter_of(const struct trace_point *point, size_t i)
{
    return *(const int64_t *)(const void *)((const char *)point + counter_offsets[i]);
}

/* --- what the recorder wrote --- */

static bool take_values(struct trace_point *point)
{
    for (size_t i = 0; i < SERIES_RANGES; i++) {
        struct trace_range *range = series_range(point, i);
        if (range->min > range->max)
            return false;
        if (range->min < 0)
            *range = (struct trace_range){-1, -1};
    }
    for (size_t i = 0; i < SERIES_COUNTERS; i++)
        if (*series_counter(point, i) < 0)
            *series_counter(point, i) = -1;
    point->rss_peak_bytes = point->rss_peak_bytes > 0 ? point->rss_peak_bytes : 0;
    point->cgroup_max_bytes = point->cgroup_max_bytes > 0 ? point->cgroup_max_bytes : 0;
    return true;
}

/* Puts a point on our clock; end_ns is that of the point before it. */
static bool take_point(struct trace_point *point, uint64_t origin_ns, uint64_t end_ns)
{
    if (point->span_ns > point->time_ns)
        return false;
    uint64_t begin_ns = series_point_begin_ns(point);
    begin_ns = begin_ns > origin_ns ? begin_ns - origin_ns : 0;
    point->time_ns = point->time_ns > origin_ns ? point->time_ns - origin_ns : 0;
    point->span_ns = point->time_ns - begin_ns;
    return begin_ns >= end_ns && take_values(point);
}

static bool take_points(struct series *series, const struct trace *trace, uint64_t origin_ns,
                        struct error *error)
{
    uint64_t end_ns = 0;
    for (size_t i = 0; i < trace->point_count; i++) {
        struct trace_point *point = &series->points[i];
        *point = trace->points[i];
        if (!take_point(point, origin_ns, end_ns))
            return error_set(error, "point %zu of the series is damaged", i);
        end_ns = point->time_ns;
        series->count++;
    }
    return true;
}

/* --- what the history tells --- */

static const struct trace_point nothing_known = {
    .rss_bytes = {-1, -1},
    .pss_bytes = {-1, -1},
    .uss_bytes = {-1, -1},
    .live_bytes = {-1, -1},
    .mapped_bytes = {-1, -1},
    .thread_count = {-1, -1},
    .cgroup_bytes = {-1, -1},
    .alloc_count = -1,
    .alloc_bytes = -1,
    .minor_faults = -1,
    .major_faults = -1,
    .cpu_user_ns = -1,
    .cpu_system_ns = -1,
};

static bool is_heap(const struct trace *trace, uint32_t counters)
{
    return trace->owners[counters].thread_domain >> OWNER_DOMAIN_SHIFT == DOMAIN_HEAP;
}

/* What a forked child has from the start. */
static int64_t inherited_bytes(const struct trace *trace)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < trace->inherited_count && i < trace->owner_count; i++)
        if (is_heap(trace, i))
            sum += (uint64_t)trace->inherited[i].live_bytes;
    return (int64_t)sum;
}

static int64_t known(int64_t value)
{
    return value < 0 ? -1 : value;
}

static void add_heap(struct series *series, uint64_t time_ns, int64_t live_bytes,
                     int64_t alloc_count, int64_t alloc_bytes)
{
    struct trace_point point = nothing_known;
    uint64_t before_ns = series->count ? series->points[series->count - 1].time_ns : 0;
    point.time_ns = time_ns > before_ns ? time_ns : before_ns;
    point.live_bytes.min = point.live_bytes.max = known(live_bytes);
    point.alloc_count = known(alloc_count);
    point.alloc_bytes = known(alloc_bytes);
    series->points[series->count++] = point;
}

struct heap_sums {
    uint64_t alloc_count;
    uint64_t alloc_bytes;
    uint64_t live_bytes;
};

static void add_tick(struct heap_sums *sums, const struct history *history, uint32_t tick)
{
    struct history_walk walk = history_walk(history, tick);
    struct history_entry entry;
    while (history_walk_next(&walk, &entry)) {
        if (!is_heap(history->trace, entry.id))
            continue;
        sums->alloc_count += entry.alloc_count;
        sums->alloc_bytes += entry.alloc_bytes;
        sums->live_bytes += entry.alloc_bytes - entry.freed_bytes;
    }
}

/* The end of the program is a moment of which everything is known. */
static void add_end(struct series *series, const struct trace *trace, uint64_t shift_ns)
{
    uint64_t alloc_count = 0;
    uint64_t alloc_bytes = 0;
    int64_t live_bytes = 0;
    for (uint32_t i = 1; i < trace->owner_count; i++) {
        if (!is_heap(trace, i))
            continue;
        struct figures figures = trace_figures(trace, i);
        alloc_count += figures.alloc_count;
        alloc_bytes += figures.alloc_bytes;
        live_bytes = (int64_t)((uint64_t)live_bytes + (uint64_t)figures.live_bytes);
    }
    add_heap(series, shift_ns + trace_duration_ns(trace), live_bytes, (int64_t)alloc_count,
             (int64_t)alloc_bytes);
}

static bool take_history(struct series *series, const struct trace *trace, uint64_t shift_ns,
                         struct error *error)
{
    struct history history;
    struct heap_sums sums = {.live_bytes = (uint64_t)inherited_bytes(trace)};
    if (!history_init(&history, trace, error))
        return false;
    if (history.tick_count) {
        series->points = calloc((size_t)history.tick_count + 2, sizeof *series->points);
        series->is_heap_only = true;
        series->hole_ns = UINT64_MAX; /* ticks at which nothing had changed are left out */
    }
    if (series->points)
        add_heap(series, shift_ns, (int64_t)sums.live_bytes, 0, 0);
    for (uint32_t i = 0; series->points && i < history.tick_count; i++) {
        add_tick(&sums, &history, i);
        add_heap(series, shift_ns + history.ticks[i].time_ns, (int64_t)sums.live_bytes,
                 (int64_t)sums.alloc_count, (int64_t)sums.alloc_bytes);
    }
    if (series->points && trace_knows_all(trace))
        add_end(series, trace, shift_ns);
    bool is_ok = series->points || !history.tick_count;
    history_finish(&history);
    return is_ok || error_out_of_memory(error);
}

/* --- all --- */

bool series_init(struct series *series, const struct trace *trace, uint64_t origin_ns,
                 struct error *error)
{
    uint64_t start_ns = trace->header.start_time_ns;
    uint64_t interval_ns = trace->header.series_interval_ns;
    *series = (struct series){0};
    if (!trace->point_count)
        return take_history(series, trace, start_ns > origin_ns ? start_ns - origin_ns : 0, error);
    series->points = calloc(trace->point_count, sizeof *series->points);
    if (!series->points)
        return error_out_of_memory(error);
    series->hole_ns =
        interval_ns < UINT64_MAX / HOLE_INTERVALS ? interval_ns * HOLE_INTERVALS : UINT64_MAX;
    if (series->hole_ns < hole_least_ns)
        series->hole_ns = hole_least_ns;
    if (take_points(series, trace, origin_ns, error))
        return true;
    series_finish(series);
    return false;
}

void series_finish(struct series *series)
{
    free(series->points);
    *series = (struct series){0};
}

/* When a point's account of the peak rose: in it, or on the way to it. */
static uint64_t rise_ns(const struct series *series, size_t i)
{
    const struct trace_point *point = &series->points[i];
    uint64_t from_ns = series_point_begin_ns(point);
    if (i && !point->span_ns)
        from_ns = series->points[i - 1].time_ns;
    return from_ns + (point->time_ns - from_ns) / 2;
}

bool series_peak_rss(const struct series *series, int64_t *ret_size_bytes, uint64_t *ret_time_ns)
{
    *ret_size_bytes = -1;
    for (size_t i = 0; i < series->count; i++) {
        const struct trace_point *point = &series->points[i];
        if (point->rss_bytes.max > *ret_size_bytes) {
            *ret_size_bytes = point->rss_bytes.max;
            *ret_time_ns = point->time_ns - point->span_ns / 2;
        }
        if (point->rss_peak_bytes > 0 && point->rss_peak_bytes > *ret_size_bytes) {
            *ret_size_bytes = point->rss_peak_bytes;
            *ret_time_ns = rise_ns(series, i);
        }
    }
    return *ret_size_bytes >= 0;
}

/* --- several processes as one --- */

/* A process on the way through its points: those before next begin at the moment at hand, or
 * before it. */
struct part {
    const struct series *series;
    size_t next;
};

struct summing {
    struct part *parts; /* by their first reading */
    size_t count;
    size_t begun;  /* these many have been born */
    size_t *alive; /* numbers of those that were, and have not ended */
    size_t alive_count;
    int64_t ended[SERIES_COUNTERS]; /* what the others came to; -1 once it is not known of one */
    uint64_t *times;
    size_t time_count;
};

static uint64_t first_ns(const struct part *part)
{
    return series_point_begin_ns(&part->series->points[0]);
}

static uint64_t last_ns(const struct part *part)
{
    return part->series->points[part->series->count - 1].time_ns;
}

static int by_first(const void *a, const void *b)
{
    uint64_t left = first_ns(a);
    uint64_t right = first_ns(b);
    return left < right ? -1 : left > right;
}

static int by_time(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static bool take_parts(struct summing *summing, const struct series *parts, size_t count)
{
    size_t points = 0;
    for (size_t i = 0; i < count; i++)
        points += parts[i].count;
    summing->parts = calloc(count + 1, sizeof *summing->parts);
    summing->alive = calloc(count + 1, sizeof *summing->alive);
    summing->times = calloc(2 * points + 1, sizeof *summing->times);
    if (!summing->parts || !summing->alive || !summing->times)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].count)
            summing->parts[summing->count++].series = &parts[i];
        for (size_t j = 0; j < parts[i].count; j++) {
            summing->times[summing->time_count++] = series_point_begin_ns(&parts[i].points[j]);
            summing->times[summing->time_count++] = parts[i].points[j].time_ns;
        }
    }
    qsort(summing->parts, summing->count, sizeof *summing->parts, by_first);
    qsort(summing->times, summing->time_count, sizeof *summing->times, by_time);
    return true;
}

static int64_t add_known(int64_t a, int64_t b)
{
    int64_t sum;
    return a < 0 || b < 0 || __builtin_add_overflow(a, b, &sum) ? -1 : sum;
}

/* Where a value was on its way from one reading to the next, done of whole parts. */
static int64_t between(int64_t from, int64_t to, uint64_t done, uint64_t whole)
{
    if (from < 0 || to < 0)
        return -1;
    if (!whole)
        return to;
    return from + (int64_t)((__int128)(to - from) * (__int128)done / (__int128)whole);
}

static struct trace_range range_at(const struct part *part, size_t range, uint64_t time_ns)
{
    static const struct trace_range unknown = {-1, -1};
    const struct trace_point *before = &part->series->points[part->next - 1];
    const struct trace_range *from = series_range_of(before, range);
    if (time_ns <= before->time_ns)
        return *from;
    const struct trace_point *after = before + 1;
    const struct trace_range *to = series_range_of(after, range);
    uint64_t whole = series_point_begin_ns(after) - before->time_ns;
    uint64_t done = time_ns - before->time_ns;
    if (whole > part->series->hole_ns)
        return unknown;
    return (struct trace_range){between(from->min, to->min, done, whole),
                                between(from->max, to->max, done, whole)};
}

static int64_t counter_at(const struct part *part, size_t counter, uint64_t time_ns)
{
    const struct trace_point *points = part->series->points;
    size_t after = part->next - (time_ns <= points[part->next - 1].time_ns);
    int64_t to = series_counter_of(&points[after], counter);
    if (after == 0)
        return to;
    return between(series_counter_of(&points[after - 1], counter), to,
                   time_ns - points[after - 1].time_ns,
                   points[after].time_ns - points[after - 1].time_ns);
}

static struct trace_point point_at(const struct part *part, uint64_t time_ns)
{
    struct trace_point point = part->series->points[part->next];
    point.time_ns = time_ns;
    point.span_ns = 0;
    point.rss_peak_bytes = 0;
    for (size_t i = 0; i < SERIES_RANGES; i++)
        *series_range(&point, i) = range_at(part, i, time_ns);
    for (size_t i = 0; i < SERIES_COUNTERS; i++)
        *series_counter(&point, i) = counter_at(part, i, time_ns);
    return point;
}

bool series_add(struct series *series, size_t range, uint64_t time_ns, int64_t value)
{
    struct part part = {.series = series};
    while (part.next < series->count && series->points[part.next].time_ns < time_ns)
        part.next++;
    size_t at = part.next;
    if (at == series->count)
        return true;
    if (series_point_begin_ns(&series->points[at]) <= time_ns) {
        struct trace_range *known = series_range(&series->points[at], range);
        if (known->min >= 0 && known->max < value)
            known->max = value;
        return true;
    }
    if (at == 0)
        return true;
    struct trace_point point = point_at(&part, time_ns);
    if (series_range(&point, range)->min < 0)
        return true;
    *series_range(&point, range) = (struct trace_range){value, value};
    struct trace_point *points = realloc(series->points, (series->count + 1) * sizeof *points);
    if (!points)
        return false;
    memmove(points + at + 1, points + at, (series->count - at) * sizeof *points);
    points[at] = point;
    series->points = points;
    series->count++;
    return true;
}

/* Who is born at this moment, who has ended before it, and where the others are. */
static void advance(struct summing *summing, uint64_t time_ns)
{
    size_t kept = 0;
    while (summing->begun < summing->count && first_ns(&summing->parts[summing->begun]) <= time_ns)
        summing->alive[summing->alive_count++] = summing->begun++;
    for (size_t i = 0; i < summing->alive_count; i++) {
        struct part *part = &summing->parts[summing->alive[i]];
        const struct series *series = part->series;
        while (part->next < series->count &&
               series_point_begin_ns(&series->points[part->next]) <= time_ns)
            part->next++;
        if (last_ns(part) >= time_ns) {
            summing->alive[kept++] = summing->alive[i];
            continue;
        }
        for (size_t j = 0; j < SERIES_COUNTERS; j++)
            summing->ended[j] = add_known(summing->ended[j],
                                          series_counter_of(&series->points[series->count - 1], j));
    }
    summing->alive_count = kept;
}

static bool is_shared(size_t range)
{
    return range_offsets[range] == offsetof(struct trace_point, cgroup_bytes);
}

static void add_range(struct trace_range *sum, const struct trace_range *range, bool is_max)
{
    if (is_max && sum->min >= 0 && range->min >= 0) {
        sum->min = sum->min > range->min ? sum->min : range->min;
        sum->max = sum->max > range->max ? sum->max : range->max;
        return;
    }
    sum->min = add_known(sum->min, range->min);
    sum->max = add_known(sum->max, range->max);
    if (sum->min < 0 || sum->max < 0)
        *sum = (struct trace_range){-1, -1};
}

static struct trace_point sum_at(struct summing *summing, uint64_t time_ns)
{
    struct trace_point sum = {.time_ns = time_ns};
    for (size_t j = 0; j < SERIES_COUNTERS; j++)
        *series_counter(&sum, j) = summing->ended[j];
    for (size_t i = 0; i < summing->alive_count; i++) {
        const struct part *part = &summing->parts[summing->alive[i]];
        for (size_t j = 0; j < SERIES_RANGES; j++) {
            struct trace_range range = range_at(part, j, time_ns);
            add_range(series_range(&sum, j), &range, is_shared(j));
        }
        int64_t limit_bytes = part->series->points[part->next - 1].cgroup_max_bytes;
        if (limit_bytes > sum.cgroup_max_bytes)
            sum.cgroup_max_bytes = limit_bytes;
        for (size_t j = 0; j < SERIES_COUNTERS; j++)
            *series_counter(&sum, j) =
                add_known(*series_counter(&sum, j), counter_at(part, j, time_ns));
    }
    return sum;
}

static bool sum_all(struct series *sum, struct summing *summing)
{
    sum->points = calloc(summing->time_count + 1, sizeof *sum->points);
    for (size_t i = 0; sum->points && i < summing->time_count; i++) {
        if (i && summing->times[i] == summing->times[i - 1])
            continue;
        advance(summing, summing->times[i]);
        sum->points[sum->count++] = sum_at(summing, summing->times[i]);
    }
    return sum->points;
}

bool series_sum(struct series *sum, const struct series *parts, size_t count, struct error *error)
{
    struct summing summing = {0};
    *sum = (struct series){.is_of_children = true};
    for (size_t i = 0; i < count; i++) {
        sum->hole_ns = parts[i].hole_ns > sum->hole_ns ? parts[i].hole_ns : sum->hole_ns;
        sum->is_heap_only |= parts[i].is_heap_only;
    }
    bool is_ok = take_parts(&summing, parts, count) && sum_all(sum, &summing);
    free(summing.parts);
    free(summing.alive);
    free(summing.times);
    return is_ok || error_out_of_memory(error);
}
