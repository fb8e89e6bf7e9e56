/* SPDX-License-Identifier: BSD-2-Clause */
/* pair_cost.c -- How many nanoseconds one malloc + free takes, by call path, depth and threads.
 *
 *     pair_cost PATTERN DEPTH THREADS time MILLISECONDS
 *     pair_cost PATTERN DEPTH THREADS pairs COUNT          (for counting instructions)
 *
 * same: one call site. sites: every thread has its own. leaves: 24 paths of one to three frames,
 * blocks that live for 64 pairs. recursion: a random descent through 12 functions that each hold a
 * block. pipe: every other thread allocates, the next one frees.
 *
 * DEPTH counts all frames up to _start or clone; for leaves and recursion up to where they begin.
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "frames.h"
#include "random.h"

enum {
    THREADS_MAX = 16,
    BLOCK_SIZE = 64,
    RING = 64,
    FUNCTIONS = 12,
    LEVELS = 6,
    BATCH = 512, /* 32 KiB of blocks */
    BATCHES = 4,
    ROUNDS_MAX = 1 << 16,
    ROUND_NS = 100 * 1000,
    FRAMES_MAIN = 7,  /* batch, measure, work, main and three below it */
    FRAMES_THREAD = 5 /* batch, measure, work, start_thread, clone3 */
};

struct pipe {
    sem_t full, empty; /* batches */
    void *blocks[BATCHES][BATCH];
};

struct worker;
typedef void batch_function(struct worker *worker, long pairs);

struct worker {
    pthread_t thread;
    batch_function *batch;
    struct pipe *pipe;
    uint64_t random;
    int trunk; /* frames between work() and measure() */
    unsigned pipe_at;
    long left; /* recursion: pairs still to be made */
    void *ring[RING];
    unsigned ring_at;
    long pairs;
    int rounds;
    float round_ns[ROUNDS_MAX]; /* per pair */
} __attribute__((aligned(128)));

static struct worker workers[THREADS_MAX];
static struct pipe pipes[THREADS_MAX / 2];
static pthread_barrier_t everyone_is_warm;
static int64_t run_ns;
static long fixed_pairs;

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- same, sites ---- */

#define ONE_SITE(name)                                                                             \
    static NOINLINE void name(struct worker *worker, long pairs)                                   \
    {                                                                                              \
        (void)worker;                                                                              \
        while (pairs--) {                                                                          \
            void *block = malloc(BLOCK_SIZE);                                                      \
            ESCAPE(block);                                                                         \
            free(block);                                                                           \
        }                                                                                          \
        STAY;                                                                                      \
    }

ONE_SITE(site0)
ONE_SITE(site1)
ONE_SITE(site2)
ONE_SITE(site3)
ONE_SITE(site4)
ONE_SITE(site5)
ONE_SITE(site6)
ONE_SITE(site7)

static batch_function *const sites[] = {site0, site1, site2, site3, site4, site5, site6, site7};

/* ---- leaves ---- */

static inline void replace_oldest(struct worker *worker)
{
    void **slot = &worker->ring[worker->ring_at++ % RING];
    free(*slot);
    *slot = malloc(16 + random_below(&worker->random, 256));
    ESCAPE(*slot);
}

/* The frames have different sizes, as they have in real programs. */
#define THREE_PATHS(n)                                                                             \
    static NOINLINE void one##n(struct worker *worker)                                             \
    {                                                                                              \
        replace_oldest(worker);                                                                    \
        STAY;                                                                                      \
    }                                                                                              \
    static NOINLINE void two##n(struct worker *worker)                                             \
    {                                                                                              \
        ROOM(16 * n);                                                                              \
        one##n(worker);                                                                            \
        STAY;                                                                                      \
    }                                                                                              \
    static NOINLINE void three##n(struct worker *worker)                                           \
    {                                                                                              \
        ROOM(8 * n);                                                                               \
        two##n(worker);                                                                            \
        STAY;                                                                                      \
    }

THREE_PATHS(1)
THREE_PATHS(2)
THREE_PATHS(3)
THREE_PATHS(4)
THREE_PATHS(5)
THREE_PATHS(6)
THREE_PATHS(7)
THREE_PATHS(8)

static void (*const paths[])(struct worker *) = {
    one1, two1, three1, one2, two2, three2, one3, two3, three3, one4, two4, three4,
    one5, two5, three5, one6, two6, three6, one7, two7, three7, one8, two8, three8};

static NOINLINE void leaves(struct worker *worker, long pairs)
{
    while (pairs--)
        paths[random_below(&worker->random, sizeof paths / sizeof *paths)](worker);
    STAY;
}

/* ---- recursion ---- */

static void descend(struct worker *worker, unsigned from, int levels);

