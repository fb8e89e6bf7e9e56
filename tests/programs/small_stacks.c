/* SPDX-License-Identifier: BSD-2-Clause */
/* small_stacks.c -- Threads with the smallest stacks there are, one after the other and many at
 * once.
 *
 *   small_stacks [LIVING]    so many at once */
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    IN_TURN = 300,
    BLOCKS = 20
};

static sem_t ready, go;

static void *allocate(void *waits)
{
    void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = malloc((size_t)i * 50 + 1); /* @small */
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    if (waits) {
        sem_post(&ready);
        sem_wait(&go);
        free(malloc(10));
    }
    return NULL;
}

static int start(pthread_t *thread, size_t stack_bytes, void *waits)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, stack_bytes);
    int error = pthread_create(thread, &attributes, allocate, waits);
    pthread_attr_destroy(&attributes);
    return error;
}

int main(int argc, char **argv)
{
    int living = argc > 1 ? atoi(argv[1]) : 200;
    pthread_t *threads = malloc(sizeof *threads * (size_t)living);
    int failed = 0;
    sem_init(&ready, 0, 0);
    sem_init(&go, 0, 0);
    for (int i = 0; i < IN_TURN; i++) {
        failed += start(&threads[0], i % 2 ? PTHREAD_STACK_MIN : 32 * 1024, NULL) != 0;
        pthread_join(threads[0], NULL);
    }
    for (int i = 0; i < living; i++)
        failed += start(&threads[i], PTHREAD_STACK_MIN, threads) != 0;
    for (int i = 0; i < living; i++)
        sem_wait(&ready);
    for (int i = 0; i < living; i++)
        sem_post(&go);
    for (int i = 0; i < living; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    printf("%d\n", failed);
    return 0;
}
