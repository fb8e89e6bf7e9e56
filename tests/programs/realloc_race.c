/* SPDX-License-Identifier: BSD-2-Clause */
/* realloc_race.c -- Threads pass addresses among each other through realloc as fast as they can.
 *
 * Run it with GLIBC_TUNABLES=glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0, so that a block
 * one thread just moved away from is handed to another at once. A recorder that writes down the
 * free after it happened gets the other thread's entry. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

enum {
    THREADS = 8,
    ROUNDS = 100000,
    BLOCKS = 8
};

static void *work(void *argument)
{
    void *blocks[BLOCKS] = {NULL};
    uint32_t random = (uint32_t)(uintptr_t)argument * 2654435761u + 1;

    for (int i = 0; i < ROUNDS; i++) {
        random = random * 1664525u + 1013904223u;
        uint32_t place = random >> 29;
        blocks[place] = realloc(blocks[place], 24 + (random >> 8) % 2000); /* @realloc */
    }
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];

    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
