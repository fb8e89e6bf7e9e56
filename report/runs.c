/* SPDX-License-Identifier: BSD-2-Clause */
/* runs.c -- What is plotted: the series of one or several traces. */
#include "runs.h"

#include "family.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void finish_run(struct run *run)
{
    series_finish(&run->series);
    trace_close(&run->trace);
    free(run->path);
    free(run->name);
    *run = (struct run){0};
}

void runs_finish(struct runs *runs)
{
    for (size_t i = 0; i < runs->count; i++)
        finish_run(&runs->items[i]);
    free(runs->items);
    *runs = (struct runs){0};
}

/* --- loading --- */

static char *name_of(const struct trace *trace, const char *path)
{
    char *name = NULL;
    const char *program = *trace->program ? trace->program : path;
    if (asprintf(&name, "%s (%" PRIu32 ")", text_basename(program), trace->header.pid) < 0)
        return NULL;
    return name;
}

/* What a series is made of is quickly read, a whole trace is not. */
static bool open_trace(struct trace *trace, const char *path, struct error *error)
{
    if (!trace_open_series(trace, path, error))
        return false;
    if (trace->point_count)
        return true;
    trace_close(trace);
    return trace_open(trace, path, error);
}

/* origin_ns NULL: its own start. */
static bool load(struct run *run, const char *path, const uint64_t *origin_ns, struct error *error)
{
    *run = (struct run){.path = strdup(path), .process_count = 1};
    bool is_ok = run->path ? open_trace(&run->trace, path, error) : error_out_of_memory(error);
    if (is_ok) {
        uint64_t start_ns = run->trace.header.start_time_ns;
        uint64_t origin = origin_ns ? *origin_ns : start_ns;
        run->begin_ns = start_ns > origin ? start_ns - origin : 0;
        run->end_ns = run->begin_ns + trace_duration_ns(&run->trace);
        run->name = name_of(&run->trace, path);
        is_ok = run->name ? series_init(&run->series, &run->trace, origin, error)
                          : error_out_of_memory(error);
    }
    if (!is_ok)
        finish_run(run);
    return is_ok;
}

static bool append(struct runs *runs, struct run *run)
{
    struct run *items = realloc(runs->items, (runs->count + 1) * sizeof *items);
    if (!items)
        return false;
    runs->items = items;
    runs->items[runs->count++] = *run;
    *run = (struct run){0};
    return true;
}

/* That of the heap is known exactly, that of RSS by the kernel's account, which has no moments
 * between two readings. */
static bool find_peak(const struct run *run, enum quantity quantity, int64_t *ret_size_bytes,
                      uint64_t *ret_time_ns)
{
    const struct trace_header *header = &run->trace.header;
    if (run->series.is_of_children)
        return false;
    if (quantity == QUANTITY_RSS)
        return series_peak_rss(&run->series, ret_size_bytes, ret_time_ns);
    *ret_time_ns = run->begin_ns + trace_peak_time_ns(&run->trace);
    *ret_size_bytes = (int64_t)header->peak_bytes;
    return quantity == QUANTITY_LIVE && *ret_size_bytes > 0 &&
           header->peak_time_ns >= header->start_time_ns && *ret_time_ns <= run->end_ns;
}

/* A sum is of the peaks, too, that no reading saw. */
static bool add_peaks(struct run *run)
{
    int64_t size_bytes;
    uint64_t time_ns;
    if (find_peak(run, QUANTITY_RSS, &size_bytes, &time_ns) &&
        !series_add(&run->series, SERIES_RSS, time_ns, size_bytes))
        return false;
    return !find_peak(run, QUANTITY_LIVE, &size_bytes, &time_ns) ||
           series_add(&run->series, SERIES_LIVE, time_ns, size_bytes);
}

/* Sums up the runs from first on, into the first of them. */
static bool sum_from(struct runs *runs, size_t first, struct error *error)
{
    size_t count = runs->count - first;
    struct run *into = &runs->items[first];
    struct series *parts = calloc(count, sizeof *parts);
    struct series sum;
    if (!parts)
        return error_out_of_memory(error);
    bool is_ok = true;
    for (size_t i = 0; is_ok && i < count; i++) {
        is_ok = add_peaks(&runs->items[first + i]) || error_out_of_memory(error);
        parts[i] = runs->items[first + i].series;
    }
    is_ok = is_ok && series_sum(&sum, parts, count, error);
    free(parts);
    if (!is_ok)
        return false;
    series_finish(&into->series);
    into->series = sum;
    for (size_t i = 1; i < count; i++) {
        struct run *run = &runs->items[first + i];
        into->process_count += run->process_count;
        into->end_ns = run->end_ns > into->end_ns ? run->end_ns : into->end_ns;
        finish_run(run);
    }
    runs->count = first + 1;
    return true;
}

