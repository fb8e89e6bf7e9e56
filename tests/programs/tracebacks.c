/* SPDX-License-Identifier: BSD-2-Clause */
/* tracebacks.c -- Asks for the call stacks of its own blocks. */
#include "memtrace.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ROOM = 64
};

static void tell(const char *name, const void *block)
{
    struct memtrace_frame frames[ROOM];
    size_t count = memtrace_get_object_traceback(block, frames, ROOM);
    size_t few = memtrace_get_object_traceback(block, frames, 1);
    printf("%s %zu %d\n", name, count, few == count);
    for (size_t i = 0; i < count && i < ROOM; i++)
        printf("%s %lx %lx\n", frames[i].module, (unsigned long)frames[i].offset,
               (unsigned long)(frames[i].address - frames[i].offset));
    fflush(stdout);
}

static void *descend(int depth)
{
    if (depth > 0) {
        void *volatile block = descend(depth - 1);
        return block;
    }
    return malloc(11); /* @deep */
}

static void *in_thread(void *argument)
{
    (void)argument;
    return malloc(22); /* @thread */
}

static void tell_nothing(void *block)
{
    int local;
    tell("inside", (char *)block + 1);
    tell("stack", &local);
    tell("null", NULL);
    free(block);
    tell("freed", block);
    memtrace_dump_object_traceback(STDOUT_FILENO, block);
}

int main(void)
{
    pthread_t thread;
    void *block;
    tell("deep", descend(5));
    tell("strdup", strdup("twelve bytes")); /* @strdup */
    block = malloc(33);
    tell("realloc", realloc(block, 44444)); /* @realloc */
    pthread_create(&thread, NULL, in_thread, NULL);
    pthread_join(thread, &block);
    tell("thread", block);
    memtrace_dump_object_traceback(STDOUT_FILENO, block);
    if (fork() == 0) {
        tell("child", block);
        _exit(0);
    }
    wait(NULL);
    tell_nothing(malloc(55));
    return 0;
}
