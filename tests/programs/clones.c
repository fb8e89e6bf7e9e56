/* SPDX-License-Identifier: BSD-2-Clause */
/* clones.c -- Processes made behind libc's back: _Fork, clone, clone3, and one in shared memory. */
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BLOCKS = 600,
    STACK_BYTES = 256 * 1024
};

static int work(int count)
{
    void *blocks[BLOCKS];
    for (int i = 0; i < count; i++)
        blocks[i] = malloc(100 + (size_t)i);
    for (int i = 0; i < count; i++)
        free(blocks[i]);
    return count % 100;
}

static int in_shared_memory(void *argument)
{
    _exit(work(*(int *)argument));
}

static void print_end(const char *what, pid_t child)
{
    int status = 0;
    waitpid(child, &status, __WALL);
    printf("%s %d\n", what, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    fflush(stdout);
}

static pid_t clone3_process(void)
{
    struct clone_args arguments = {.exit_signal = SIGCHLD};
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

int main(void)
{
    int count = BLOCKS;
    printf("%d\n", work(BLOCKS));
    fflush(stdout);
    pid_t child = _Fork();
    if (child == 0)
        _exit(work(BLOCKS));
    print_end("_Fork", child);
    child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        _exit(work(BLOCKS));
    print_end("clone", child);
    child = clone3_process();
    if (child == 0)
        _exit(work(BLOCKS));
    print_end("clone3", child);
    char *stack = malloc(STACK_BYTES);
    child = clone(in_shared_memory, stack + STACK_BYTES, CLONE_VM | CLONE_VFORK | SIGCHLD, &count);
    print_end("shared memory", child);
    free(stack);
    printf("%d\n", work(BLOCKS));
    return 0;
}
