/* SPDX-License-Identifier: BSD-2-Clause */
/* handler_asks.c -- Four threads allocate, and signal handlers that interrupt them anywhere ask the
 * recorder for everything. */
#include "memtrace.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

enum {
    THREADS = 4,
    KEPT = 64,
    SIGNALS = 1500,
    QUESTIONS = 8
};

static atomic_int signal_count;
static atomic_int errno_changes;

static void ask(int question)
{
    int64_t current, peak;
    switch (question) {
    case 0:
        memtrace_reset_peak();
        break;
    case 1:
        memtrace_take_snapshot("handler");
        break;
    case 2:
        memtrace_clear_traces();
        break;
    case 3:
        memtrace_stop();
        break;
    case 4:
        memtrace_start();
        break;
    case 5:
        memtrace_mark("handler");
        break;
    case 6:
        memtrace_phase_begin("handler");
        memtrace_phase_end("handler");
        break;
    default:
        memtrace_get_traced_memory(&current, &peak);
    }
}

static void handle(int number)
{
    (void)number;
    errno = 4711;
    ask(atomic_fetch_add(&signal_count, 1) % QUESTIONS);
    errno_changes += errno != 4711;
}

static void *churn(void *argument)
{
    void *kept[KEPT] = {NULL};
    for (size_t i = 0; atomic_load(&signal_count) < SIGNALS; i++) {
        free(kept[i % KEPT]);
        kept[i % KEPT] = malloc(i % 500);
    }
    for (int i = 0; i < KEPT; i++)
        free(kept[i]);
    return argument;
}

int main(void)
{
    const struct itimerval every = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    pthread_t threads[THREADS];

    memtrace_is_tracing(); /* finds the recorder */
    sigaction(SIGPROF, &action, NULL);
    setitimer(ITIMER_PROF, &every, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, churn, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    setitimer(ITIMER_PROF, &never, NULL);
    fprintf(stderr, "errno changed %d times\n", atomic_load(&errno_changes));
    return 0;
}