static bool add_children(struct runs *runs, size_t first, struct error *error)
{
    struct family family;
    const struct run *parent = &runs->items[first];
    uint64_t origin_ns = parent->trace.header.start_time_ns;
    if (!family_init(&family, parent->path, &parent->trace, error))
        return false;
    bool is_ok = true;
    for (size_t i = 0; is_ok && i < family.count; i++) {
        struct run child;
        struct error ignored;
        if (!load(&child, family.members[i]->path, &origin_ns, &ignored)) {
            runs->unread_count++;
            continue;
        }
        child.is_child = true;
        is_ok = append(runs, &child) || error_out_of_memory(error);
        finish_run(&child);
    }
    family_finish(&family);
    return is_ok;
}

static void drop_from(struct runs *runs, size_t first)
{
    while (runs->count > first)
        finish_run(&runs->items[--runs->count]);
}

bool runs_add(struct runs *runs, const char *path, enum children children, struct error *error)
{
    struct run run;
    size_t first = runs->count;
    if (!load(&run, path, NULL, error))
        return false;
    bool is_ok = append(runs, &run) || error_out_of_memory(error);
    finish_run(&run);
    if (is_ok && children != CHILDREN_NO)
        is_ok = add_children(runs, first, error);
    if (is_ok && children == CHILDREN_SUMMED && runs->count > first + 1)
        is_ok = sum_from(runs, first, error);
    if (!is_ok)
        drop_from(runs, first);
    return is_ok;
}

/* --- questions --- */

bool run_timeline(const struct run *run, enum quantity quantity, struct timeline *timeline)
{
    int64_t peak;
    uint64_t time_ns;
    if (!timeline_init(timeline, &run->series, quantity))
        return false;
    return !find_peak(run, quantity, &peak, &time_ns) ||
           timeline_add(timeline, time_ns, (double)peak);
}

bool runs_know(const struct runs *runs, enum quantity quantity)
{
    for (size_t i = 0; i < runs->count; i++) {
        const struct series *series = &runs->items[i].series;
        double min;
        double max;
        for (size_t j = 0; j < series->count; j++)
            if (quantity_at(quantity, j ? &series->points[j - 1] : NULL, &series->points[j], &min,
                            &max))
                return true;
    }
    return false;
}

/* --- folding --- */

struct ranked {
    struct run run;
    double peak;
};

static double peak_of(const struct run *run, enum quantity quantity)
{
    struct timeline timeline;
    double peak = -1;
    if (!timeline_init(&timeline, &run->series, quantity))
        return peak;
    const struct sample *sample = timeline_peak(&timeline);
    if (sample)
        peak = sample->max;
    timeline_finish(&timeline);
    return peak;
}

/* The program first, then its children from the highest peak to the lowest. */
static int by_rank(const void *a, const void *b)
{
    const struct ranked *left = a;
    const struct ranked *right = b;
    if (left->run.is_child != right->run.is_child)
        return left->run.is_child ? 1 : -1;
    if (left->peak != right->peak)
        return left->peak > right->peak ? -1 : 1;
    return left->run.begin_ns < right->run.begin_ns ? -1 : left->run.begin_ns > right->run.begin_ns;
}

static bool rank(struct runs *runs, enum quantity quantity)
{
    struct ranked *ranked = calloc(runs->count, sizeof *ranked);
    if (!ranked)
        return false;
    for (size_t i = 0; i < runs->count; i++)
        ranked[i] = (struct ranked){runs->items[i], peak_of(&runs->items[i], quantity)};
    qsort(ranked, runs->count, sizeof *ranked, by_rank);
    for (size_t i = 0; i < runs->count; i++)
        runs->items[i] = ranked[i].run;
    free(ranked);
    return true;
}

bool runs_fold(struct runs *runs, enum quantity quantity, size_t limit, struct error *error)
{
    if (runs->count <= limit || limit < 2)
        return true;
    if (!rank(runs, quantity))
        return error_out_of_memory(error);
    if (!sum_from(runs, limit - 1, error))
        return false;
    struct run *rest = &runs->items[limit - 1];
    free(rest->name);
    rest->name = NULL;
    return asprintf(&rest->name, "%" PRIu32 " others together", rest->process_count) >= 0 ||
           error_out_of_memory(error);
}
