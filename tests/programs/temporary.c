/* SPDX-License-Identifier: BSD-2-Clause */
/* temporary.c -- Blocks that are, and that just are not, freed before the next allocation. */
#include <pthread.h>
#include <stdlib.h>

enum {
    ROUNDS = 1000
};

static void *handed_over;

static void *free_elsewhere(void *unused)
{
    free(handed_over);
    return unused;
}

int main(void)
{
    pthread_t thread;

    for (int i = 0; i < ROUNDS; i++) {
        void *first, *second;
        free(malloc(10));    /* @at_once */
        first = malloc(20);  /* @first */
        second = malloc(30); /* @second */
        free(first);
        free(second);
        first = malloc(40);         /* @reallocated */
        first = realloc(first, 50); /* @result */
        second = malloc(60);        /* @last */
        free(first);
        free(second);
    }
    handed_over = malloc(70); /* @handed_over */
    pthread_create(&thread, NULL, free_elsewhere, NULL);
    pthread_join(thread, NULL);
    return 0;
}
