/* SPDX-License-Identifier: BSD-2-Clause */
/* course.c -- The course of a run from its start to its end: what each call site did, and when. */
#include "course.h"

#include "large.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Which of the ticks there are points for. */
struct ticks {
    const struct history *history;
    uint64_t origin_ns; /* the time of the first point */
    uint32_t first;     /* after the origin */
    uint32_t end;
};

/* What was before the figures were cleared is undone by the first tick after that. */
static uint32_t point_of(const struct ticks *ticks, uint32_t tick)
{
    return tick < ticks->first ? 1 : tick - ticks->first + 1;
}

static struct ticks find_ticks(const struct history *history)
{
    const struct trace *trace = history->trace;
    const struct trace_mark *clear = trace_last_clear(trace);
    struct ticks ticks = {.history = history, .end = history->tick_count};
    if (trace->instant.kind == INSTANT_TICK)
        ticks.end = trace->instant.tick_count;
    if (clear) {
        ticks.origin_ns = trace_mark_time_ns(trace, clear);
        ticks.first = history_ticks_until(history, ticks.origin_ns);
    }
    if (ticks.first > ticks.end)
        ticks.first = ticks.end;
    return ticks;
}

static uint64_t end_ns(const struct ticks *ticks)
{
    const struct trace *trace = ticks->history->trace;
    uint64_t time_ns =
        trace->instant.kind == INSTANT_TICK ? trace->instant.time_ns : trace_duration_ns(trace);
    uint64_t last_ns = ticks->end ? ticks->history->ticks[ticks->end - 1].time_ns : 0;
    time_ns = time_ns > last_ns ? time_ns : last_ns;
    return time_ns > ticks->origin_ns ? time_ns - ticks->origin_ns : 0;
}

static void set_times(struct course *course, const struct ticks *ticks)
{
    for (uint32_t i = ticks->first; i < ticks->end; i++)
        course->times_ns[point_of(ticks, i)] = ticks->history->ticks[i].time_ns - ticks->origin_ns;
    course->times_ns[course->point_count - 1] = end_ns(ticks);
}

/* --- changes --- */

/* What is of another domain than that which is shown is left out. */
static bool is_counted(const struct trace *trace, uint32_t id)
{
    return id && trace_site(trace, id);
}

static void count_changes(struct course *course, const struct ticks *ticks)
{
    for (uint32_t i = 0; i < ticks->end; i++) {
        struct history_walk walk = history_walk(ticks->history, i);
        struct history_entry entry;
        while (history_walk_next(&walk, &entry)) {
            if (!is_counted(course->trace, entry.id))
                continue;
            course->ends[entry.id]++;
            course->allocs[point_of(ticks, i)] += entry.alloc_count;
        }
    }
}

/* Room for all changes, and one more each for what comes after the last tick. */
static bool make_room(struct course *course)
{
    size_t used = 0;
    for (uint32_t id = 0; id < course->trace->owner_count; id++) {
        size_t count = course->ends[id] + 1;
        course->starts[id] = course->ends[id] = used;
        used += count;
    }
    course->changes = large_alloc((used + 1) * sizeof *course->changes);
    return course->changes;
}

static void fill_changes(struct course *course, const struct ticks *ticks)
{
    for (uint32_t i = 0; i < ticks->end; i++) {
        struct history_walk walk = history_walk(ticks->history, i);
        struct history_entry entry;
        while (history_walk_next(&walk, &entry))
            if (is_counted(course->trace, entry.id))
                course->changes[course->ends[entry.id]++] =
                    (struct change){.alloc_count = entry.alloc_count,
                                    .alloc_bytes = entry.alloc_bytes,
                                    .free_count = entry.free_count,
                                    .freed_bytes = entry.freed_bytes,
                                    .point = point_of(ticks, i)};
    }
}

