/* SPDX-License-Identifier: BSD-2-Clause */
/* timeline.c -- One quantity over time, ready to be drawn. */
#include "timeline.h"

#include <stdlib.h>
#include <string.h>

enum {
    RATE_SPANS = 20, /* in a hole: a quarter of an interval */
    RARE_HOLE = 3    /* times as far apart as usual is a gap, of what is read now and then only */
};

/* --- from a series --- */

/* These cost more to read, so that not every point has them: that is no gap. */
static bool is_rare(enum quantity quantity)
{
    return quantity == QUANTITY_PSS || quantity == QUANTITY_USS;
}

static int by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static uint64_t distance_ns(const struct timeline *timeline, size_t i)
{
    return timeline->samples[i].begin_ns - timeline->samples[i - 1].end_ns;
}

static bool part_rare(struct timeline *timeline)
{
    if (timeline->count < 2)
        return true;
    uint64_t *distances = malloc(timeline->count * sizeof *distances);
    if (!distances)
        return false;
    for (size_t i = 1; i < timeline->count; i++)
        distances[i - 1] = distance_ns(timeline, i);
    qsort(distances, timeline->count - 1, sizeof *distances, by_value);
    uint64_t usual_ns = distances[(timeline->count - 2) / 2];
    for (size_t i = 1; i < timeline->count; i++)
        timeline->samples[i].is_apart = distance_ns(timeline, i) / RARE_HOLE > usual_ns;
    free(distances);
    return true;
}

static struct sample sample_of(const struct series *series, size_t before, size_t i,
                               enum quantity quantity, bool *ret_is_known)
{
    const struct trace_point *from = &series->points[before];
    const struct trace_point *point = &series->points[i];
    struct sample sample = {.end_ns = point->time_ns};
    *ret_is_known = quantity_at(quantity, i ? from : NULL, point, &sample.min, &sample.max);
    sample.begin_ns = quantity_is_rate(quantity) ? from->time_ns : series_point_begin_ns(point);
    return sample;
}

static void take_values(struct timeline *timeline, const struct series *series,
                        enum quantity quantity)
{
    bool is_apart = false;
    for (size_t i = 0; i < series->count; i++) {
        bool is_known;
        struct sample sample = sample_of(series, i ? i - 1 : 0, i, quantity, &is_known);
        uint64_t hole_ns = i ? sample.begin_ns - series->points[i - 1].time_ns : 0;
        sample.is_apart = is_apart || hole_ns > series->hole_ns;
        is_apart = !is_known;
        if (is_known)
            timeline->samples[timeline->count++] = sample;
    }
}

/* Readings that are hardly apart, as those of several processes, say little of how fast: the rate
 * is taken over several then. */
static uint64_t rate_span_ns(const struct series *series)
{
    return series->hole_ns == UINT64_MAX ? 0 : series->hole_ns / RATE_SPANS;
}

static void take_rates(struct timeline *timeline, const struct series *series,
                       enum quantity quantity)
{
    bool is_apart = false;
    size_t from = 0; /* of the rate at hand */
    size_t last = 0; /* of the rate before it */
    for (size_t i = 1; i < series->count; i++) {
        uint64_t span_ns = series->points[i].time_ns - series->points[from].time_ns;
        bool is_short = span_ns < rate_span_ns(series);
        bool is_known;
        if (is_short && i + 1 < series->count)
            continue;
        if (is_short && timeline->count && !is_apart) { /* the end goes with what was before it */
            is_apart = timeline->samples[--timeline->count].is_apart;
            from = last;
        }
        struct sample sample = sample_of(series, from, i, quantity, &is_known);
        sample.is_apart = is_apart;
        is_apart = !is_known;
        if (is_known)
            timeline->samples[timeline->count++] = sample;
        last = from;
        from = i;
    }
}

bool timeline_init(struct timeline *timeline, const struct series *series, enum quantity quantity)
{
    *timeline = (struct timeline){.samples = calloc(series->count + 1, sizeof(struct sample))};
    if (!timeline->samples)
        return false;
    if (quantity_is_rate(quantity))
        take_rates(timeline, series, quantity);
    else
        take_values(timeline, series, quantity);
    if (timeline->count)
        timeline->samples[0].is_apart = false;
    if (!is_rare(quantity) || part_rare(timeline))
        return true;
    timeline_finish(timeline);
    return false;
}

void timeline_finish(struct timeline *timeline)
{
    free(timeline->samples);
    *timeline = (struct timeline){0};
}

/* --- changes --- */

static void widen(struct sample *sample, double value)
{
    sample->min = value < sample->min ? value : sample->min;
    sample->max = value > sample->max ? value : sample->max;
}

