/* SPDX-License-Identifier: BSD-2-Clause */
/* slow_leak.c -- A service with much going on, of which one line leaks a little.
 *
 *     slow_leak ROUNDS
 *
 * A round takes a millisecond or more. tests/test_leaks.py finds the lines by their tags. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    TABLE = 1000,
    CACHE = 400,
    SESSIONS = 60,
    REQUESTS = 40
};

static void *table[TABLE], *cache[CACHE], *sessions[SESSIONS], *lost;
static long long leaked_bytes;

static void start(void)
{
    for (int i = 0; i < TABLE; i++)
        table[i] = malloc(5000); /* @start */
}

/* Fills up during the first 40 % of the rounds. */
static void remember(long round, long rounds)
{
    long wanted = round * 10 / 4 * CACHE / rounds;
    static long count;
    for (; count < wanted && count < CACHE; count++)
        cache[count] = malloc(5000); /* @cache */
    if (count == CACHE) {
        free(cache[round % CACHE]);
        cache[round % CACHE] = malloc(5000); /* @replaced */
    }
}

/* Up and down again. */
static void come_and_go(long round)
{
    int at = (int)(round % SESSIONS);
    if (at == 0)
        for (int i = 0; i < SESSIONS; i++) {
            free(sessions[i]);
            sessions[i] = NULL;
        }
    sessions[at] = malloc(20000); /* @session */
}

static void serve(int number)
{
    char *request = malloc(200 + 10 * (size_t)number); /* @request */
    char *answer = malloc(3000);                       /* @answer */
    free(request);
    free(answer);
}

static void forget(void)
{
    lost = malloc(48); /* @leak */
    leaked_bytes += 48;
}

int main(int argc, char **argv)
{
    const struct timespec pause = {0, 1000000};
    long rounds = argc == 2 ? atol(argv[1]) : 0;
    if (rounds <= 0)
        return 2;
    start();
    for (long round = 0; round < rounds; round++) {
        remember(round, rounds);
        come_and_go(round);
        for (int i = 0; i < REQUESTS; i++)
            serve(i);
        if (round % 3 == 0)
            forget();
        nanosleep(&pause, NULL);
    }
    printf("%lld\n", leaked_bytes);
    return 0;
}
