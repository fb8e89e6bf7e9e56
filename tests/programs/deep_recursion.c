/* SPDX-License-Identifier: BSD-2-Clause */
/* deep_recursion.c -- Allocates at each of 100,000 levels of recursion. */
#include <pthread.h>
#include <stdlib.h>

enum {
    DEPTH = 100000
};

static void descend(int depth)
{
    void *block = malloc(32); /* @level */

    if (depth > 1)
        descend(depth - 1);
    free(block);
}

static void *run(void *unused)
{
    descend(DEPTH);
    return unused;
}

int main(void)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 << 20);
    if (pthread_create(&thread, &attributes, run, NULL) != 0)
        return 1;
    pthread_join(thread, NULL);
    return 0;
}
