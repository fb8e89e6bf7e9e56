/* SPDX-License-Identifier: BSD-2-Clause */
/* stack_copy.h -- What was at the end of another thread's stack at a moment that has passed. */
#ifndef MEMTRACE_STACK_COPY_H
#define MEMTRACE_STACK_COPY_H

#include <stdbool.h>
#include <stdint.h>

struct stack_copy {
    uint64_t start; /* address of the first byte */
    const char *bytes;
    uint64_t size_bytes;
};

/* The word that was at address. False: it is not in the copy. */
static inline bool stack_copy_read(const struct stack_copy *copy, uint64_t address,
                                   uint64_t *ret_word)
{
    if (address & 7 || address < copy->start || copy->size_bytes < 8 ||
        address - copy->start > copy->size_bytes - 8)
        return false;
    *ret_word = *(const uint64_t *)(copy->bytes + (address - copy->start));
    return true;
}

#endif
