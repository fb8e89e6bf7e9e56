/* SPDX-License-Identifier: BSD-2-Clause */
/* pool_model.c -- Threads that take, resize and give back blocks of pools at random, in turns on
 * each other's blocks, and a model that knows what must come of it.
 *
 *     pool_model SEED [clear] [fork] [wait]
 *
 * clear: everything is forgotten in the middle. fork: a child goes on alone with what it inherits.
 * wait: it prints addresses and the sizes of the smallest blocks they are in, -1 for none, and
 * waits. For each site it prints: WHO TAG ALLOC_COUNT ALLOC_BYTES LIVE_COUNT LIVE_BYTES. */
#include "memtrace.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    THREADS = 4,
    SLOTS = 500,
    POOLS = 3, /* per thread; the first one is none */
    SITES = 4,
    ROUNDS = 12,
    OPERATIONS = 4000,
    SLOT_BYTES = 24,
    SIZE_MAX_BYTES = 1000,
    ADDRESSES = 1000
};

struct block {
    int site; /* -1: not live */
    size_t size_bytes;
};

struct figures {
    uint64_t count, bytes;
};

static char memory[THREADS][SLOTS * SLOT_BYTES];
static struct block blocks[THREADS][POOLS][SLOTS];
static struct figures allocated[THREADS][SITES]; /* by who did it */
static pthread_barrier_t barrier;
static const char *const tags[SITES] = {"first", "second", "third", "fourth"};
static bool do_clear;
static uint64_t seed;

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* --- pools --- */

/* Blocks begin anywhere, and those of two pools at the same address. */
static char *address_of(int area, int slot)
{
    return memory[area] + slot * SLOT_BYTES + slot % 5;
}

static void take(int area, int pool, int slot, size_t size_bytes)
{
    if (pool == 0)
        memtrace_alloc(address_of(area, slot), size_bytes);
    else
        memtrace_pool_alloc(blocks[area][pool], address_of(area, slot), size_bytes);
}

static void give_back(int area, int pool, int slot)
{
    if (pool == 0)
        memtrace_free(address_of(area, slot));
    else
        memtrace_pool_free(blocks[area][pool], address_of(area, slot));
}

static void take_at(int site, int area, int pool, int slot, size_t size_bytes)
{
    switch (site) {
    case 0:
        take(area, pool, slot, size_bytes); /* @first */
        break;
    case 1:
        take(area, pool, slot, size_bytes); /* @second */
        break;
    case 2:
        take(area, pool, slot, size_bytes); /* @third */
        break;
    default:
        take(area, pool, slot, size_bytes); /* @fourth */
    }
}

/* --- what is done, in both worlds --- */

static void do_take(struct figures *own, int area, int pool, int slot, uint64_t random)
{
    int site = (int)(random % SITES);
    size_t size_bytes = random / SITES % SIZE_MAX_BYTES;
    take_at(site, area, pool, slot, size_bytes);
    blocks[area][pool][slot] = (struct block){site, size_bytes};
    own[site].count++;
    own[site].bytes += size_bytes;
}

static void do_clear_pool(int area, int pool)
{
    memtrace_pool_clear(blocks[area][pool]);
    for (int slot = 0; slot < SLOTS; slot++)
        blocks[area][pool][slot].site = -1;
}

static void operate(struct figures *own, int area, uint64_t *random)
{
    int pool = (int)(next_random(random) % POOLS);
    int slot = (int)(next_random(random) % SLOTS);
    unsigned what = next_random(random) % 1000;
    if (what < 550) {
        do_take(own, area, pool, slot, next_random(random));
    } else if (what < 998) {
        give_back(area, pool, slot); /* of which some are not live */
        blocks[area][pool][slot].site = -1;
    } else if (pool) {
        do_clear_pool(area, pool);
    }
}

/* --- the end --- */

static bool is_at(int area, int slot)
{
    for (int pool = 0; pool < POOLS; pool++)
        if (blocks[area][pool][slot].site >= 0)
            return true;
    return false;
}

static void check_tracebacks(const char *who)
{
    int wrong = 0;
    for (int area = 0; area < THREADS; area++)
        for (int slot = 0; slot < SLOTS; slot++) {
            size_t count = memtrace_get_object_traceback(address_of(area, slot), NULL, 0);
            wrong += is_at(area, slot) != (count > 2);
        }
    fprintf(stderr, "%s tracebacks wrong: %d\n", who, wrong);
}

static void tell(const char *who)
{
    for (int site = 0; site < SITES; site++) {
        struct figures all = {0}, live = {0};
        for (int area = 0; area < THREADS; area++) {
            all.count += allocated[area][site].count;
            all.bytes += allocated[area][site].bytes;
            for (int i = 0; i < POOLS * SLOTS; i++) {
                const struct block *block = &blocks[area][i / SLOTS][i % SLOTS];
                live.count += block->site == site;
                live.bytes += block->site == site ? block->size_bytes : 0;
            }
        }
        fprintf(stderr, "%s %s %lu %lu %lu %lu\n", who, tags[site], (unsigned long)all.count,
                (unsigned long)all.bytes, (unsigned long)live.count, (unsigned long)live.bytes);
    }
}

/* Of all the blocks that an address is in, for they overlap. */
static long smallest_at(const char *address)
{
    long smallest = -1;
    for (int area = 0; area < THREADS; area++)
        for (int i = 0; i < POOLS * SLOTS; i++) {
            const struct block *block = &blocks[area][i / SLOTS][i % SLOTS];
            const char *start = address_of(area, i % SLOTS);
            bool is_in = block->site >= 0 && address >= start &&
                         (address == start || address < start + block->size_bytes);
            if (is_in && (smallest < 0 || (long)block->size_bytes < smallest))
                smallest = (long)block->size_bytes;
        }
    return smallest;
}

static void be_asked(void)
{
    uint64_t random = seed + 2;
    for (int i = 0; i < ADDRESSES; i++) {
        const char *address = memory[0] + next_random(&random) % sizeof memory;
        printf("%p %ld\n", (const void *)address, smallest_at(address));
    }
    puts("done");
    fflush(stdout);
    getchar();
}

static void forget(void)
{
    bool is_cleared = memtrace_clear_traces();
    memset(blocks, -1, sizeof blocks);
    memset(allocated, 0, sizeof allocated);
    fprintf(stderr, "cleared %d\n", is_cleared);
}

static void *work(void *argument)
{
    int self = (int)(intptr_t)argument;
    uint64_t random = seed * 1000003 + (uint64_t)self * 77777 + 1;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < OPERATIONS; i++)
            operate(allocated[self], (self + round) % THREADS, &random);
        pthread_barrier_wait(&barrier);
        if (self == 0 && do_clear && round == ROUNDS / 2)
            forget();
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

static void be_a_child(void)
{
    uint64_t random = seed + 1;
    memset(allocated, 0, sizeof allocated);
    for (int i = 0; i < OPERATIONS; i++)
        operate(allocated[i % THREADS], i % THREADS, &random);
    check_tracebacks("child");
    tell("child");
    exit(0);
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    bool do_fork = false, do_wait = false;
    seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
    for (int i = 2; i < argc; i++) {
        do_clear = do_clear || strcmp(argv[i], "clear") == 0;
        do_fork = do_fork || strcmp(argv[i], "fork") == 0;
        do_wait = do_wait || strcmp(argv[i], "wait") == 0;
    }
    memset(blocks, -1, sizeof blocks);
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    if (do_fork) {
        if (fork() == 0)
            be_a_child();
        wait(NULL);
    }
    check_tracebacks("program");
    tell("program");
    if (do_wait)
        be_asked();
    return 0;
}
