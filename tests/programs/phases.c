/* SPDX-License-Identifier: BSD-2-Clause */
/* phases.c -- Names moments and spans of time, in two threads, and takes snapshots. */
#include "memtrace.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LONG_NAME = 300
};

static void *blocks[4];

static void *work(void *argument)
{
    memtrace_phase_begin("inner");
    blocks[2] = malloc(3000); /* @inner */
    memtrace_phase_end("inner");
    return argument;
}

int main(void)
{
    char long_name[LONG_NAME + 1];
    pthread_t thread;

    memtrace_phase_begin("load");
    blocks[0] = malloc(1000); /* @load */
    memtrace_mark("loaded");
    memtrace_phase_end("load");
    fprintf(stderr, "snapshot %d\n", memtrace_take_snapshot("first"));
    free(blocks[0]);
    memtrace_phase_begin("outer");
    blocks[1] = malloc(2000); /* @outer */
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    memtrace_phase_end("outer");
    memtrace_take_snapshot("second");
    blocks[3] = malloc(4000); /* @late */
    memset(long_name, 'x', LONG_NAME);
    long_name[LONG_NAME] = 0;
    memtrace_mark(long_name);
    memtrace_mark("\033[31mred\n");
    memtrace_mark(NULL);
    return 0;
}
