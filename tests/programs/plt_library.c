/* SPDX-License-Identifier: BSD-2-Clause */
/* plt_library.c -- The library of plt.c: calls malloc through its own stub. */
#include <stdlib.h>

void *allocate_in_library(size_t size);

void *allocate_in_library(size_t size)
{
    void *block = malloc(size); /* @library */
    return block;
}