/* What the last tick does not know. */
static void add_end(struct course *course, uint32_t id)
{
    const struct trace_counters *counters = &course->trace->counters[id];
    struct change rest = {.alloc_count = counters->alloc_count,
                          .alloc_bytes = counters->alloc_bytes,
                          .free_count = counters->free_count,
                          .freed_bytes = counters->freed_bytes,
                          .point = course->point_count - 1};
    for (size_t i = course->starts[id]; i < course->ends[id]; i++) {
        rest.alloc_count -= course->changes[i].alloc_count;
        rest.alloc_bytes -= course->changes[i].alloc_bytes;
        rest.free_count -= course->changes[i].free_count;
        rest.freed_bytes -= course->changes[i].freed_bytes;
    }
    course->allocs[rest.point] += rest.alloc_count;
    if (rest.alloc_count || rest.alloc_bytes || rest.free_count || rest.freed_bytes)
        course->changes[course->ends[id]++] = rest;
}

/* --- places --- */

static uint64_t share(uint64_t part, uint64_t whole)
{
    return (uint64_t)llround((double)part / (double)whole * (double)(COURSE_SPAN / 2));
}

static void set_places(struct course *course)
{
    uint32_t last = course->point_count - 1;
    for (uint32_t i = 1; i <= last; i++)
        course->allocs[i] += course->allocs[i - 1];
    uint64_t all = course->allocs[last];
    for (uint32_t i = 1; i < last; i++) {
        uint64_t time = share(course->times_ns[i], course->times_ns[last]);
        uint64_t made = course->allocs[i] < all ? course->allocs[i] : all;
        uint64_t place = time + (all ? share(made, all) : time);
        course->places[i] = place > course->places[i - 1] ? place : course->places[i - 1];
    }
    course->places[last] = COURSE_SPAN;
}

uint32_t course_point(const struct course *course, uint64_t place)
{
    uint32_t low = 0;
    uint32_t high = course->point_count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (course->places[middle] <= place)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

double course_time_ns(const struct course *course, double place)
{
    uint32_t point = course_point(course, (uint64_t)place);
    double time_ns = (double)course->times_ns[point];
    if (point + 1 == course->point_count)
        return time_ns;
    double from = (double)course->places[point];
    double step = (double)course->places[point + 1] - from;
    return time_ns + ((double)course->times_ns[point + 1] - time_ns) * (place - from) / step;
}

/* --- all --- */

static bool find_memory(struct course *course)
{
    size_t points = course->point_count;
    size_t owners = (size_t)course->trace->owner_count + 1;
    course->times_ns = calloc(points, sizeof *course->times_ns);
    course->allocs = calloc(points, sizeof *course->allocs);
    course->places = calloc(points, sizeof *course->places);
    course->starts = calloc(owners, sizeof *course->starts);
    course->ends = calloc(owners, sizeof *course->ends);
    return course->times_ns && course->allocs && course->places && course->starts && course->ends;
}

static bool fill(struct course *course, const struct ticks *ticks)
{
    if (!find_memory(course))
        return false;
    set_times(course, ticks);
    count_changes(course, ticks);
    if (!make_room(course))
        return false;
    fill_changes(course, ticks);
    for (uint32_t id = 1; id < course->trace->owner_count; id++)
        if (is_counted(course->trace, id))
            add_end(course, id);
    set_places(course);
    return true;
}

bool course_init(struct course *course, const struct history *history, struct error *error)
{
    const struct ticks ticks = find_ticks(history);
    *course = (struct course){.trace = history->trace,
                              .origin_ns = ticks.origin_ns,
                              .point_count = ticks.end - ticks.first + 2,
                              .tick_count = ticks.end - ticks.first};
    if (!end_ns(&ticks))
        return error_set(error, "nothing has happened yet");
    if (fill(course, &ticks))
        return true;
    course_finish(course);
    return error_out_of_memory(error);
}

void course_finish(struct course *course)
{
    free(course->times_ns);
    free(course->allocs);
    free(course->places);
    free(course->changes);
    free(course->starts);
    free(course->ends);
    *course = (struct course){0};
}
