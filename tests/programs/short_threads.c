/* SPDX-License-Identifier: BSD-2-Clause */
/* short_threads.c -- Ten thousand threads, one after the other, each allocating a little. */
#include <pthread.h>
#include <stdlib.h>

enum {
    THREADS = 10000
};

static void *last;

static void *work(void *unused)
{
    void *block = malloc(100); /* @freed_here */
    free(block);
    free(last);        /* what the thread before has left */
    last = malloc(40); /* @passed_on */
    return unused;
}

int main(void)
{
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, NULL) != 0)
            return 1;
        pthread_join(thread, NULL);
    }
    return 0;
}
