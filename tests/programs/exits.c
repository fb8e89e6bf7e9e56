/* SPDX-License-Identifier: BSD-2-Clause */
/* exits.c -- Allocates a thousand blocks and ends in the way its argument says. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    COUNT = 1000
};

static void *blocks[COUNT];

static void no_core_file(void)
{
    const struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
}

static int overflow_the_stack(volatile char *above)
{
    volatile char frame[4096];

    frame[0] = above[0];
    return overflow_the_stack(frame) + frame[1];
}

static void *late_thread(void *unused)
{
    usleep(50000);
    free(malloc(222)); /* @late_thread */
    return unused;
}

static void end_by(const char *how)
{
    if (strcmp(how, "exit") == 0)
        exit(11);
    if (strcmp(how, "_exit") == 0)
        _exit(12);
    if (strcmp(how, "quick_exit") == 0)
        quick_exit(13);
    if (strcmp(how, "exit_group") == 0)
        syscall(SYS_exit_group, 14);
    if (strcmp(how, "abort") == 0)
        abort();
    if (strcmp(how, "segv") == 0)
        *(volatile int *)8 = 1;
    if (strcmp(how, "trap") == 0)
        __builtin_trap();
    if (strcmp(how, "kill") == 0)
        kill(getpid(), SIGKILL);
    if (strcmp(how, "term") == 0)
        kill(getpid(), SIGTERM);
    if (strcmp(how, "stack_overflow") == 0)
        overflow_the_stack((volatile char *)how);
    if (strcmp(how, "double_free") == 0) {
        void *volatile block = blocks[0];
        free(block);
        free(block);
    }
    if (strcmp(how, "pthread_exit") == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, late_thread, NULL);
        pthread_exit(NULL);
    }
}

int main(int argc, char **argv)
{
    no_core_file();
    for (int i = 0; i < COUNT; i++)
        blocks[i] = malloc(111); /* @blocks */
    if (argc > 1)
        end_by(argv[1]);
    return 10;
}
