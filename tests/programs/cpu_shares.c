/* SPDX-License-Identifier: BSD-2-Clause */
/* cpu_shares.c -- Eight functions that do work 1:2:…:8, in shuffled order, in some threads.
 *
 * usage: cpu_shares THREADS ROUNDS [UNITS]: a round is one call of each. At the end the CPU time of
 * the process is printed, in nanoseconds. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    FUNCTIONS = 8
};

static unsigned rounds, units;
static volatile uint64_t sink;

/* A loop of its own in each: work is counted in turns of it. */
#define WORK(n)                                                                                    \
    static __attribute__((noinline)) void work_##n(uint64_t x)                                     \
    {                                                                                              \
        for (unsigned i = 0; i < (n)*units; i++)                                                   \
            x = x * 6364136223846793005u + 1442695040888963407u;                                   \
        sink = x;                                                                                  \
    }

WORK(1)
WORK(2)
WORK(3)
WORK(4)
WORK(5)
WORK(6)
WORK(7)
WORK(8)

static void (*const works[FUNCTIONS])(uint64_t) = {work_1, work_2, work_3, work_4,
                                                   work_5, work_6, work_7, work_8};

static void shuffle(unsigned *order, uint64_t *state)
{
    for (unsigned i = FUNCTIONS - 1; i > 0; i--) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        unsigned other = (unsigned)(*state >> 33) % (i + 1);
        unsigned kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}

static void *run(void *seed)
{
    uint64_t state = (uint64_t)(uintptr_t)seed * 977 + 1;
    unsigned order[FUNCTIONS] = {0, 1, 2, 3, 4, 5, 6, 7};
    for (unsigned i = 0; i < rounds; i++) {
        shuffle(order, &state);
        for (unsigned k = 0; k < FUNCTIONS; k++)
            works[order[k]](state);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned threads = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
    rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 100;
    units = argc > 3 ? (unsigned)atoi(argv[3]) : 20000;
    pthread_t *ids = calloc(threads, sizeof *ids);
    for (unsigned i = 0; i < threads; i++)
        pthread_create(&ids[i], NULL, run, (void *)(uintptr_t)(i + 1));
    for (unsigned i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    free(ids);
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    printf("%lld\n", (long long)cpu.tv_sec * 1000000000 + cpu.tv_nsec);
    return 0;
}
