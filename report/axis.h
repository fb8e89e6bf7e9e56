/* SPDX-License-Identifier: BSD-2-Clause */
/* axis.h -- Which values stand beside a plot, and where a value is on it. */
#ifndef MEMTRACE_AXIS_H
#define MEMTRACE_AXIS_H

#include "timeline.h"
#include "unit.h"

enum {
    AXIS_TICKS_MAX = 32
};

struct tick {
    double value; /* of a time axis: ns */
    struct number_text label;
};

struct axis {
    double low;
    double high;
    bool is_log;
    struct tick ticks[AXIS_TICKS_MAX]; /* ascending, within low..high */
    size_t tick_count;
};

/* Of values: from low to high or a bit more, so that it begins and ends at a tick; about wanted
 * ticks, never much more. Logarithmic only if something above zero is to be shown: least is the
 * smallest of that. */
struct axis axis_of_values(enum unit unit, double low, double high, size_t wanted);
struct axis axis_of_logarithms(enum unit unit, double least, double high, size_t wanted);
/* Of time: just the window. Labels are as memtrace reads them after an @: 90s, 1h30m. */
struct axis axis_of_time(struct window window, size_t wanted);

/* 0 at low to 1 at high; what is beyond is at the end. */
double axis_place(const struct axis *axis, double value);

#endif
