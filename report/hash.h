/* SPDX-License-Identifier: BSD-2-Clause */
/* hash.h -- uthash with a hash of our own: fast for keys of a few words, and different in every
 * process, so that no trace can be made whose keys all collide. */
#ifndef MEMTRACE_HASH_H
#define MEMTRACE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>

static inline uint64_t hash_mix(uint64_t state, uint64_t word)
{
    state = (state ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return state ^ state >> 29;
}

static inline uint64_t hash_seed(void)
{
    uint64_t seed;
    memcpy(&seed, (const void *)getauxval(AT_RANDOM), sizeof seed); /* 16 bytes of the kernel's */
    return seed;
}

static inline unsigned hash_bytes(const void *key, size_t size_bytes)
{
    const char *bytes = key;
    uint64_t state = hash_seed();
    uint64_t word;
    for (; size_bytes >= sizeof word; size_bytes -= sizeof word, bytes += sizeof word) {
        memcpy(&word, bytes, sizeof word);
        state = hash_mix(state, word);
    }
    word = size_bytes; /* the length too: a zero byte at the end counts */
    memcpy((char *)&word + 1, bytes, size_bytes);
    state = hash_mix(state, word);
    return (unsigned)(hash_mix(state, state >> 32) >> 32);
}

#define HASH_FUNCTION(key, size_bytes, hash) ((hash) = hash_bytes((key), (size_bytes)))
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
