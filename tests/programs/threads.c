/* SPDX-License-Identifier: BSD-2-Clause */
/* threads.c -- Four threads allocate at the same lines at once. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

enum {
    THREADS = 4,
    ROUNDS = 50000,
    KEPT = 100
};

static void *kept[THREADS][KEPT];

static void *work(void *argument)
{
    uintptr_t self = (uintptr_t)argument;

    for (int i = 0; i < ROUNDS; i++)
        free(malloc(64)); /* @churn */
    for (int i = 0; i < KEPT; i++)
        kept[self][i] = malloc(16 * (self + 1)); /* @kept */
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
