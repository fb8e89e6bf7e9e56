/* SPDX-License-Identifier: BSD-2-Clause */
/* peak_threads.c -- Four threads whose common peak is known, because they all stop at it.
 *
 * Each does a lot at random, well below the peak; then all fill up, meet at a barrier (the peak),
 * free nearly everything, and go on below it. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

enum {
    THREADS = 4,
    FILL = 5000,
    ROUNDS = 20000,
    SLOTS = 50
};

static pthread_barrier_t barrier;
static void *filled[THREADS][FILL];

static void churn(uint32_t random)
{
    void *slots[SLOTS] = {NULL};

    for (int i = 0; i < ROUNDS; i++) {
        random = random * 1664525u + 1013904223u;
        free(slots[(random >> 8) % SLOTS]);
        slots[(random >> 8) % SLOTS] = malloc(random >> 25); /* @churn */
    }
    for (int i = 0; i < SLOTS; i++)
        free(slots[i]);
}

static void fill(uintptr_t self)
{
    for (int i = 0; i < FILL; i++)
        filled[self][i] = malloc(100 * (self + 1)); /* @fill */
}

static void *work(void *argument)
{
    uintptr_t self = (uintptr_t)argument;

    churn((uint32_t)self);
    pthread_barrier_wait(&barrier);
    fill(self);
    pthread_barrier_wait(&barrier);
    for (int i = 1; i < FILL; i++)
        free(filled[self][i]);
    pthread_barrier_wait(&barrier);
    churn((uint32_t)self + 77);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];

    pthread_barrier_init(&barrier, NULL, THREADS);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
