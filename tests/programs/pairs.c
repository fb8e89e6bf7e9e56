/* SPDX-License-Identifier: BSD-2-Clause */
/* pairs.c -- A number of malloc and free pairs, and of blocks that live at once.
 *
 *   pairs PAIRS LIVING */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    unsigned long pairs = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
    size_t living = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
    void **blocks = malloc(sizeof *blocks * (living + 1));
    for (unsigned long i = 0; i < pairs; i++)
        free(malloc(64 + i % 7)); /* @pairs */
    for (size_t i = 0; i < living; i++)
        blocks[i] = malloc(16); /* @living */
    for (size_t i = 0; i < living; i++)
        free(blocks[i]);
    free(blocks);
    printf("%lu %zu\n", pairs, living);
    return 0;
}
