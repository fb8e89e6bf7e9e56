/* SPDX-License-Identifier: BSD-2-Clause */
/* course.h -- The course of a run from its start to its end: what each call site did, and when.
 *
 * Its points are the start (or the last memtrace_clear_traces()), the ticks of the history and the
 * end. Each has a place on a clock that goes half with the time and half with the allocations that
 * the program made, so that neither an idle night nor a busy start takes up all of it. */
#ifndef MEMTRACE_COURSE_H
#define MEMTRACE_COURSE_H

#include "history.h"

/* The places go from 0 to this, which has tenths and hundredths. */
#define COURSE_SPAN UINT64_C(10000000000)

/* What was added to counters from the point before. Sums may wrap around on their way. */
struct change {
    uint64_t alloc_count;
    uint64_t alloc_bytes;
    uint64_t free_count;
    uint64_t freed_bytes;
    uint32_t point;
};

struct course {
    const struct trace *trace;
    uint64_t origin_ns; /* of the first point, since the start of the program */
    uint64_t *times_ns; /* per point, from the first one on */
    uint64_t *allocs;   /* per point: made by all of the program since the first one */
    uint64_t *places;   /* per point, ascending; the last one is COURSE_SPAN */
    uint32_t point_count;
    uint32_t tick_count;    /* of these points */
    struct change *changes; /* counters by counters, of each in the order of time */
    size_t *starts;         /* per id of counters: its first change */
    size_t *ends;
};

/* Up to the moment of the trace, which is its end or a tick. Fails if nothing happened by then. */
bool course_init(struct course *course, const struct history *history, struct error *error);
void course_finish(struct course *course);

/* The last point up to a place. */
uint32_t course_point(const struct course *course, uint64_t place);
/* The time at a place, from the first point on. */
double course_time_ns(const struct course *course, double place);

#endif
