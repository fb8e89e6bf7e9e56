/* SPDX-License-Identifier: BSD-2-Clause */
/* cleared.c -- Has all forgotten, twice, and goes on freeing, growing and allocating.
 *
 * With an argument it forks after that, and the child has all forgotten once more. */
#include "memtrace.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    COUNT = 10,
    HANDED_DOWN = 300
};

static void *first[COUNT], *second[COUNT], *third[COUNT], *handed_down[HANDED_DOWN];

static void tell(const char *when)
{
    int64_t current, peak;
    memtrace_get_traced_memory(&current, &peak);
    fprintf(stderr, "%s: live %ld peak %ld\n", when, (long)current, (long)peak);
}

static void clear(void)
{
    fprintf(stderr, "clear %d\n", memtrace_clear_traces());
    tell("cleared");
}

static void allocate_first(void)
{
    for (int i = 0; i < COUNT; i++)
        first[i] = malloc(100000); /* @first */
    memtrace_take_snapshot("first");
    tell("first");
}

/* Frees of what was forgotten count for nothing; what grows is an allocation. */
static void allocate_second(void)
{
    for (int i = 0; i < 5; i++)
        free(first[i]);
    first[5] = realloc(first[5], 5000); /* @regrown */
    for (int i = 0; i < COUNT; i++)
        second[i] = malloc(200); /* @second */
    free(malloc(3000));          /* @temporary */
    memtrace_take_snapshot("second");
    tell("second");
}

static void allocate_third(void)
{
    free(first[5]);
    for (int i = 0; i < COUNT; i++)
        third[i] = malloc(30); /* @third */
    for (int i = 0; i < 4; i++)
        free(third[i]);
    memtrace_take_snapshot("third");
    tell("third");
}

/* What a child does with what it knows, and with what it does not. */
static void be_a_child(void)
{
    free(first[6]);
    free(third[4]);
    free(handed_down[0]);
    memtrace_take_snapshot("inherited");
    tell("inherited");
    clear();
    free(handed_down[1]);
    third[0] = malloc(7); /* @child */
    tell("child");
}

int main(int argc, char **argv)
{
    (void)argv;
    setvbuf(stderr, NULL, _IONBF, 0);
    allocate_first();
    clear();
    allocate_second();
    clear();
    allocate_third();
    if (argc > 1) {
        for (int i = 0; i < HANDED_DOWN; i++)
            handed_down[i] = malloc(11); /* @handed_down */
        if (fork() == 0)
            be_a_child();
        else
            wait(NULL);
    }
    return 0;
}
