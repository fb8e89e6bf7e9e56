/* SPDX-License-Identifier: BSD-2-Clause */
/* series.h -- What a process used over time: the readings the recorder took, in order.
 *
 * Times are counted from an origin that several processes may share. What is not known is -1
 * everywhere, and never 0. Nothing is believed unchecked: after series_init succeeded, time only
 * rises, no two points overlap, and of every range min <= max. */
#ifndef MEMTRACE_SERIES_H
#define MEMTRACE_SERIES_H

#include "history.h"

struct series {
    struct trace_point *points;
    size_t count;
    uint64_t hole_ns;    /* of points farther apart than this nobody knows what was in between */
    bool is_heap_only;   /* the recorder kept no series: these are the ticks of its history */
    bool is_of_children; /* the sum of several processes */
};

enum {
    SERIES_RANGES = 7,  /* the struct trace_range of a point, in their order */
    SERIES_COUNTERS = 6 /* what only rises, in its order: */
};

enum series_range {
    SERIES_RSS = 0,
    SERIES_LIVE = 3
};

enum series_counter {
    SERIES_ALLOC_COUNT,
    SERIES_ALLOC_BYTES,
    SERIES_MINOR_FAULTS,
    SERIES_MAJOR_FAULTS,
    SERIES_CPU_USER_NS,
    SERIES_CPU_SYSTEM_NS
};

/* The points of a trace; if there are none, what its history tells of the heap. A trace that tells
 * nothing has 0 points. origin_ns is of CLOCK_MONOTONIC. */
bool series_init(struct series *series, const struct trace *trace, uint64_t origin_ns,
                 struct error *error);
void series_finish(struct series *series);

/* Several processes as one: at every moment at which any of them was read, the sum over those that
 * lived then, the others taken to have moved straight from one reading to the next. Not known if it
 * is not known of one of them. */
bool series_sum(struct series *sum, const struct series *parts, size_t count, struct error *error);

/* The largest RSS there ever was, also between two readings, as far as the kernel's account of it
 * tells, and about when. False if none is known. */
bool series_peak_rss(const struct series *series, int64_t *ret_size_bytes, uint64_t *ret_time_ns);

/* Says that at a moment a range (0..SERIES_RANGES-1) came to a value that no reading saw: one more
 * point there, or a wider one. In a gap, and outside of the series, nothing is changed. False when
 * out of memory. */
bool series_add(struct series *series, size_t range, uint64_t time_ns, int64_t value);

uint64_t series_point_begin_ns(const struct trace_point *point); /* of its earliest reading */
struct trace_range *series_range(struct trace_point *point, size_t i);
const struct trace_range *series_range_of(const struct trace_point *point, size_t i);
int64_t *series_counter(struct trace_point *point, size_t i);
int64_t series_counter_of(const struct trace_point *point, size_t i);

#endif
