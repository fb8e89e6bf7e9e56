/* SPDX-License-Identifier: BSD-2-Clause */
/* module_of_many.c -- A library that allocates a size of its own; which one is changed in copies of
 * the file, where it follows the marker. */
#include <stdlib.h>

unsigned allocate(void);

static volatile const struct {
    char marker[12];
    unsigned size_bytes;
} own = {"size is here", 1};

unsigned allocate(void)
{
    void *volatile block = malloc(own.size_bytes); /* @one_of_many */
    return block ? own.size_bytes : 0;
}
