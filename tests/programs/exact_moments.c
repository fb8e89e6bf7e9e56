/* SPDX-License-Identifier: BSD-2-Clause */
/* exact_moments.c -- Eight threads allocate, hand blocks to each other and end, while the first one
 * asks again and again for what needs them all to stand still. */
#include "memtrace.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WORKERS = 8,
    SLOTS = 4096,
    DEPTHS = 6,
    MOMENTS = 150,    /* or as many as the second argument says */
    SHORT_LIVED = 20, /* moments between two threads that end */
    CHILDREN = 20,
    CHILD_BLOCKS = 300
};

static _Atomic(void *) slots[SLOTS];
static atomic_bool is_over;
static atomic_int failures;

static void *allocate(int depth, size_t size_bytes)
{
    if (depth > 0) {
        void *volatile block = allocate(depth - 1, size_bytes);
        return block;
    }
    return malloc(size_bytes); /* @slot */
}

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void step(uint32_t *state)
{
    uint32_t random = next_random(state);
    size_t size_bytes = 1 + next_random(state) % 2000;
    void *block = atomic_exchange(&slots[random % SLOTS], NULL);
    if (block && random & 0x10000000)
        block = realloc(block, size_bytes); /* @regrown */
    else if (block) {
        free(block);
        block = NULL;
    } else {
        block = allocate((int)(random >> 16) % DEPTHS, size_bytes);
    }
    free(atomic_exchange(&slots[(random >> 8) % SLOTS], block));
}

static void *churn(void *argument)
{
    uint32_t state = (uint32_t)(uintptr_t)argument;
    while (!atomic_load(&is_over))
        step(&state);
    return NULL;
}

static void *churn_briefly(void *argument)
{
    uint32_t state = (uint32_t)(uintptr_t)argument;
    for (int i = 0; i < 500; i++)
        step(&state);
    return NULL;
}

static void end_a_thread(uintptr_t seed)
{
    pthread_t thread;
    pthread_create(&thread, NULL, churn_briefly, (void *)seed);
    pthread_join(thread, NULL);
}

/* The child has only itself to ask. */
static void be_a_child(void)
{
    memtrace_start();
    for (int i = 0; i < CHILD_BLOCKS; i++)
        slots[i] = malloc(17); /* @child */
    _exit(0);
}

static void *make_children(void *argument)
{
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = fork();
        if (child == 0)
            be_a_child();
        int status = 1;
        if (child < 0 || waitpid(child, &status, 0) != child || status)
            failures++;
    }
    return argument;
}

static void free_all(void)
{
    for (int i = 0; i < SLOTS; i++)
        free(atomic_exchange(&slots[i], NULL));
}

static bool ask(const char *what)
{
    bool is_ok = true;
    if (strchr(what, 's'))
        is_ok &= memtrace_take_snapshot("moment");
    if (strchr(what, 'r'))
        is_ok &= memtrace_reset_peak();
    if (strchr(what, 'c'))
        is_ok &= memtrace_clear_traces();
    if (strchr(what, 'p')) {
        memtrace_stop();
        is_ok &= memtrace_start();
    }
    return is_ok;
}

int main(int argc, char **argv)
{
    pthread_t workers[WORKERS];
    const char *what = argc > 1 ? argv[1] : "s";
    uintptr_t moments = argc > 2 ? strtoul(argv[2], NULL, 10) : MOMENTS;
    bool has_children = strchr(what, 'f');
    pthread_t forker;

    for (uintptr_t i = 0; i < WORKERS; i++)
        pthread_create(&workers[i], NULL, churn, (void *)(i + 1));
    if (has_children)
        pthread_create(&forker, NULL, make_children, NULL);
    for (uintptr_t i = 0; i < moments; i++) {
        if (!ask(what))
            failures++;
        if (i % SHORT_LIVED == 0)
            end_a_thread(100 + i);
    }
    if (has_children)
        pthread_join(forker, NULL);
    atomic_store(&is_over, true);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(workers[i], NULL);
    if (strchr(what, 'e'))
        free_all();
    fprintf(stderr, "%d failures\n", atomic_load(&failures));
    return 0;
}
