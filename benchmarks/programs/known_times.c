/* SPDX-License-Identifier: BSD-2-Clause */
/* known_times.c -- Programs that know where their CPU time goes, by their threads' own clocks.
 *
 *     known_times functions THREADS ROUNDS      eight functions that work 1:2:…:8, in shuffled
 * order known_times lines THREADS ROUNDS [PART PERCENT]    the same in eight lines of one function,
 *                                               one of them so much slower
 *     known_times phases ROUNDS                 a loop of 400 µs, of which four phases take
 *                                               11/20/30/39 %
 *     known_times short THREADS AT_ONCE         threads of 0.5 to 5.5 ms, in four equal parts
 *
 * Prints a JSON object: how long each part took, and all threads. */
#include "random.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
    PARTS = 8,
    PHASES = 4,
    UNIT_TURNS = 36000, /* some 50 µs */
    LOOP_US = 400,
    SHORT_LEAST_US = 500,
    SHORT_MORE_US = 5000,
    AT_ONCE_MAX = 64,
    THREADS_MAX = 100000,
    CALIBRATIONS = 20,
    CALIBRATION_TURNS = 400000
};

struct tally {
    uint64_t part_ns[PARTS + 1];
    uint64_t cpu_ns;   /* by the clock of the thread */
    uint64_t usage_ns; /* by getrusage */
    uint64_t seen_ns;
    uint64_t random;
};

static unsigned rounds;
static double turns_per_us;
static unsigned part_turns[PARTS + 1];
static int part_line[PARTS + 1];
static volatile uint64_t sink;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tally sum; /* of the threads that have ended */

static uint64_t thread_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t usage_ns(void)
{
    struct rusage used;
    getrusage(RUSAGE_THREAD, &used);
    return ((uint64_t)used.ru_utime.tv_sec + (uint64_t)used.ru_stime.tv_sec) * 1000000000u +
           ((uint64_t)used.ru_utime.tv_usec + (uint64_t)used.ru_stime.tv_usec) * 1000u;
}

static void begin(struct tally *tally)
{
    tally->seen_ns = thread_cpu_ns();
}

/* What has passed since the part before, or begin(), was this one's. */
static void add(struct tally *tally, unsigned part)
{
    uint64_t now_ns = thread_cpu_ns();
    tally->part_ns[part] += now_ns - tally->seen_ns;
    tally->seen_ns = now_ns;
}

static void end(struct tally *tally)
{
    pthread_mutex_lock(&lock);
    for (unsigned part = 1; part <= PARTS; part++)
        sum.part_ns[part] += tally->part_ns[part];
    sum.usage_ns += usage_ns();
    sum.cpu_ns += thread_cpu_ns();
    pthread_mutex_unlock(&lock);
}

/* Every use is a loop of its own, which the compiler does not join with the others. */
#define TURN(number, count)                                                                        \
    for (unsigned turn = (count); turn; turn--) {                                                  \
        x = x * 6364136223846793005u + (number);                                                   \
        __asm__ volatile("# part %1" : "+r"(x) : "i"(number));                                     \
    }

/* --- functions --- */

