/* SPDX-License-Identifier: BSD-2-Clause */
/* stuck.c -- Asks for what needs all threads to stand still, while one does not come out of malloc,
 * and after one has ended in there. stuck_allocator.c is the next allocator in line. */
#include "memtrace.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    WAIT_BYTES = 1234567,
    END_BYTES = 7654321
};

extern sem_t stuck_is_inside, stuck_may_go_on;

static void *allocate(void *size_bytes)
{
    free(malloc((size_t)size_bytes));
    return NULL;
}

static void tell(const char *when)
{
    int reset = memtrace_reset_peak();
    int clear = memtrace_clear_traces();
    fprintf(stderr, "%s: reset %d clear %d snapshot %d\n", when, reset, clear,
            memtrace_take_snapshot(when));
}

int main(void)
{
    pthread_t thread;
    setvbuf(stderr, NULL, _IONBF, 0);
    tell("alone");
    pthread_create(&thread, NULL, allocate, (void *)(size_t)WAIT_BYTES);
    while (sem_wait(&stuck_is_inside) != 0)
        ;
    tell("stuck");
    sem_post(&stuck_may_go_on);
    pthread_join(thread, NULL);
    tell("free");
    pthread_create(&thread, NULL, allocate, (void *)(size_t)END_BYTES);
    pthread_join(thread, NULL);
    tell("ended");
    return 0;
}
