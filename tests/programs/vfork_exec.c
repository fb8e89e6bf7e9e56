/* SPDX-License-Identifier: BSD-2-Clause */
/* vfork_exec.c -- vfork and _exit, vfork and exec, posix_spawn: the parent's recording goes on. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    EXITS = 1000,
    BLOCKS = 500
};

extern char **environ;

static void *blocks[2][BLOCKS];

static int wait_for(pid_t child)
{
    int status = 0;

    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

static int spawn_self(const char *self)
{
    char *const arguments[] = {(char *)self, "child", NULL};
    pid_t child;

    if (posix_spawn(&child, self, NULL, NULL, arguments, environ) != 0)
        return -1;
    return wait_for(child);
}

int main(int argc, char **argv)
{
    int exited = 0, executed, spawned, failed;
    pid_t child;

    if (argc > 1 && strcmp(argv[1], "child") == 0) {
        free(malloc(4321)); /* @child */
        return 9;
    }
    for (int i = 0; i < BLOCKS; i++)
        blocks[0][i] = malloc(20); /* @before */
    for (int i = 0; i < EXITS; i++) {
        child = vfork();
        if (child == 0)
            _exit(6);
        exited += wait_for(child) == 6;
    }
    child = vfork();
    if (child == 0) {
        execl("/nonexistent/program", "program", NULL);
        _exit(8);
    }
    failed = wait_for(child);
    child = vfork();
    if (child == 0) {
        execl(argv[0], argv[0], "child", NULL);
        _exit(1);
    }
    executed = wait_for(child);
    spawned = spawn_self(argv[0]);
    for (int i = 0; i < BLOCKS; i++)
        blocks[1][i] = malloc(30); /* @after */
    printf("%d %d %d %d\n", exited, failed, executed, spawned);
    return 0;
}
