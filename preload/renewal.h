/* SPDX-License-Identifier: BSD-2-Clause */
/* renewal.h -- A new random period for a thread's clock. */
#ifndef MEMTRACE_RENEWAL_H
#define MEMTRACE_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

struct renewal {
    uint64_t since_ns; /* by the thread's clock: of the period under way */
    double missing;    /* samples before, of those that were due */
};

/* Whether a thread, whose clock has just been read and that had so many samples since its period
 * was drawn, may have a new one now. */
bool renewal_is_due(uint32_t tid, uint64_t clock_ns, uint64_t samples);

/* The period. It is drawn such that there will have been one sample to period_ns. */
uint64_t renewal_draw(struct renewal *renewal, uint64_t period_ns, uint64_t clock_ns,
                      uint64_t samples, uint32_t random);

#endif
