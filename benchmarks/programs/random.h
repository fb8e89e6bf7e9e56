/* SPDX-License-Identifier: BSD-2-Clause */
/* random.h -- Numbers that look random, are the same in every run and cost next to nothing. */
#ifndef BENCHMARKS_RANDOM_H
#define BENCHMARKS_RANDOM_H

#include <stdint.h>

/* Marsaglia's xorshift; *state must not be 0. */
static inline uint32_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

static inline uint32_t random_below(uint64_t *state, uint32_t limit)
{
    return (uint32_t)((uint64_t)random_next(state) * limit >> 32);
}

#endif
