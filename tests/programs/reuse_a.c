/* SPDX-License-Identifier: BSD-2-Clause */
/* reuse_a.c -- One of the two libraries that dlopen_reuse.c loads at one address. */
#include <stdlib.h>

void *allocate(void);

void *allocate(void)
{
    void *block = malloc(1001); /* @reuse_a */
    return block;
}
