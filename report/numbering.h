/* SPDX-License-Identifier: BSD-2-Clause */
/* numbering.h -- Numbers keys as they come: the same key gets the same number, the next new one the
 * next number. */
#ifndef MEMTRACE_NUMBERING_H
#define MEMTRACE_NUMBERING_H

#include <stdint.h>

#define NUMBER_NONE UINT32_MAX

struct number_key {
    uint64_t words[3];
};

struct numbering {
    struct number_key *keys; /* by number */
    uint32_t *slots;         /* open addressing: a number + 1, or 0 */
    uint32_t count;
    uint32_t slot_count; /* a power of two, or 0 */
};

/* A numbering begins as {0}. NUMBER_NONE when out of memory. */
uint32_t numbering_of(struct numbering *numbering, uint64_t a, uint64_t b, uint64_t c);
void numbering_finish(struct numbering *numbering);

#endif
