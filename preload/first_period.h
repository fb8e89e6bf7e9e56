/* SPDX-License-Identifier: BSD-2-Clause */
/* first_period.h -- When a new thread is to be sampled for the first time. */
#ifndef MEMTRACE_FIRST_PERIOD_H
#define MEMTRACE_FIRST_PERIOD_H

#include <stdint.h>

struct first_period {
    uint64_t period_ns; /* of the thread's clock, which has its first sample at its end */
    uint64_t early_ns;  /* of its CPU time, when one more is due before; 0: none is */
};

/* By 64 random bits. */
struct first_period first_period_draw(uint64_t period_ns, uint64_t random);

#endif
