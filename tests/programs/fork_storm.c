/* SPDX-License-Identifier: BSD-2-Clause */
/* fork_storm.c -- Three hundred children that end at once, and a hundred that become another
 * program, in every way there is to start one. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CHILDREN = 300,
    PROGRAMS = 30
};

extern char **environ;

static int exit_of(pid_t child)
{
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static pid_t spawn(void)
{
    static char name[] = "true";
    char *arguments[] = {name, NULL};
    pid_t child = -1;
    posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ);
    return child;
}

static pid_t fork_and_exec(void)
{
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(127);
    }
    return child;
}

int main(void)
{
    int sum = 0;
    unsetenv("LD_PRELOAD"); /* the other programs are none of this test's */
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = fork();
        if (child == 0) {
            free(malloc(10));
            _exit(i % 7);
        }
        sum += exit_of(child);
    }
    for (int i = 0; i < PROGRAMS; i++) {
        sum += exit_of(fork_and_exec()) + exit_of(spawn()) + system("exit 3") / 256;
        FILE *pipe = popen("echo", "r");
        sum += pipe ? fgetc(pipe) : 1000;
        sum += pipe ? pclose(pipe) : 1000;
    }
    printf("%d\n", sum);
    return 0;
}
