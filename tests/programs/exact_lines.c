/* SPDX-License-Identifier: BSD-2-Clause */
/* exact_lines.c -- Allocates a thousand sizes at each of a few lines; every sum is known.
 *
 * tests/test_fixtures.py finds the lines by their tags and knows the arithmetic. No stdio, so
 * that nothing but these lines allocates. */
#include <stdlib.h>

enum {
    COUNT = 1000
};

static void *kept[COUNT + 1], *zeroed[COUNT + 1], *halved[COUNT + 1], *late[COUNT + 1];
static void *pair[2], *grown, *aligned, *shrunk;

static void keep_all(void)
{
    for (size_t i = 1; i <= COUNT; i++)
        kept[i] = malloc(i); /* @kept */
}

static void free_at_once(void)
{
    for (size_t i = 1; i <= COUNT; i++)
        free(malloc(2 * i)); /* @at_once */
}

static void zero_and_free(void)
{
    for (size_t i = 1; i <= COUNT; i++)
        zeroed[i] = calloc(i, 3); /* @zeroed */
    for (size_t i = 1; i <= COUNT; i++)
        free(zeroed[i]);
}

static void grow(void)
{
    for (size_t i = 1; i <= COUNT; i++)
        grown = realloc(grown, 7 * i); /* @grown */
}

static void shrink(void)
{
    shrunk = malloc(100000);        /* @shrunk_from */
    shrunk = realloc(shrunk, 1234); /* @shrunk_to */
}

static void keep_half(void)
{
    for (size_t i = 1; i <= COUNT; i++)
        halved[i] = malloc(5 * i); /* @halved */
    for (size_t i = 2; i <= COUNT; i += 2)
        free(halved[i]);
}

static void two_on_one_line(void)
{
    pair[0] = malloc(11), pair[1] = malloc(13); /* @pair */
}

static void align(void)
{
    aligned = aligned_alloc(64, 640); /* @aligned */
}

static void reach_the_peak(void)
{
    void *big = malloc(3000000); /* @peak */
    free(big);
}

static void allocate_after_the_peak(void)
{
    for (size_t i = 1; i <= COUNT; i++)
        late[i] = malloc(i); /* @late */
}

int main(void)
{
    keep_all();
    free_at_once();
    zero_and_free();
    grow();
    shrink();
    keep_half();
    two_on_one_line();
    align();
    reach_the_peak();
    allocate_after_the_peak();
    return 0;
}
