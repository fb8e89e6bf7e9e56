/* SPDX-License-Identifier: BSD-2-Clause */
/* same_pid.c -- The first process of a namespace makes another one: both have the number 1. Before
 * they give anything up, they make sure that they have one thread, as browsers' sandboxes do. */
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BLOCKS = 2000
};

static void allocate(void)
{
    for (int i = 0; i < BLOCKS; i++)
        free(malloc(100));
}

/* A directory's links are itself, its parent and its directories: one for each thread. */
static void count_threads(const char *who)
{
    struct stat status;
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fstatat(proc, "thread-self/../../task/", &status, 0);
    printf("%s: %d threads, setgroups %d\n", who, failed ? -1 : (int)status.st_nlink - 2,
           setgroups(0, NULL));
    fflush(stdout);
    close(proc);
}

/* A fork that libc does not know of. */
static pid_t clone_process(unsigned long flags)
{
    return (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
}

static int wait_for(pid_t child)
{
    int status;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int first(void)
{
    allocate();
    count_threads("first");
    pid_t child = clone_process(CLONE_NEWPID);
    if (child == 0) {
        count_threads("second");
        allocate();
        count_threads("second");
        printf("number %d\n", (int)getpid());
        fflush(stdout);
        _exit(3);
    }
    printf("number %d, its child ended with %d\n", (int)getpid(), wait_for(child));
    fflush(stdout);
    return 4;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return first();
    pid_t child = clone_process(CLONE_NEWPID);
    if (child == 0) {
        execl("/proc/self/exe", argv[0], "first", (char *)NULL);
        _exit(5);
    }
    printf("ended with %d\n", child < 0 ? -1 : wait_for(child));
    return 0;
}
