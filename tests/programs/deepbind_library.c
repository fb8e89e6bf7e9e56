/* SPDX-License-Identifier: BSD-2-Clause */
/* deepbind_library.c -- The library of deepbind.c. */
#include <stdlib.h>

void *allocate(size_t size);
void release(void *block);

void *allocate(size_t size)
{
    return malloc(size);
}

void release(void *block)
{
    free(block);
}
