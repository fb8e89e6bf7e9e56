/* SPDX-License-Identifier: BSD-2-Clause */
/* live_blocks.c -- Keeps many blocks of mixed sizes alive, and says what RSS that took.
 *
 *     live_blocks COUNT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"
#include "peak_rss.h"
#include "random.h"

static uint64_t state = 88172645463325252u;
static void **blocks;

/* Mostly small; one in 64 up to 4 KiB. All of it is written to, as programs do. */
static size_t some_size(void)
{
    return 16 + random_below(&state, random_below(&state, 64) ? 256 : 4080);
}

static NOINLINE void *make(void)
{
    size_t size = some_size();
    void *block = malloc(size);
    if (!block)
        exit(1);
    return memset(block, 1, size);
}

#define SITE(n)                                                                                    \
    static NOINLINE void *site##n(void)                                                            \
    {                                                                                              \
        void *block = make();                                                                      \
        STAY;                                                                                      \
        return block;                                                                              \
    }
SITE(0)
SITE(1)
SITE(2)
SITE(3)
SITE(4)
SITE(5)
SITE(6)
SITE(7)

static void *(*const sites[])(void) = {site0, site1, site2, site3, site4, site5, site6, site7};

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: live_blocks COUNT\n", stderr);
        return 2;
    }
    long count = atol(argv[1]);
    blocks = calloc((size_t)count, sizeof *blocks);
    if (!blocks)
        return 1;
    for (long i = 0; i < count; i++)
        blocks[i] = sites[random_below(&state, sizeof sites / sizeof *sites)]();
    printf("{\"peak_bytes\": %ld, \"blocks\": %ld}\n", peak_rss_bytes(), count);
    return 0;
}
