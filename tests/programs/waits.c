/* SPDX-License-Identifier: BSD-2-Clause */
/* waits.c -- A thread waits in many ways, and says how long by its own clock.
 *
 * Each line of output is a function and the nanoseconds that it has waited; the last one is the
 * number of calls that came back too early. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    WAIT_MS = 12,
    DEPTH = 300,
    DEEP_BYTES = 256
};

static int pipes[2][2]; /* to whoever feeds us, and back */
static int silent[2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int is_wanted, is_there;
static int early_returns;
static volatile uint64_t sink;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t wait_nanosleep(void)
{
    const struct timespec time = {.tv_nsec = WAIT_MS * 1000000};
    uint64_t begin_ns = now_ns();
    early_returns += nanosleep(&time, NULL) != 0; /* @nanosleep */
    return now_ns() - begin_ns;
}

static uint64_t wait_poll(void)
{
    struct pollfd nobody = {.fd = silent[0], .events = POLLIN};
    uint64_t begin_ns = now_ns();
    early_returns += poll(&nobody, 1, WAIT_MS) != 0; /* @poll */
    return now_ns() - begin_ns;
}

static uint64_t wait_read(void)
{
    char byte = 0;
    uint64_t begin_ns = now_ns();
    if (write(pipes[0][1], &byte, 1) != 1)
        early_returns++;
    early_returns += read(pipes[1][0], &byte, 1) != 1; /* @read */
    return now_ns() - begin_ns;
}

static uint64_t wait_condition(void)
{
    uint64_t begin_ns = now_ns();
    pthread_mutex_lock(&mutex);
    is_wanted = 1;
    pthread_cond_broadcast(&condition);
    while (!is_there)
        pthread_cond_wait(&condition, &mutex); /* @condition */
    is_there = 0;
    pthread_mutex_unlock(&mutex);
    return now_ns() - begin_ns;
}

/* Its frame has a size that its first instructions do not tell. */
static uint64_t wait_in_array(size_t size_bytes)
{
    char *array = __builtin_alloca(size_bytes);
    memset(array, (int)size_bytes, size_bytes);
    struct pollfd nobody = {.fd = silent[0], .events = POLLIN};
    uint64_t begin_ns = now_ns();
    early_returns += poll(&nobody, 1, WAIT_MS) != 0; /* @array */
    sink += (uint64_t)array[size_bytes / 2];
    return now_ns() - begin_ns;
}

static uint64_t wait_deep(int depth)
{
    volatile char room[DEEP_BYTES];
    room[0] = (char)depth;
    uint64_t time_ns = depth ? wait_deep(depth - 1) : wait_poll();
    sink += (uint64_t)room[0];
    return time_ns;
}

static void work(void)
{
    for (unsigned i = 0; i < 2000000; i++)
        sink = sink * 6364136223846793005u + 1;
}

struct times {
    uint64_t nanosleep_ns, poll_ns, read_ns, condition_ns, array_ns, deep_ns;
};

static void wait_in_turn(struct times *times, int turn)
{
    times->nanosleep_ns += wait_nanosleep();
    times->poll_ns += wait_poll();
    work();
    times->read_ns += wait_read();
    times->condition_ns += wait_condition();
    times->array_ns += wait_in_array(100 + (size_t)turn * 40);
    times->deep_ns += wait_deep(DEPTH);
}

static void *wait_all(void *turns)
{
    static struct times times;
    for (int turn = 0; turn < *(int *)turns; turn++)
        wait_in_turn(&times, turn);
    return &times;
}

static void *feed_pipe(void *unused)
{
    const struct timespec time = {.tv_nsec = WAIT_MS * 1000000};
    char byte;
    while (read(pipes[0][0], &byte, 1) == 1) {
        nanosleep(&time, NULL);
        if (write(pipes[1][1], &byte, 1) != 1)
            break;
    }
    return unused;
}

static void *feed_condition(void *unused)
{
    const struct timespec time = {.tv_nsec = WAIT_MS * 1000000};
    for (;;) {
        pthread_mutex_lock(&mutex);
        while (!is_wanted)
            pthread_cond_wait(&condition, &mutex);
        pthread_mutex_unlock(&mutex);
        if (is_wanted > 1)
            return unused;
        nanosleep(&time, NULL);
        pthread_mutex_lock(&mutex);
        is_wanted = 0;
        is_there = 1;
        pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&mutex);
    }
}

static void stop_feeding(pthread_t feeders[2])
{
    close(pipes[0][1]);
    pthread_mutex_lock(&mutex);
    is_wanted = 2;
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
    pthread_join(feeders[0], NULL);
    pthread_join(feeders[1], NULL);
}

int main(int argc, char **argv)
{
    int turns = argc > 1 ? atoi(argv[1]) : 10;
    pthread_t waiter, feeders[2];
    struct times *times;
    if (pipe(pipes[0]) != 0 || pipe(pipes[1]) != 0 || pipe(silent) != 0)
        return 1;
    pthread_create(&feeders[0], NULL, feed_pipe, NULL);
    pthread_create(&feeders[1], NULL, feed_condition, NULL);
    uint64_t begin_ns = now_ns();
    pthread_create(&waiter, NULL, wait_all, &turns);
    pthread_join(waiter, (void **)&times); /* @join */
    uint64_t all_ns = now_ns() - begin_ns;
    stop_feeding(feeders);
    printf("wait_nanosleep %" PRIu64 "\nwait_poll %" PRIu64 "\nwait_read %" PRIu64 "\n",
           times->nanosleep_ns, times->poll_ns, times->read_ns);
    printf("wait_condition %" PRIu64 "\nwait_in_array %" PRIu64 "\nwait_deep %" PRIu64 "\n",
           times->condition_ns, times->array_ns, times->deep_ns);
    printf("main %" PRIu64 "\nearly %d\n", all_ns, early_returns);
    return 0;
}
