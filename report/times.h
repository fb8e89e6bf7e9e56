/* SPDX-License-Identifier: BSD-2-Clause */
/* times.h -- Time as samples tell it: what figures mean in the domains of time.
 *
 * A sample stands for the time since the one before it. Samples come at random, so a part of them
 * tells a part of the time with a standard error, which is never left out. */
#ifndef MEMTRACE_TIMES_H
#define MEMTRACE_TIMES_H

#include "trace.h"

struct times {
    uint64_t samples;
    int64_t time_ns;
    int64_t kernel_ns; /* of it, sampled in the kernel */
    int64_t off_ns;    /* of it, off the CPU: of wall-clock time only */
    uint64_t off_samples;
};

enum times_kind {
    TIMES_CPU,
    TIMES_WALL /* on and off the CPU, told apart by off_ns */
};

/* Shows that time of the trace from now on, and no other. Wall-clock time is that on the CPU and
 * that off it, two domains of the file, in the same figures: what was off the CPU is kept as what
 * was there at the peak, which times have none of. */
void times_show(struct trace *trace, enum times_kind kind);
/* Whether there are samples of that kind; of wall-clock time: of any off the CPU. */
bool times_are_there(const struct trace *trace, enum times_kind kind);

struct times times_of(const struct figures *figures);

/* How far the time of a part is off, as a standard error: of the whole, which is known, so many of
 * so many samples fell on it. */
double times_error_ns(const struct times *part, const struct times *whole);

/* Two times of different runs: their difference in standard errors of it. Counts of samples are
 * Poisson's; where there are none, one is reckoned with. */
double times_z_score(const struct times *old, const struct times *new);
/* How often chance alone makes it as large. */
double times_chance(double z_score);

#endif