#define HOLD_AND_DESCEND(n)                                                                        \
    static NOINLINE void hold##n(struct worker *worker, int levels)                                \
    {                                                                                              \
        void *block = malloc(16 + random_below(&worker->random, 256));                             \
        ESCAPE(block);                                                                             \
        worker->left--;                                                                            \
        int calls = levels > 0 ? 1 + !random_below(&worker->random, 4) : 0;                        \
        while (calls-- > 0)                                                                        \
            descend(worker, n, levels - 1);                                                        \
        free(block);                                                                               \
    }

HOLD_AND_DESCEND(0)
HOLD_AND_DESCEND(1)
HOLD_AND_DESCEND(2)
HOLD_AND_DESCEND(3)
HOLD_AND_DESCEND(4)
HOLD_AND_DESCEND(5)
HOLD_AND_DESCEND(6)
HOLD_AND_DESCEND(7)
HOLD_AND_DESCEND(8)
HOLD_AND_DESCEND(9)
HOLD_AND_DESCEND(10)
HOLD_AND_DESCEND(11)

static void (*const holds[FUNCTIONS])(struct worker *, int) = {
    hold0, hold1, hold2, hold3, hold4, hold5, hold6, hold7, hold8, hold9, hold10, hold11};

/* Each of the 12 calls three of them: some 4,000 paths in all. */
static inline __attribute__((always_inline)) void descend(struct worker *worker, unsigned from,
                                                          int levels)
{
    if (worker->left > 0)
        holds[(3 * from + random_below(&worker->random, 3)) % FUNCTIONS](worker, levels);
}

static NOINLINE void recursion(struct worker *worker, long pairs)
{
    worker->left = pairs;
    while (worker->left > 0)
        descend(worker, random_below(&worker->random, FUNCTIONS),
                (int)random_below(&worker->random, LEVELS));
    STAY;
}

/* ---- pipe ---- */

/* The next block's place; whole batches change hands, so that nobody spins or sleeps for each. */
static void **next_place(struct worker *worker)
{
    unsigned at = worker->pipe_at++;
    if (at % BATCH == 0) {
        if (at)
            sem_post(&worker->pipe->full);
        sem_wait(&worker->pipe->empty);
    }
    return &worker->pipe->blocks[at / BATCH % BATCHES][at % BATCH];
}

static NOINLINE void produce(struct worker *worker, long pairs)
{
    while (pairs--)
        *next_place(worker) = malloc(BLOCK_SIZE);
    STAY;
}

/* Hands over the last batch, and an empty one behind it that ends the consumer. */
static void close_pipe(struct worker *worker)
{
    if (worker->pipe_at % BATCH)
        *next_place(worker) = NULL;
    sem_post(&worker->pipe->full);
    worker->pipe_at = (worker->pipe_at + BATCH - 1) / BATCH * BATCH;
    sem_wait(&worker->pipe->empty);
    worker->pipe->blocks[worker->pipe_at / BATCH % BATCHES][0] = NULL;
    sem_post(&worker->pipe->full);
}

/* Producer and consumer on different cores always: on one it is a different question. */
static void stay_on_core(long number)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET((int)(number % sysconf(_SC_NPROCESSORS_ONLN)), &cores);
    pthread_setaffinity_np(pthread_self(), sizeof cores, &cores);
}

static void *consume(void *argument)
{
    struct pipe *pipe = argument;
    stay_on_core(pipe - pipes + 1);
    for (unsigned batch = 0;; batch++) {
        void **blocks = pipe->blocks[batch % BATCHES];
        sem_wait(&pipe->full);
        if (!blocks[0])
            return NULL;
        for (int i = 0; i < BATCH && blocks[i]; i++)
            free(blocks[i]);
        sem_post(&pipe->empty);
    }
}

/* ---- measuring ---- */

static int64_t timed_batch(struct worker *worker, long pairs)
{
    int64_t start = clock_ns(CLOCK_MONOTONIC);
    worker->batch(worker, pairs);
    return clock_ns(CLOCK_MONOTONIC) - start;
}

/* How many pairs take about ROUND_NS; also what warms everything up. */
static long pairs_per_round(struct worker *worker)
{
    long pairs = 16;
    for (int tries = 0; tries < 40 && pairs < 1 << 20; tries++) {
        if (timed_batch(worker, pairs) < ROUND_NS)
            pairs += pairs / 2;
    }
    return pairs;
}

static NOINLINE void measure(struct worker *worker)
{
    if (fixed_pairs) {
        worker->batch(worker, fixed_pairs);
        worker->pairs = fixed_pairs;
        return;
    }
    long pairs = pairs_per_round(worker);
    pthread_barrier_wait(&everyone_is_warm);
    int64_t end = clock_ns(CLOCK_MONOTONIC) + run_ns;
    while (clock_ns(CLOCK_MONOTONIC) < end && worker->rounds < ROUNDS_MAX) {
        worker->round_ns[worker->rounds++] = (float)timed_batch(worker, pairs) / (float)pairs;
        worker->pairs += pairs;
    }
}

typedef void trunk_function(struct worker *worker, int left);
static trunk_function trunk0;

