/* SPDX-License-Identifier: BSD-2-Clause */
/* tls_destructor.c -- Allocates and frees in destructors of thread-specific data, in every round
 * that pthread_exit makes, and in a thread that outlives main's. */
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    THREADS = 200
};

static pthread_key_t key;

static void destroy(void *block)
{
    static __thread int round;

    free(block);
    if (++round < PTHREAD_DESTRUCTOR_ITERATIONS)
        pthread_setspecific(key, malloc(80)); /* @destructor */
}

static void *work(void *unused)
{
    pthread_setspecific(key, malloc(90)); /* @thread */
    return unused;
}

int main(void)
{
    pthread_key_create(&key, destroy);
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, NULL) != 0)
            return 1;
        pthread_join(thread, NULL);
    }
    return 0;
}
