/* SPDX-License-Identifier: BSD-2-Clause */
/* fork_child.c -- Forks a child that does nothing, a little, a lot, or more processes.
 *
 * The argument says which: nothing, little, lot, grandchildren, raw_clone. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    INHERITED = 50,
    FREED = 20,
    LITTLE = 3,
    LOT = 20000,
    KEPT = 100
};

static void *inherited[INHERITED], *kept[KEPT];

static void do_a_little(void)
{
    for (int i = 0; i < LITTLE; i++)
        free(malloc(33)); /* @little */
}

static void do_a_lot(void)
{
    for (int i = 0; i < FREED; i++)
        free(inherited[i]);
    for (int i = 0; i < LOT; i++)
        free(malloc(44)); /* @lot */
    for (int i = 0; i < KEPT; i++)
        kept[i] = malloc(55); /* @kept */
}

static int wait_for(pid_t child)
{
    int status = 0;

    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void make_grandchildren(void)
{
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0) {
            do_a_lot();
            _exit(5);
        }
        wait_for(child);
    }
    do_a_lot();
}

static pid_t fork_by(const char *how)
{
    if (strcmp(how, "raw_clone") == 0)
        return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    return fork();
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "lot";
    char line[64];
    pid_t child;
    int length;

    for (int i = 0; i < INHERITED; i++)
        inherited[i] = malloc(66); /* @inherited */
    child = fork_by(how);
    if (child == 0) {
        if (strcmp(how, "little") == 0)
            do_a_little();
        else if (strcmp(how, "grandchildren") == 0)
            make_grandchildren();
        else if (strcmp(how, "nothing") != 0)
            do_a_lot();
        _exit(7);
    }
    free(malloc(77)); /* @parent */
    length = snprintf(line, sizeof line, "child exited %d\n", wait_for(child));
    return write(STDOUT_FILENO, line, (size_t)length) == length ? 0 : 1;
}
