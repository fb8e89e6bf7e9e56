/* SPDX-License-Identifier: BSD-2-Clause */
/* clock_jumps.c -- Forks a child for which it is a year later, or hardly later than the machine's
 * start.
 *
 * usage: clock_jumps forward|backward      Both go on allocating. Where no namespace of time may be
 * made, nothing jumps. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

enum {
    COUNT = 20000,
    YEAR_S = 365 * 24 * 3600
};

static long now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static int make_namespace(long offset_s)
{
    char text[100];
    int length =
        snprintf(text, sizeof text, "monotonic %ld 0\nboottime %ld 0\n", offset_s, offset_s);
    if (unshare(CLONE_NEWTIME) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWTIME) != 0)
        return -1;
    int fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
    int is_written = fd >= 0 && write(fd, text, (size_t)length) == length;
    close(fd);
    return is_written ? 0 : -1;
}

static void allocate(void)
{
    for (int i = 0; i < COUNT; i++)
        free(malloc(100));
}

static int jump(long before_s)
{
    allocate();
    return labs(now_s() - before_s) > 3600;
}

int main(int argc, char **argv)
{
    int is_forward = argc > 1 && strcmp(argv[1], "forward") == 0;
    long before_s = now_s();
    int status;

    allocate();
    int is_made = make_namespace(is_forward ? YEAR_S : 10 - before_s) == 0;
    pid_t child = fork();
    if (child == 0)
        _exit(jump(before_s));
    waitpid(child, &status, 0);
    allocate();
    if (is_made && before_s > 4 * 3600 && WEXITSTATUS(status) != 1)
        printf("the clock has not jumped\n");
    printf("%d\n", WIFEXITED(status));
    return 0;
}
