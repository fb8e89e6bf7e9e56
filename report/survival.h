/* SPDX-License-Identifier: BSD-2-Clause */
/* survival.h -- How old the live blocks of a call site are, as far as its history tells.
 *
 * What is known are the numbers of blocks allocated and freed until each point, not which ones were
 * freed. As no block is freed twice, of those allocated by some point at least as many still live
 * as there are more of them than were ever freed; and no more than were live at any point since. */
#ifndef MEMTRACE_SURVIVAL_H
#define MEMTRACE_SURVIVAL_H

#include "course.h"
#include "live_ages.h"

#include <stddef.h>

#define AGE_UNKNOWN UINT64_MAX

struct bounds {
    uint64_t min;
    uint64_t max;
};

struct survival {
    struct bounds oldest_ns;     /* age of the oldest live block, 0 to 0 if none is live; max may be
                                    AGE_UNKNOWN: it was there before the program had a trace */
    struct bounds outlived;      /* live blocks that were there already at the threshold, … */
    struct bounds outlived_size; /* … and their bytes */
};

/* A threshold lies between two points, or is one. */
struct threshold {
    uint32_t before; /* the last point up to it */
    uint32_t since;  /* the first from it on */
};

/* changes: of one call site, in the order of time, several at a point if several threads were
 * there. inherited: the blocks it had at the start. */
struct survival survival_of(const struct course *course, const struct change *changes, size_t count,
                            const struct trace_inherited *inherited,
                            const struct threshold *threshold);

/* What the stamps of the blocks tell narrows it down. */
void survival_narrow(struct survival *survival, const struct live_ages *ages);

/* Of all call sites of a group. */
void survival_add(struct survival *sum, const struct survival *site);

#endif