/* The first sample that does not end before a moment. */
static size_t find(const struct timeline *timeline, uint64_t time_ns)
{
    size_t low = 0;
    size_t high = timeline->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (timeline->samples[middle].end_ns < time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool timeline_add(struct timeline *timeline, uint64_t time_ns, double value)
{
    size_t at = find(timeline, time_ns);
    if (at < timeline->count && timeline->samples[at].begin_ns <= time_ns) {
        widen(&timeline->samples[at], value);
        return true;
    }
    struct sample *samples = realloc(timeline->samples, (timeline->count + 2) * sizeof *samples);
    if (!samples)
        return false;
    memmove(samples + at + 1, samples + at, (timeline->count - at) * sizeof *samples);
    bool is_apart = at < timeline->count && samples[at + 1].is_apart;
    samples[at] = (struct sample){time_ns, time_ns, value, value, is_apart};
    timeline->samples = samples;
    timeline->count++;
    return true;
}

static double on_the_way(double from, double to, uint64_t done, uint64_t whole)
{
    return whole ? from + (to - from) * ((double)done / (double)whole) : to;
}

bool timeline_at(const struct timeline *timeline, uint64_t time_ns, double *ret_min,
                 double *ret_max)
{
    size_t at = find(timeline, time_ns);
    if (at == timeline->count)
        return false;
    const struct sample *sample = &timeline->samples[at];
    if (sample->begin_ns <= time_ns) {
        *ret_min = sample->min;
        *ret_max = sample->max;
        return true;
    }
    if (at == 0 || sample->is_apart)
        return false;
    const struct sample *before = sample - 1;
    uint64_t done = time_ns - before->end_ns;
    uint64_t whole = sample->begin_ns - before->end_ns;
    *ret_min = on_the_way(before->min, sample->min, done, whole);
    *ret_max = on_the_way(before->max, sample->max, done, whole);
    return true;
}

bool timeline_within(const struct timeline *timeline, struct window window, double *ret_min,
                     double *ret_max)
{
    struct sample sum = {0};
    bool is_known = timeline_at(timeline, window.from_ns, &sum.min, &sum.max);
    double edge[2];
    for (size_t i = find(timeline, window.from_ns);
         i < timeline->count && timeline->samples[i].begin_ns <= window.to_ns; i++) {
        if (!is_known)
            sum = timeline->samples[i];
        widen(&sum, timeline->samples[i].min);
        widen(&sum, timeline->samples[i].max);
        is_known = true;
    }
    if (timeline_at(timeline, window.to_ns, &edge[0], &edge[1])) {
        if (!is_known)
            sum = (struct sample){.min = edge[0], .max = edge[1]};
        widen(&sum, edge[0]);
        widen(&sum, edge[1]);
        is_known = true;
    }
    *ret_min = sum.min;
    *ret_max = sum.max;
    return is_known;
}

/* What lies across an end of the window is cut there, so that lines run to its edges. */
void timeline_clip(struct timeline *timeline, struct window window)
{
    struct sample edges[2];
    bool is_edge[2];
    const uint64_t ends[2] = {window.from_ns, window.to_ns};
    size_t kept = 0;
    for (int i = 0; i < 2; i++) {
        edges[i] = (struct sample){.begin_ns = ends[i], .end_ns = ends[i]};
        is_edge[i] = timeline_at(timeline, ends[i], &edges[i].min, &edges[i].max);
    }
    size_t first = find(timeline, window.from_ns);
    bool has_before = first > 0 && first < timeline->count && is_edge[0] &&
                      timeline->samples[first].begin_ns > window.from_ns;
    bool has_after = false;
    if (has_before)
        timeline->samples[kept++] = edges[0]; /* first > 0: there is room */
    for (size_t i = first; i < timeline->count; i++) {
        struct sample sample = timeline->samples[i];
        if (sample.begin_ns > window.to_ns) {
            has_after = is_edge[1] && i > 0 && timeline->samples[i - 1].end_ns < window.to_ns;
            break;
        }
        sample.begin_ns = sample.begin_ns > window.from_ns ? sample.begin_ns : window.from_ns;
        sample.end_ns = sample.end_ns < window.to_ns ? sample.end_ns : window.to_ns;
        timeline->samples[kept++] = sample;
    }
    if (has_after)
        timeline->samples[kept++] = edges[1]; /* instead of the one that was left out */
    timeline->count = kept;
    if (kept)
        timeline->samples[0].is_apart = false;
}

static size_t bucket_of(uint64_t time_ns, struct window window, size_t count)
{
    double width = (double)(window.to_ns - window.from_ns);
    double place = time_ns > window.from_ns ? (double)(time_ns - window.from_ns) : 0;
    return width > 0 ? (size_t)(place / width * (double)count) : 0;
}

static void merge(struct sample *into, const struct sample *sample)
{
    into->end_ns = sample->end_ns;
    widen(into, sample->min);
    widen(into, sample->max);
}

void timeline_reduce(struct timeline *timeline, struct window window, size_t limit)
{
    size_t kept = 0;
    if (timeline->count <= limit)
        return;
    for (size_t i = 0; i < timeline->count; i++) {
        const struct sample *sample = &timeline->samples[i];
        bool is_same = kept && bucket_of(timeline->samples[kept - 1].begin_ns, window, limit) ==
                                   bucket_of(sample->end_ns, window, limit);
        if (is_same)
            merge(&timeline->samples[kept - 1], sample);
        else
            timeline->samples[kept++] = *sample;
    }
    timeline->count = kept;
}

/* --- questions --- */

const struct sample *timeline_peak(const struct timeline *timeline)
{
    const struct sample *peak = NULL;
    for (size_t i = 0; i < timeline->count; i++)
        if (!peak || timeline->samples[i].max > peak->max)
            peak = &timeline->samples[i];
    return peak;
}

double timeline_low(const struct timeline *timeline)
{
    double low = timeline->count ? timeline->samples[0].min : 0;
    for (size_t i = 1; i < timeline->count; i++)
        low = timeline->samples[i].min < low ? timeline->samples[i].min : low;
    return low;
}
