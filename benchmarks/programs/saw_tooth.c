/* SPDX-License-Identifier: BSD-2-Clause */
/* saw_tooth.c -- Does the same work every hundredth of a second, while its heap grows and shrinks.
 *
 *     saw_tooth MIB SECONDS
 *
 * The heap grows to MIB within a second, is all free within the next one, and so on.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frames.h"
#include "random.h"

enum {
    STEPS_PER_S = 100,
    PAIRS_PER_STEP = 100000, /* some milliseconds */
    BLOCK_BYTES = 1000
};

static uint64_t state = 88172645463325252u;
static void **blocks;

static NOINLINE void work(void)
{
    for (int i = 0; i < PAIRS_PER_STEP; i++) {
        void *block = malloc(16 + random_below(&state, 256));
        ESCAPE(block);
        free(block);
    }
    STAY;
}

static NOINLINE void *make(void)
{
    void *block = malloc(BLOCK_BYTES);
    if (!block)
        exit(1);
    memset(block, 1, BLOCK_BYTES);
    STAY;
    return block;
}

static void set_count(long *count, long wanted)
{
    while (*count < wanted)
        blocks[(*count)++] = make();
    while (*count > wanted)
        free(blocks[--*count]);
}

static void wait_for_step(struct timespec *next)
{
    next->tv_nsec += 1000000000 / STEPS_PER_S;
    if (next->tv_nsec >= 1000000000) {
        next->tv_nsec -= 1000000000;
        next->tv_sec++;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL);
}

int main(int argc, char **argv)
{
    struct timespec next;
    long count = 0;
    if (argc != 3) {
        fputs("usage: saw_tooth MIB SECONDS\n", stderr);
        return 2;
    }
    long most = atol(argv[1]) * (1 << 20) / BLOCK_BYTES;
    long steps = atol(argv[2]) * STEPS_PER_S;
    blocks = calloc((size_t)most + 1, sizeof *blocks);
    if (!blocks)
        return 1;
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (long step = 0; step < steps; step++) {
        long at = step % (2 * STEPS_PER_S);
        set_count(&count, most * (at < STEPS_PER_S ? at : 2 * STEPS_PER_S - at) / STEPS_PER_S);
        work();
        wait_for_step(&next);
    }
    return 0;
}
