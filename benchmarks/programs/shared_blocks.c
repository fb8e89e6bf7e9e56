/* SPDX-License-Identifier: BSD-2-Clause */
/* shared_blocks.c -- Four threads allocate, resize and free each other's blocks.
 *
 *     shared_blocks STEPS          (of each thread)
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"
#include "random.h"

enum {
    THREADS = 4,
    SLOTS = 1 << 14
};

static _Atomic(void *) slots[SLOTS];
static long steps;

struct hand {
    uint64_t random;
    void *block;
};

static size_t some_size(struct hand *hand)
{
    return 16 + random_below(&hand->random, 496);
}

static void make(struct hand *hand)
{
    hand->block = malloc(some_size(hand));
    if (hand->block)
        memset(hand->block, 1, 16);
}

static void resize(struct hand *hand)
{
    void *block = realloc(hand->block, some_size(hand));
    if (block)
        hand->block = block;
}

static void drop(struct hand *hand)
{
    free(hand->block);
    hand->block = NULL;
}

static void change(struct hand *hand)
{
    if (!hand->block)
        make(hand);
    else if (random_below(&hand->random, 3) == 0)
        resize(hand);
    else
        drop(hand);
}

static void dive(struct hand *hand, uint32_t levels);

static NOINLINE void dive_left(struct hand *hand, uint32_t levels)
{
    dive(hand, levels / 2);
    STAY;
}

static NOINLINE void dive_right(struct hand *hand, uint32_t levels)
{
    ROOM(40);
    dive(hand, levels / 2);
    STAY;
}

/* A path of up to eight frames, by the bits of a number. */
static NOINLINE void dive(struct hand *hand, uint32_t levels)
{
    if (levels <= 1)
        change(hand);
    else if (levels & 1)
        dive_left(hand, levels);
    else
        dive_right(hand, levels);
    STAY;
}

static void *work(void *argument)
{
    struct hand hand = {.random = (uintptr_t)argument};
    for (long i = 0; i < steps; i++) {
        _Atomic(void *) *slot = &slots[random_below(&hand.random, SLOTS)];
        hand.block = atomic_exchange(slot, NULL);
        dive(&hand, 1 + random_below(&hand.random, 15));
        hand.block = atomic_exchange(slot, hand.block);
        free(hand.block);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    if (argc != 2) {
        fputs("usage: shared_blocks STEPS\n", stderr);
        return 2;
    }
    steps = atol(argv[1]);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)(88172645463325252u + i));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < SLOTS; i++)
        free(atomic_load(&slots[i]));
    return 0;
}
