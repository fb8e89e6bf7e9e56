/* SPDX-License-Identifier: BSD-2-Clause */
/* timeline.h -- One quantity over time, ready to be drawn: values at moments, ranges over spans,
 * and gaps where nothing is known. */
#ifndef MEMTRACE_TIMELINE_H
#define MEMTRACE_TIMELINE_H

#include "quantity.h"

struct sample {
    uint64_t begin_ns; /* from here ... */
    uint64_t end_ns;   /* ... to here, or one moment ... */
    double min;        /* ... it was between min ... */
    double max;        /* ... and max, and came to both */
    bool is_apart;     /* since the sample before nothing is known */
};

struct timeline {
    struct sample *samples; /* in the order of time, none into the next */
    size_t count;
};

struct window {
    uint64_t from_ns;
    uint64_t to_ns;
};

/* False when out of memory, here and below. */
bool timeline_init(struct timeline *timeline, const struct series *series, enum quantity quantity);
void timeline_finish(struct timeline *timeline);

/* Adds a value that is known of one moment; a sample that spans it is widened. */
bool timeline_add(struct timeline *timeline, uint64_t time_ns, double value);
/* Keeps what is in the window, cut at its ends. */
void timeline_clip(struct timeline *timeline, struct window window);
/* Merges samples until at most about limit are left, and no minimum or maximum is lost. */
void timeline_reduce(struct timeline *timeline, struct window window, size_t limit);

/* The first sample with the largest max; NULL if there is none. */
const struct sample *timeline_peak(const struct timeline *timeline);
/* Its smallest min. */
double timeline_low(const struct timeline *timeline);
/* What it came to within the window; false if nothing is known of it. */
bool timeline_within(const struct timeline *timeline, struct window window, double *ret_min,
                     double *ret_max);
/* The sample that a moment is in, or else the value on the way between two; false in a gap. */
bool timeline_at(const struct timeline *timeline, uint64_t time_ns, double *ret_min,
                 double *ret_max);

#endif
