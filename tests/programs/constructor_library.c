/* SPDX-License-Identifier: BSD-2-Clause */
/* constructor_library.c -- A library that allocates in its constructor and its destructor.
 *
 * Built three times, with NAME constructed_a, _b and _c and SIZE 1000, 2000 and 3000. */
#include <stdlib.h>

void *NAME(void);

static void *block;

__attribute__((constructor)) static void construct(void)
{
    for (int i = 0; i < 100; i++)
        free(malloc(SIZE + 1)); /* @churn */
    block = malloc(SIZE);       /* @handed_out */
}

__attribute__((destructor)) static void destruct(void)
{
    free(malloc(SIZE + 2)); /* @destructor */
}

void *NAME(void)
{
    return block;
}
