/* SPDX-License-Identifier: BSD-2-Clause */
/* many_sites.c -- Allocates from 2 to the power of N call stacks, each a different one. */
#include <stdio.h>
#include <stdlib.h>

static void descend(unsigned path, int depth)
{
    if (depth == 0)
        free(malloc(16)); /* @leaf */
    else if (path & 1)
        descend(path >> 1, depth - 1);
    else
        descend(path >> 1, depth - 1);
}

int main(int argc, char **argv)
{
    const int depth = argc > 1 ? atoi(argv[1]) : 10;

    for (unsigned path = 0; path < 1u << depth; path++)
        descend(path, depth);
    return puts("done") < 0;
}