#define WORK(number)                                                                               \
    static __attribute__((noinline)) void work_##number(unsigned turns)                            \
    {                                                                                              \
        uint64_t x = turns;                                                                        \
        TURN(number, turns)                                                                        \
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
WORK(9) /* is no part */

static void (*const works[PARTS + 1])(unsigned) = {NULL,   work_1, work_2, work_3, work_4,
                                                   work_5, work_6, work_7, work_8};

static void shuffle(unsigned *order, uint64_t *random)
{
    for (unsigned i = PARTS - 1; i > 0; i--) {
        unsigned other = random_below(random, i + 1);
        unsigned kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}

static void *run_functions(void *data)
{
    struct tally *tally = data;
    unsigned order[PARTS] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (unsigned i = 0; i < rounds; i++) {
        shuffle(order, &tally->random);
        begin(tally);
        for (unsigned k = 0; k < PARTS; k++) {
            works[order[k]](part_turns[order[k]]);
            add(tally, order[k]);
        }
    }
    end(tally);
    return NULL;
}

/* --- lines --- */

#define LINE(number)                                                                               \
    {                                                                                              \
        part_line[number] = __LINE__;                                                              \
        TURN(number, part_turns[number])                                                           \
    }

static __attribute__((noinline)) void work_in_lines(struct tally *tally, const unsigned *order)
{
    uint64_t x = order[0];
    for (unsigned k = 0; k < PARTS; k++) {
        switch (order[k]) {
        case 1:
            LINE(1);
            break;
        case 2:
            LINE(2);
            break;
        case 3:
            LINE(3);
            break;
        case 4:
            LINE(4);
            break;
        case 5:
            LINE(5);
            break;
        case 6:
            LINE(6);
            break;
        case 7:
            LINE(7);
            break;
        default:
            LINE(8);
        }
        add(tally, order[k]);
    }
    sink = x;
}

static void *run_lines(void *data)
{
    struct tally *tally = data;
    unsigned order[PARTS] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (unsigned i = 0; i < rounds; i++) {
        shuffle(order, &tally->random);
        begin(tally);
        work_in_lines(tally, order);
    }
    end(tally);
    return NULL;
}

/* --- phases and short threads: parts that take so many microseconds --- */

static void calibrate(void)
{
    uint64_t least_ns = UINT64_MAX;
    for (int i = 0; i < CALIBRATIONS; i++) {
        uint64_t begin_ns = thread_cpu_ns();
        work_9(CALIBRATION_TURNS);
        uint64_t time_ns = thread_cpu_ns() - begin_ns;
        if (time_ns < least_ns)
            least_ns = time_ns;
    }
    turns_per_us = CALIBRATION_TURNS * 1e3 / (double)least_ns;
}

static void run_part(struct tally *tally, unsigned part, double time_us)
{
    works[part]((unsigned)(time_us * turns_per_us));
    add(tally, part);
}

static void run_phases(struct tally *tally, unsigned count)
{
    static const double shares[PHASES + 1] = {0, 0.11, 0.204, 0.298, 0.388};
    begin(tally);
    for (unsigned i = 0; i < count; i++)
        for (unsigned part = 1; part <= PHASES; part++)
            run_part(tally, part, LOOP_US * shares[part]);
}

static void *run_short(void *data)
{
    struct tally *tally = data;
    double time_us = SHORT_LEAST_US + random_below(&tally->random, SHORT_MORE_US);
    begin(tally);
    for (unsigned part = 1; part <= PHASES; part++)
        run_part(tally, part, time_us / PHASES);
    end(tally);
    return NULL;
}

/* --- threads --- */

static void start(pthread_t *thread, struct tally *tally, void *(*run)(void *), unsigned number)
{
    *tally = (struct tally){.random = number * UINT64_C(0x9e3779b97f4a7c15) + 1};
    if (pthread_create(thread, NULL, run, tally) != 0) {
        perror("known_times: pthread_create");
        exit(1);
    }
}

static void run_threads(void *(*run)(void *), unsigned threads, unsigned at_once)
{
    static pthread_t ids[AT_ONCE_MAX];
    static struct tally tallies[AT_ONCE_MAX];
    if (at_once > AT_ONCE_MAX)
        at_once = AT_ONCE_MAX;
    for (unsigned i = 0; i < threads + at_once; i++) {
        if (i >= at_once)
            pthread_join(ids[i % at_once], NULL);
        if (i < threads)
            start(&ids[i % at_once], &tallies[i % at_once], run, i + 1);
    }
}

static void print(void)
{
    const char *separator = "";
    printf("{\"cpu_ns\": %llu, \"usage_ns\": %llu, \"parts\": {", (unsigned long long)sum.cpu_ns,
           (unsigned long long)sum.usage_ns);
    for (unsigned part = 1; part <= PARTS; part++) {
        if (!sum.part_ns[part])
            continue;
        printf("%s\"%u\": {\"cpu_ns\": %llu, \"line\": %d}", separator, part,
               (unsigned long long)sum.part_ns[part], part_line[part]);
        separator = ", ";
    }
    puts("}}");
}

static int usage(void)
{
    fputs("usage: known_times functions THREADS ROUNDS | lines THREADS ROUNDS [PART PERCENT] | "
          "phases ROUNDS | short THREADS AT_ONCE\n",
          stderr);
    return 2;
}

static unsigned number(char **argv, int i)
{
    return (unsigned)strtoul(argv[i], NULL, 10);
}

static void set_turns(unsigned slow_part, unsigned percent)
{
    for (unsigned part = 1; part <= PARTS; part++)
        part_turns[part] = part * UNIT_TURNS * (100 + (part == slow_part ? percent : 0)) / 100;
}

static void run_in_threads(void *(*run)(void *), unsigned threads, unsigned count)
{
    rounds = count;
    run_threads(run, threads, threads);
}

int main(int argc, char **argv)
{
    static struct tally tally;
    unsigned first = argc > 2 ? number(argv, 2) : 0, second = argc > 3 ? number(argv, 3) : 0;
    const char *what = argc > 1 ? argv[1] : "";
    bool is_one_thread = strcmp(what, "phases") == 0;
    if (!first || (!is_one_thread && (!second || first > THREADS_MAX)))
        return usage();
    set_turns(argc > 5 ? number(argv, 4) : 0, argc > 5 ? number(argv, 5) : 0);
    if (is_one_thread || strcmp(what, "short") == 0)
        calibrate();
    if (is_one_thread)
        run_phases(&tally, first);
    else if (strcmp(what, "functions") == 0)
        run_in_threads(run_functions, first, second);
    else if (strcmp(what, "lines") == 0)
        run_in_threads(run_lines, first, second);
    else if (strcmp(what, "short") == 0)
        run_threads(run_short, first, second);
    else
        return usage();
    if (!is_one_thread)
        tally = (struct tally){0};
    end(&tally);
    print();
    return 0;
}
