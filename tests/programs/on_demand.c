/* SPDX-License-Identifier: BSD-2-Clause */
/* on_demand.c -- Allocates what it is asked for, by its arguments and then by lines of input.
 *
 * keep N, drop N: blocks of 1000 bytes; other N: blocks of 100 bytes kept elsewhere; turn N:
 * allocates and frees; say TEXT, complain TEXT: to stdout, to stderr; count N: numbers, a line
 * each; threads N; become PROGRAM; wait: for a signal; end N: ends with that status. Each line of
 * input is answered by "done". */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
    BLOCKS_MAX = 100000
};

static void *blocks[BLOCKS_MAX];
static int used;

static void keep(int count)
{
    for (; count > 0 && used < BLOCKS_MAX; count--)
        blocks[used++] = malloc(1000); /* @keep */
}

static void drop(int count)
{
    for (; count > 0 && used; count--)
        free(blocks[--used]);
}

static void other(int count)
{
    for (; count > 0 && used < BLOCKS_MAX; count--)
        blocks[used++] = malloc(100); /* @other */
}

static void turn(int count)
{
    for (; count > 0; count--)
        free(malloc(64)); /* @turn */
}

static void *idle(void *argument)
{
    pause();
    return argument;
}

static void start_threads(int count)
{
    pthread_t thread;
    for (; count > 0; count--)
        pthread_create(&thread, NULL, idle, NULL);
}

static void say(FILE *out, const char *text)
{
    fprintf(out, "%s\n", text);
    fflush(out);
}

static void count_to(int count)
{
    for (int i = 1; i <= count; i++)
        printf("line %d\n", i);
    fflush(stdout);
}

static void obey(const char *verb, const char *what)
{
    int count = atoi(what);
    if (!strcmp(verb, "keep"))
        keep(count);
    else if (!strcmp(verb, "drop"))
        drop(count);
    else if (!strcmp(verb, "other"))
        other(count);
    else if (!strcmp(verb, "turn"))
        turn(count);
    else if (!strcmp(verb, "say"))
        say(stdout, what);
    else if (!strcmp(verb, "complain"))
        say(stderr, what);
    else if (!strcmp(verb, "count"))
        count_to(count);
    else if (!strcmp(verb, "threads"))
        start_threads(count);
    else if (!strcmp(verb, "become"))
        execl(what, what, "keep", "7", "wait", "", (char *)NULL);
    else if (!strcmp(verb, "wait"))
        pause();
    else if (!strcmp(verb, "end"))
        exit(count);
}

int main(int argc, char **argv)
{
    char line[512];
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that failed must not leave it running */
    for (int i = 1; i + 1 < argc; i += 2)
        obey(argv[i], argv[i + 1]);
    while (fgets(line, sizeof line, stdin)) {
        char *what = strchr(line, ' ');
        line[strcspn(line, "\n")] = 0;
        if (what)
            *what++ = 0;
        obey(line, what ? what : "");
        say(stdout, "done");
    }
    return 0;
}
