/* SPDX-License-Identifier: BSD-2-Clause */
/* first_period.c -- When a new thread is to be sampled for the first time.
 *
 * No moment of a thread's life is to be likelier to be sampled than another, its first ones
 * included. The kernel's clocks have a period, and their first sample at its end: so it is drawn
 * such that multiples of it are as likely at any moment later than the shortest one, one to a
 * period; and a sample of its own is there for the time before. */
#include "first_period.h"

#include <stdbool.h>

#define SHORTEST 0.55 /* periods */

static double factor(double x)
{
    return x < SHORTEST                  ? SHORTEST + x
           : x < SHORTEST + SHORTEST / 2 ? 2 * SHORTEST + 2 * (x - SHORTEST)
                                         : 3 * SHORTEST + 6 * (x - 1.5 * SHORTEST);
}

struct first_period first_period_draw(uint64_t period_ns, uint64_t random)
{
    uint64_t early_ns = period_ns * (random >> 32) >> 32;
    bool is_early = (double)early_ns < SHORTEST * (double)period_ns;
    double x = (double)(uint32_t)random / 4294967296.0;
    return (struct first_period){.period_ns = (uint64_t)((double)period_ns * factor(x)),
                                 .early_ns = is_early ? early_ns + 1 : 0};
}
