/* SPDX-License-Identifier: BSD-2-Clause */
/* cross_thread_free.c -- One thread allocates, another one frees. */
#include <pthread.h>
#include <stdlib.h>

enum {
    COUNT = 1000,
    FREED = 600
};

static void *blocks[COUNT];

static void *produce(void *unused)
{
    for (int i = 0; i < COUNT; i++)
        blocks[i] = malloc(48); /* @produced */
    return unused;
}

static void *consume(void *unused)
{
    for (int i = 0; i < FREED; i++)
        free(blocks[i]);
    return unused;
}

static void run(void *(*function)(void *))
{
    pthread_t thread;

    pthread_create(&thread, NULL, function, NULL);
    pthread_join(thread, NULL);
}

int main(void)
{
    run(produce);
    run(consume);
    return 0;
}
