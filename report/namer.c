/* SPDX-License-Identifier: BSD-2-Clause */
/* namer.c -- Finds the names of stacks in a thread of its own, so that nobody has to wait. */
#include "namer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    PAUSE_FACTOR = 25,
    PAUSE_SECONDS_MAX = 30
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* By far most of the work is done in children: see sandbox.h. */
static uint64_t children_ns(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_CHILDREN, &usage) != 0)
        return 0;
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

bool namer_init(struct namer *namer, struct stacks *stacks, struct error *error)
{
    *namer = (struct namer){.stacks = stacks};
    if (pipe2(namer->pipe, O_CLOEXEC) == 0)
        return true;
    return error_set(error, "no pipe: %s", strerror(errno));
}

static void *resolve(void *argument)
{
    struct namer *namer = argument;
    symbolizer_resolve(namer->stacks->symbolizer);
    ssize_t ignored = write(namer->pipe[1], "", 1);
    (void)ignored;
    return NULL;
}

/* Signals are for the thread that draws. */
static bool start(struct namer *namer)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    namer->used_ns = children_ns();
    namer->is_busy = pthread_create(&namer->thread, NULL, resolve, namer) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return namer->is_busy;
}

bool namer_ask(struct namer *namer, struct error *error)
{
    if (namer->is_busy || now_ns() < namer->next_ns || !stacks_are_behind(namer->stacks))
        return true;
    if (!stacks_ask(namer->stacks, error))
        return false;
    return start(namer) || error_set(error, "cannot start a thread");
}

bool namer_answer(struct namer *namer, struct error *error)
{
    char ignored[16];
    uint64_t pause_max_ns = PAUSE_SECONDS_MAX * UINT64_C(1000000000);
    if (!namer->is_busy || read(namer->pipe[0], ignored, sizeof ignored) <= 0)
        return true;
    pthread_join(namer->thread, NULL);
    namer->is_busy = false;
    uint64_t pause_ns = (children_ns() - namer->used_ns) * PAUSE_FACTOR;
    namer->next_ns = now_ns() + (pause_ns < pause_max_ns ? pause_ns : pause_max_ns);
    return stacks_answer(namer->stacks, error);
}

bool namer_finish(struct namer *namer)
{
    if (namer->is_busy)
        return false;
    close(namer->pipe[0]);
    close(namer->pipe[1]);
    return true;
}
