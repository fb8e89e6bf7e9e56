/* SPDX-License-Identifier: BSD-2-Clause */
/* leak_between.c -- Serves requests, as many as the first argument says, and never forgets one in
 * ten; takes a snapshot before and in the middle. With a second argument it then waits for the end
 * of its input. */
#include "memtrace.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    CACHED = 64,
    CACHED_BYTES = 1000,
    REQUEST_BYTES = 56
};

struct request {
    struct request *next;
};

static struct request *requests;
static void *cache[CACHED];

static void refresh(int slot)
{
    free(cache[slot]);
    cache[slot] = malloc(CACHED_BYTES); /* @refreshed */
}

static void keep(void)
{
    struct request *request = malloc(REQUEST_BYTES); /* @leaked */
    request->next = requests;
    requests = request;
}

static void serve(int first, int end)
{
    for (int i = first; i < end; i++) {
        refresh(i % CACHED);
        if (i % 10 == 0)
            keep();
    }
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 0;
    char byte;
    for (int i = 0; i < CACHED; i++)
        refresh(i);
    memtrace_take_snapshot("warm");
    serve(0, count / 2);
    memtrace_take_snapshot("half");
    serve(count / 2, count);
    if (argc > 2 && write(STDOUT_FILENO, ".", 1) == 1)
        while (read(STDIN_FILENO, &byte, 1) > 0)
            continue;
    return 0;
}
