/* SPDX-License-Identifier: BSD-2-Clause */
/* reuse_b.c -- One of the two libraries that dlopen_reuse.c loads at one address. */
#include <stdlib.h>

void *allocate(void);

/* On another line than in reuse_a.c, at the same offset. */
static void *allocate_here(void)
{
    void *block = malloc(2002); /* @reuse_b */
    return block;
}

void *allocate(void)
{
    return allocate_here();
}
