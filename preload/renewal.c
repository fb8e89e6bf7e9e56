/* SPDX-License-Identifier: BSD-2-Clause */
/* renewal.c -- A new random period for a thread's clock.
 *
 * The kernel begins to count it anew, so each one begins with a gap without samples. A thread that
 * waits for its turn, or for anything else, has most often left the CPU at a certain place of the
 * program: what it does next would lie in the gap every time. So a thread gets a new period while
 * it is seen to run, which is at any place. */
#include "renewal.h"

#include "on_cpu.h"

enum {
    SAMPLES_MIN = 4,  /* or a period that was begun anew all the time would never end */
    SAMPLES_MAX = 64, /* if it is never seen to run: where there is one CPU only */
    MADE_UP_IN = 32   /* samples, for the missing ones */
};

bool renewal_is_due(uint32_t tid, uint64_t clock_ns, uint64_t samples)
{
    return samples >= SAMPLES_MAX || (samples >= SAMPLES_MIN && on_cpu_is_running(tid, clock_ns));
}

static double within(double least, double value, double most)
{
    return value < least ? least : value > most ? most : value;
}

uint64_t renewal_draw(struct renewal *renewal, uint64_t period_ns, uint64_t clock_ns,
                      uint64_t samples, uint32_t random)
{
    double due = (double)(clock_ns - renewal->since_ns) / (double)period_ns;
    renewal->since_ns = clock_ns;
    renewal->missing = within(-MADE_UP_IN, renewal->missing + due - (double)samples, MADE_UP_IN);
    double mean_ns = (double)period_ns * within(0.75, 1 - renewal->missing / MADE_UP_IN, 1.25);
    return (uint64_t)(mean_ns * (0.75 + (double)random / 8589934592.0));
}
