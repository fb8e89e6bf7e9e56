/* SPDX-License-Identifier: BSD-2-Clause */
/* string_pool.h -- Strings kept once: equal texts have the same number and the same pointer.
 *
 * Numbers count from 1 in the order of arrival, 0 is "no string". */
#ifndef MEMTRACE_SYMBOLS_STRING_POOL_H
#define MEMTRACE_SYMBOLS_STRING_POOL_H

#include <stddef.h>
#include <stdint.h>

struct string_pool {
    char **texts; /* texts[number - 1] */
    uint32_t *hashes;
    uint32_t *slots; /* open addressing; holds numbers */
    uint32_t count;
    uint32_t texts_capacity;
    uint32_t slot_count; /* a power of two, or 0 */
    struct string_chunk *chunks;
};

/* A zeroed pool is an empty pool. */
void string_pool_finish(struct string_pool *pool);

/* Returns the number of the text, 0 when out of memory or when text is NULL. */
uint32_t string_pool_add(struct string_pool *pool, const char *text, size_t size_bytes);

/* NULL for 0 and for numbers that were never handed out. */
const char *string_pool_text(const struct string_pool *pool, uint32_t number);

#endif
