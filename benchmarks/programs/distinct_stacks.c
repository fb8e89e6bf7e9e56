/* SPDX-License-Identifier: BSD-2-Clause */
/* distinct_stacks.c -- A program that hardly ever allocates from the same call stack twice: random
 * walks, 20 deep, through 400 functions.
 *
 *     distinct_stacks PAIRS
 */
#include <stdio.h>
#include <stdlib.h>

#include "frames.h"
#include "peak_rss.h"
#include "random.h"

enum {
    FUNCTIONS = 400,
    DEPTH = 20,
    LIVE = 1000
};

static uint64_t state = 88172645463325252u;
static void *ring[LIVE];
static unsigned ring_at;

typedef void walk_function(int left);
static walk_function *const walks[FUNCTIONS];

static inline void step(int left)
{
    if (left > 0) {
        walks[random_below(&state, FUNCTIONS)](left - 1);
        return;
    }
    void **slot = &ring[ring_at++ % LIVE];
    free(*slot);
    *slot = malloc(16 + random_below(&state, 256));
}

#define WALK(n)                                                                                    \
    static NOINLINE void walk##n(int left)                                                         \
    {                                                                                              \
        step(left);                                                                                \
        STAY;                                                                                      \
    }
#define NAME(n) walk##n,

#define TEN(each, n)                                                                               \
    each(n##0) each(n##1) each(n##2) each(n##3) each(n##4) each(n##5) each(n##6) each(n##7)        \
        each(n##8) each(n##9)
#define HUNDRED(each, n)                                                                           \
    TEN(each, n##0)                                                                                \
    TEN(each, n##1)                                                                                \
    TEN(each, n##2)                                                                                \
    TEN(each, n##3)                                                                                \
    TEN(each, n##4)                                                                                \
    TEN(each, n##5)                                                                                \
    TEN(each, n##6)                                                                                \
    TEN(each, n##7)                                                                                \
    TEN(each, n##8)                                                                                \
    TEN(each, n##9)
#define FOUR_HUNDRED(each)                                                                         \
    HUNDRED(each, 1)                                                                               \
    HUNDRED(each, 2)                                                                               \
    HUNDRED(each, 3)                                                                               \
    HUNDRED(each, 4)

FOUR_HUNDRED(WALK)

static walk_function *const walks[FUNCTIONS] = {FOUR_HUNDRED(NAME)};

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: distinct_stacks PAIRS\n", stderr);
        return 2;
    }
    long pairs = atol(argv[1]);
    for (long i = 0; i < pairs; i++)
        step(DEPTH);
    for (int i = 0; i < LIVE; i++)
        free(ring[i]);
    printf("{\"peak_bytes\": %ld, \"pairs\": %ld}\n", peak_rss_bytes(), pairs);
    return 0;
}
