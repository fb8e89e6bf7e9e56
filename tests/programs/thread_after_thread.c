/* SPDX-License-Identifier: BSD-2-Clause */
/* thread_after_thread.c -- Two threads, one after the other, each leave a block of the same line.
 *
 * Prints the two addresses and the threads that made them, and ends when stdin does. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_barrier_t both_done;

static void make(void)
{
    printf("%p %d\n", malloc(77), (int)syscall(SYS_gettid)); /* @made */
}

static void *make_and_end(void *unused)
{
    make();
    return unused;
}

static void *make_and_stay(void *unused)
{
    make();
    pthread_barrier_wait(&both_done);
    pause();
    return unused;
}

int main(void)
{
    static char output[256];
    pthread_t thread;
    char byte;
    setvbuf(stdout, output, _IOFBF, sizeof output);
    pthread_barrier_init(&both_done, NULL, 2);
    pthread_create(&thread, NULL, make_and_end, NULL);
    pthread_join(thread, NULL);
    sleep(1); /* ages are known to a quarter of it */
    pthread_create(&thread, NULL, make_and_stay, NULL);
    pthread_barrier_wait(&both_done);
    fflush(stdout);
    return read(0, &byte, 1) < 0;
}
