/* SPDX-License-Identifier: BSD-2-Clause */
/* fork_threaded.c -- Forks again and again while other threads are inside malloc.
 *
 * A lock of the recorder that some thread held at the fork would hang the child. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    THREADS = 4,
    FORKS = 300,
    CHILD_BLOCKS = 50
};

static atomic_bool stop;

static void *churn(void *unused)
{
    while (!stop) {
        void *block = malloc(100);
        block = realloc(block, 1000);
        free(block);
    }
    return unused;
}

static void be_a_child(void)
{
    void *blocks[CHILD_BLOCKS];

    for (int i = 0; i < CHILD_BLOCKS; i++)
        blocks[i] = malloc(64); /* @child */
    for (int i = 0; i < CHILD_BLOCKS; i++)
        free(blocks[i]);
    _exit(0);
}

int main(void)
{
    pthread_t threads[THREADS];
    int good = 0;

    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, churn, NULL);
    for (int i = 0; i < FORKS; i++) {
        int status = -1;
        pid_t child = fork();
        if (child == 0)
            be_a_child();
        waitpid(child, &status, 0);
        good += status == 0;
    }
    stop = 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("%d children\n", good);
    return good == FORKS ? 0 : 1;
}