#define TRUNK(n, next)                                                                             \
    static NOINLINE void trunk##n(struct worker *worker, int left)                                 \
    {                                                                                              \
        ROOM(8 + 8 * n);                                                                           \
        if (left <= 1)                                                                             \
            measure(worker);                                                                       \
        else                                                                                       \
            trunk##next(worker, left - 1);                                                         \
        STAY;                                                                                      \
    }

TRUNK(7, 0)
TRUNK(6, 7)
TRUNK(5, 6)
TRUNK(4, 5)
TRUNK(3, 4)
TRUNK(2, 3)
TRUNK(1, 2)
TRUNK(0, 1)

static NOINLINE void *work(void *argument)
{
    struct worker *worker = argument;
    if (worker->pipe)
        stay_on_core(worker->pipe - pipes);
    if (worker->trunk > 0)
        trunk0(worker, worker->trunk);
    else
        measure(worker);
    if (worker->pipe)
        close_pipe(worker);
    for (int i = 0; i < RING; i++)
        free(worker->ring[i]);
    return NULL;
}

/* ---- results ---- */

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float all_rounds[THREADS_MAX * ROUNDS_MAX];

static void print_result(int producers, int threads, int64_t wall, int64_t cpu)
{
    long pairs = 0, rounds = 0;
    for (int i = 0; i < producers; i++) {
        pairs += workers[i].pairs;
        memcpy(all_rounds + rounds, workers[i].round_ns, sizeof(float) * (size_t)workers[i].rounds);
        rounds += workers[i].rounds;
    }
    qsort(all_rounds, (size_t)rounds, sizeof(float), by_size);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    double parallel = threads < cores ? threads : (double)cores;
    printf("{\"median_ns\": %.2f, \"min_ns\": %.2f, \"mean_ns\": %.2f, \"cpu_ns\": %.2f, "
           "\"pairs\": %ld}\n",
           rounds ? (double)all_rounds[rounds / 2] : 0.0, rounds ? (double)all_rounds[0] : 0.0,
           (double)wall * parallel / (double)pairs, (double)cpu / (double)pairs, pairs);
}

/* ---- start ---- */

static void prepare(const char *pattern, int producers, int frames)
{
    for (int i = 0; i < producers; i++) {
        struct worker *worker = &workers[i];
        worker->random = 88172645463325252u + (uint64_t)i;
        worker->trunk = frames;
        worker->batch = site0;
        if (!strcmp(pattern, "sites"))
            worker->batch = sites[(size_t)i % (sizeof sites / sizeof *sites)];
        else if (!strcmp(pattern, "leaves"))
            worker->batch = leaves;
        else if (!strcmp(pattern, "recursion"))
            worker->batch = recursion;
        else if (!strcmp(pattern, "pipe")) {
            worker->batch = produce;
            worker->pipe = &pipes[i];
            sem_init(&pipes[i].full, 0, 0);
            sem_init(&pipes[i].empty, 0, BATCHES);
        }
    }
}

static void start_threads(int producers, pthread_t *consumers)
{
    for (int i = 0; i < producers; i++) {
        if (workers[i].pipe)
            pthread_create(&consumers[i], NULL, consume, workers[i].pipe);
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
}

static void join_threads(int producers, const pthread_t *consumers)
{
    for (int i = 0; i < producers; i++) {
        pthread_join(workers[i].thread, NULL);
        if (workers[i].pipe)
            pthread_join(consumers[i], NULL);
    }
}

int main(int argc, char **argv)
{
    pthread_t consumers[THREADS_MAX];
    if (argc != 6) {
        fputs("usage: pair_cost PATTERN DEPTH THREADS time|pairs NUMBER\n", stderr);
        return 2;
    }
    int depth = atoi(argv[2]), threads = atoi(argv[3]);
    bool is_pipe = !strcmp(argv[1], "pipe"), is_threaded = is_pipe || threads > 1;
    int producers = is_pipe ? threads / 2 : threads;
    if (producers < 1 || threads > THREADS_MAX)
        return 2;
    if (!strcmp(argv[4], "pairs"))
        fixed_pairs = atol(argv[5]);
    run_ns = atol(argv[5]) * 1000000;
    prepare(argv[1], producers, depth - (is_threaded ? FRAMES_THREAD : FRAMES_MAIN));
    pthread_barrier_init(&everyone_is_warm, NULL, (unsigned)producers + is_threaded);

    int64_t wall, cpu;
    if (is_threaded) {
        start_threads(producers, consumers);
        if (!fixed_pairs)
            pthread_barrier_wait(&everyone_is_warm);
        wall = clock_ns(CLOCK_MONOTONIC);
        cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        join_threads(producers, consumers);
    } else {
        wall = clock_ns(CLOCK_MONOTONIC);
        cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        work(&workers[0]);
    }
    wall = clock_ns(CLOCK_MONOTONIC) - wall;
    cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    print_result(producers, threads, wall, cpu);
    return 0;
}
