/* SPDX-License-Identifier: BSD-2-Clause */
/* sampling.h -- Poisson sampling by bytes: which allocations are recorded, and what each stands
 * for.
 *
 * Every byte allocated is a sample point with probability 1/MEMTRACE_SAMPLE_BYTES, independently;
 * an allocation is recorded if one of its bytes is. So an allocation of size s is recorded with
 * probability p = 1 - exp(-s / mean) and stands for 1/p allocations of its kind. Each is weighted
 * by itself before anything is summed: that keeps the sums unbiased whatever the mix of sizes
 * (jemalloc's PROFILING_INTERNALS.md has the argument). */
#ifndef MEMTRACE_SAMPLING_H
#define MEMTRACE_SAMPLING_H

#include <stdbool.h>
#include <stdint.h>

/* Nothing is recorded until this is over; who changes it makes all threads look up. */
extern bool sampling_is_paused;

/* Blocks may be live that are not known: outside of the sample, or handed out during a pause. Their
 * end is no anomaly. Once true, always true. */
extern bool sampling_has_gaps;

/* Bytes to let pass before the next sample point: exponentially distributed with this mean.
 * state is the thread's own random state, 0 at first. */
int64_t sampling_gap(uint64_t *state, uint64_t mean_bytes);

/* How many allocations a recorded one of this size stands for: 1/p, rounded up or down at random so
 * that the expectation is 1/p. The same block always gives the same answer, so that its free
 * takes away what its allocation added. */
uint64_t sampling_weight(const void *block, uint64_t size_bytes, uint64_t mean_bytes);

#endif
