/* SPDX-License-Identifier: BSD-2-Clause */
/* odd_allocator.c -- An allocator with odd addresses for blocks of one size, and that calls its own
 * public functions for another. */
#include <stdint.h>
#include <stdlib.h>

enum {
    ODD_BYTES = 4321,
    NESTED_BYTES = 8642,
    ODD = 4
};

extern void *__libc_malloc(size_t size_bytes);
extern void __libc_free(void *block);

void *malloc(size_t size_bytes)
{
    char *block = __libc_malloc(size_bytes + ODD);
    if (size_bytes == NESTED_BYTES)
        free(realloc(NULL, 10));
    return block && size_bytes == ODD_BYTES ? block + ODD : block;
}

void free(void *block)
{
    __libc_free((char *)block - (uintptr_t)block % 16);
}
