/* SPDX-License-Identifier: BSD-2-Clause */
/* launch.c -- Runs one program and writes down what it and its children cost.
 *
 *     launch RESULT [NAME=VALUE]... -- PROGRAM [ARGUMENT]...
 *
 * Small, because a process inherits the peak RSS of the one that started it, and not the variables'
 * owner, because what they preload must not run in here. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    VARIABLES_MAX = 256
};

static char *variables[VARIABLES_MAX + 1];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* Returns the program's place in argv, or 0. */
static int read_arguments(int argc, char **argv, char **environment)
{
    int count = 0, i = 2;
    while (*environment && count < VARIABLES_MAX)
        variables[count++] = *environment++;
    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (count < VARIABLES_MAX)
            variables[count++] = argv[i];
    }
    return i + 1 < argc ? i + 1 : 0;
}

static int write_result(const char *path, int status, double wall, const struct rusage *used)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return 1;
    fprintf(file,
            "{\"status\": %d, \"wall_s\": %.9f, \"cpu_s\": %.6f, \"system_s\": %.6f, "
            "\"peak_bytes\": %ld}\n",
            WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status), wall,
            seconds(used->ru_utime) + seconds(used->ru_stime), seconds(used->ru_stime),
            used->ru_maxrss * 1024);
    return fclose(file) != 0;
}

int main(int argc, char **argv, char **environment)
{
    int program = argc < 4 ? 0 : read_arguments(argc, argv, environment);
    if (!program) {
        fputs("usage: launch RESULT [NAME=VALUE]... -- PROGRAM [ARGUMENT]...\n", stderr);
        return 2;
    }
    pid_t child;
    int status;
    struct rusage used;
    double start = now();
    int error = posix_spawnp(&child, argv[program], NULL, NULL, argv + program, variables);
    if (error) {
        fprintf(stderr, "launch: %s: %s\n", argv[program], strerror(error));
        return 127;
    }
    while (wait4(child, &status, 0, &used) < 0) {
        if (errno != EINTR)
            return 1;
    }
    return write_result(argv[1], status, now() - start, &used);
}
