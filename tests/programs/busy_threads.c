/* SPDX-License-Identifier: BSD-2-Clause */
/* busy_threads.c -- Sixteen threads allocate, hand blocks over and free what others allocated,
 * while children are forked.
 *
 * busy_threads ROUNDS. What it prints does not depend on who was quicker: the sum of what was
 * written into blocks that were handed over, and the number of children that ended well. Each
 * thread keeps KEPT blocks, one less at times. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    THREADS = 16,
    KEPT = 64,
    SLOTS = 32,
    CHILDREN = 20,
    CHILD_BLOCKS = 2000
};

static _Atomic(uint64_t *) slots[SLOTS];
static uint32_t rounds;

static uint64_t take(uint64_t *block)
{
    uint64_t value = block ? *block : 0;
    free(block);
    return value;
}

static uint64_t hand_over(uint32_t place, uint64_t value)
{
    uint64_t *block = malloc(8 + place * 8); /* @handed */
    *block = value;
    return take(atomic_exchange(&slots[place], block));
}

static void *work(void *argument)
{
    uint64_t self = (uintptr_t)argument;
    uint64_t sum = 0;
    char *kept[KEPT] = {NULL};
    for (uint32_t i = 0; i < rounds; i++) {
        free(kept[i % KEPT]);
        kept[i % KEPT] = malloc(1 + i % 200); /* @kept */
        memset(kept[i % KEPT], (int)i, 1 + i % 200);
        sum += hand_over((i + (uint32_t)self) % SLOTS, self * rounds + i);
    }
    for (int i = 0; i < KEPT; i++)
        free(kept[i]);
    return (void *)(uintptr_t)sum;
}

static void be_a_child(void)
{
    void *blocks[CHILD_BLOCKS];
    for (int i = 0; i < CHILD_BLOCKS; i++)
        blocks[i] = malloc(100); /* @child */
    for (int i = 0; i < CHILD_BLOCKS; i++)
        free(blocks[i]);
    _exit(0);
}

static void *fork_children(void *unused)
{
    uintptr_t good = 0;
    (void)unused;
    for (int i = 0; i < CHILDREN; i++) {
        int status = -1;
        pid_t child = fork();
        if (child == 0)
            be_a_child();
        waitpid(child, &status, 0);
        good += status == 0;
    }
    return (void *)good;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS + 1];
    uint64_t sum = 0;
    void *result;
    rounds = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000;
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    pthread_create(&threads[THREADS], NULL, fork_children, NULL);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &result);
        sum += (uintptr_t)result;
    }
    for (int i = 0; i < SLOTS; i++)
        sum += take(slots[i]);
    pthread_join(threads[THREADS], &result);
    printf("%llu in blocks, %d children\n", (unsigned long long)sum, (int)(uintptr_t)result);
    return 0;
}
