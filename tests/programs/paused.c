/* SPDX-License-Identifier: BSD-2-Clause */
/* paused.c -- Stops recording and goes on: what is allocated meanwhile is nobody's business.
 *
 * With an argument it stops before a fork, and the child goes on. */
#include "memtrace.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    COUNT = 10,
    CHILD_COUNT = 1000 /* enough to get a trace of its own */
};

static void *before[COUNT], *unrecorded[COUNT], *after[CHILD_COUNT];

static void tell(const char *when)
{
    int64_t current, peak;
    memtrace_get_traced_memory(&current, &peak);
    fprintf(stderr, "%s: tracing %d live %ld\n", when, memtrace_is_tracing(), (long)current);
}

static void allocate_before(void)
{
    for (int i = 0; i < COUNT; i++)
        before[i] = malloc(1000); /* @before */
    tell("before");
}

/* The pair that is freed at once may not be temporary, and no block may be taken for another one's
 * successor at the same address. */
static void allocate_meanwhile(void)
{
    memtrace_stop();
    memtrace_stop();
    for (int i = 0; i < 5; i++)
        free(before[i]);
    for (int i = 0; i < COUNT; i++)
        unrecorded[i] = malloc(1000);      /* @unrecorded */
    before[5] = realloc(before[5], 50000); /* @unrecorded_realloc */
    free(calloc(3, 100));                  /* @unrecorded_pair */
    tell("meanwhile");
}

static void allocate_after(int count)
{
    fprintf(stderr, "start %d %d\n", memtrace_start(), memtrace_start());
    for (int i = 0; i < COUNT; i++)
        free(unrecorded[i]);
    free(before[5]);
    for (int i = 0; i < count; i++)
        after[i] = malloc(200); /* @after */
    tell("after");
}

int main(int argc, char **argv)
{
    (void)argv;
    setvbuf(stderr, NULL, _IONBF, 0);
    allocate_before();
    allocate_meanwhile();
    if (argc > 1 && fork() == 0) {
        for (int i = 0; i < CHILD_COUNT; i++)
            free(malloc(5)); /* @unrecorded_child */
        allocate_after(CHILD_COUNT);
        return 0;
    }
    if (argc > 1)
        wait(NULL);
    else
        allocate_after(COUNT);
    return 0;
}
