/* SPDX-License-Identifier: BSD-2-Clause */
/* interpose_thread.c -- Replaced functions that begin something: a thread, a process.
 *
 * Only the sampler wants to know; without it they do nothing but pass on. */
#include "arena.h"
#include "lifecycle.h"
#include "lock.h"
#include "real.h"
#include "sampler.h"
#include "sampler_signal.h"
#include "sys.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#define EXPORT __attribute__((visibility("default")))

/* What the program wants a thread to do. */
struct start {
    void *(*routine)(void *);
    void *argument;
    struct start *next; /* of those that are free */
};

static struct lock start_lock;
static struct start *free_starts;

static struct start *new_start(void *(*routine)(void *), void *argument)
{
    uint64_t mask = lock_enter(&start_lock);
    struct start *start = free_starts;
    if (start)
        free_starts = start->next;
    lock_leave(&start_lock, mask);
    if (!start)
        start = arena_alloc(sizeof *start);
    if (start)
        *start = (struct start){.routine = routine, .argument = argument};
    return start;
}

static void free_start(struct start *start)
{
    uint64_t mask = lock_enter(&start_lock);
    start->next = free_starts;
    free_starts = start;
    lock_leave(&start_lock, mask);
}

/* In tail position the routine is called as if libc had: no frame of ours is in the thread's
 * stacks. */
static void *begin_thread(void *data)
{
    struct start start = *(struct start *)data;
    free_start(data);
    sampler_thread_begins();
    return start.routine(start.argument);
}

EXPORT int pthread_create(void *ret_thread, const void *attributes, void *(*routine)(void *),
                          void *argument)
{
    real_init();
    struct start *start = sampler_is_on() ? new_start(routine, argument) : NULL;
    if (!start)
        return real.pthread_create(ret_thread, attributes, routine, argument);
    int error = real.pthread_create(ret_thread, attributes, begin_thread, start);
    if (error)
        free_start(start);
    return error;
}

/* A signal makes the kernel give up the copying and begin again: with a large process and a high
 * rate that is for ever. */
EXPORT pid_t fork(void)
{
    real_init();
    if (!sampler_is_on())
        return real.fork();
    uint64_t mask = sampler_signal_block();
    pid_t child = real.fork();
    sampler_signal_unblock(mask);
    return child;
}
