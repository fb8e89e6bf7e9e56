/* SPDX-License-Identifier: BSD-2-Clause */
/* mapping_model.c -- Threads that map, unmap and move memory at random, and a model that knows for
 * every page which call has mapped it; at the end it is held against the kernel's own list.
 *
 *     mapping_model SEED [clear] [fork]
 *
 * For each site it prints: WHO TAG ALLOC_COUNT ALLOC_BYTES LIVE_COUNT LIVE_BYTES. */
#include "memtrace.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul

enum {
    THREADS = 4,
    AREA_PAGES = 600, /* of each thread */
    SOME_PAGES = 24,
    LOOSE = 64, /* mappings that the kernel has found a place for */
    SITES = 4,
    ROUNDS = 8,
    OPERATIONS = 3000,
    CALLS_MAX = THREADS * ROUNDS * OPERATIONS + 4 * OPERATIONS
};

struct figures {
    uint64_t count, bytes;
};

struct loose {
    char *start;
    uint32_t pages;
    uint32_t calls[SOME_PAGES]; /* that mapped each page; 0: none */
};

static char *areas[THREADS];
static uint32_t calls[THREADS][AREA_PAGES]; /* the same */
static struct loose loose[THREADS][LOOSE];
static char site_of[CALLS_MAX]; /* of each call */
static uint64_t pages_of[CALLS_MAX];
static uint32_t call_count = 1; /* atomic */
static struct figures mapped[THREADS][SITES];
static pthread_barrier_t barrier;
static const char *const tags[SITES] = {"plain", "fixed", "moved", "resized"};
static int wrong; /* atomic */
static bool do_clear;
static uint64_t seed;

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void expect(bool is_ok, const char *what)
{
    if (!is_ok && __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED) < 5)
        perror(what);
}

static uint32_t note_call(struct figures *own, int site, uint32_t pages)
{
    uint32_t call = __atomic_fetch_add(&call_count, 1, __ATOMIC_RELAXED);
    site_of[call] = (char)site;
    own[site].count++;
    own[site].bytes += pages * PAGE;
    return call;
}

static void fill(uint32_t *of, uint32_t first, uint32_t pages, uint32_t call)
{
    for (uint32_t i = first; i < first + pages; i++)
        of[i] = call;
}

/* --- where the kernel finds a place --- */

static void map_loose(struct figures *own, struct loose *one, uint64_t *random)
{
    one->pages = (uint32_t)(next_random(random) % SOME_PAGES) + 1;
    one->start = mmap(NULL, one->pages * PAGE - next_random(random) % PAGE, PROT_NONE, /* @plain */
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    expect(one->start != MAP_FAILED, "mmap");
    fill(one->calls, 0, one->pages, note_call(own, 0, one->pages));
}

/* Some pages of it, or all; where there are holes by now, may be somebody else's. */
static void unmap_loose(struct loose *one, uint64_t *random)
{
    uint32_t first = 0, end = one->pages;
    if (next_random(random) % 3) {
        first = (uint32_t)(next_random(random) % one->pages);
        end = first + (uint32_t)(next_random(random) % (one->pages - first)) + 1;
    }
    while (first < end) {
        uint32_t next = first;
        while (next < end && one->calls[next])
            next++;
        if (next > first)
            expect(munmap(one->start + first * PAGE, (next - first) * PAGE) == 0, "munmap");
        fill(one->calls, first, next - first, 0);
        first = next + 1;
    }
    bool is_left = false;
    for (uint32_t i = 0; i < one->pages; i++)
        is_left = is_left || one->calls[i];
    if (!is_left)
        one->pages = 0;
}

static bool is_whole(const struct loose *one)
{
    for (uint32_t i = 0; i < one->pages; i++)
        if (one->calls[i] != one->calls[0] || !one->calls[i])
            return false;
    return one->pages != 0;
}

static void resize_loose(struct figures *own, struct loose *one, uint64_t *random)
{
    uint32_t pages = (uint32_t)(next_random(random) % SOME_PAGES) + 1;
    int flags = next_random(random) % 4 ? MREMAP_MAYMOVE : 0;
    if (!is_whole(one))
        return;
    char *moved = mremap(one->start, one->pages * PAGE, pages * PAGE, flags); /* @resized */
    if (moved == MAP_FAILED)
        return; /* not without moving */
    one->start = moved;
    one->pages = pages;
    fill(one->calls, 0, pages, note_call(own, 3, pages));
}

/* --- in an area of its own --- */

static void operate_in_area(struct figures *own, int area, uint64_t *random)
{
    char *start = areas[area];
    uint32_t *of = calls[area];
    uint32_t first = (uint32_t)(next_random(random) % (AREA_PAGES - SOME_PAGES));
    uint32_t pages = (uint32_t)(next_random(random) % SOME_PAGES) + 1;
    uint32_t to = (uint32_t)(next_random(random) % (AREA_PAGES - SOME_PAGES));
    unsigned what = next_random(random) % 100;
    if (what < 40) {
        void *fixed = mmap(start + first * PAGE, pages * PAGE, PROT_NONE, /* @fixed */
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        expect(fixed == start + first * PAGE, "mmap");
        fill(of, first, pages, note_call(own, 1, pages));
    } else if (what < 70) {
        expect(munmap(start + first * PAGE, pages * PAGE) == 0, "munmap");
        fill(of, first, pages, 0);
    } else if (what < 80) {
        expect(munmap(start + first * PAGE + 1, pages * PAGE) != 0, "munmap of parts of pages");
        expect(mmap(NULL, 0, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED,
               "mmap of nothing");
    } else {
        uint32_t from = 0;
        while (from < pages && of[first + from] && of[first + from] == of[first])
            from++;
        if (!from || (to < first + from && first < to + pages))
            return;
        void *moved = mremap(start + first * PAGE, from * PAGE, pages * PAGE, /* @moved */
                             MREMAP_MAYMOVE | MREMAP_FIXED, start + to * PAGE);
        expect(moved == start + to * PAGE, "mremap");
        fill(of, first, from, 0);
        fill(of, to, pages, note_call(own, 2, pages));
    }
}

static void operate(struct figures *own, int area, uint64_t *random)
{
    struct loose *one = &loose[area][next_random(random) % LOOSE];
    unsigned what = next_random(random) % 100;
    if (what < 50)
        operate_in_area(own, area, random);
    else if (!one->pages)
        map_loose(own, one, random);
    else if (what < 80)
        unmap_loose(one, random);
    else
        resize_loose(own, one, random);
}

/* --- the end --- */

/* Whether the kernel has a page mapped. */
static bool is_mapped(char *page)
{
    unsigned char resident;
    return mincore(page, PAGE, &resident) == 0;
}

static void count_page(char *page, uint32_t call, struct figures *live)
{
    expect(!call || is_mapped(page), "the kernel knows nothing of it");
    if (!call)
        return;
    live[(int)site_of[call]].bytes += PAGE;
    live[(int)site_of[call]].count += pages_of[call]++ == 0;
}

static void tell(const char *who)
{
    struct figures live[SITES] = {{0}};
    memset(pages_of, 0, sizeof pages_of);
    for (int area = 0; area < THREADS; area++) {
        for (int i = 0; i < AREA_PAGES; i++) {
            count_page(areas[area] + i * PAGE, calls[area][i], live);
            expect(calls[area][i] || do_clear || !is_mapped(areas[area] + i * PAGE),
                   "the kernel has it");
        }
        for (int i = 0; i < LOOSE; i++)
            for (uint32_t k = 0; k < loose[area][i].pages; k++)
                count_page(loose[area][i].start + k * PAGE, loose[area][i].calls[k], live);
    }
    fprintf(stderr, "%s wrong: %d\n", who, wrong);
    for (int site = 0; site < SITES; site++) {
        struct figures all = {0};
        for (int i = 0; i < THREADS; i++) {
            all.count += mapped[i][site].count;
            all.bytes += mapped[i][site].bytes;
        }
        fprintf(stderr, "%s %s %lu %lu %lu %lu\n", who, tags[site], (unsigned long)all.count,
                (unsigned long)all.bytes, (unsigned long)live[site].count,
                (unsigned long)live[site].bytes);
    }
}

/* What was mapped before is nobody's; some of it would be found by mremap. */
static void forget(void)
{
    bool is_cleared = memtrace_clear_traces();
    for (int area = 0; area < THREADS; area++)
        munmap(areas[area], AREA_PAGES * PAGE);
    memset(calls, 0, sizeof calls);
    memset(loose, 0, sizeof loose);
    memset(mapped, 0, sizeof mapped);
    fprintf(stderr, "cleared %d\n", is_cleared);
}

static void *work(void *argument)
{
    int self = (int)(intptr_t)argument;
    uint64_t random = seed * 1000003 + (uint64_t)self * 77777 + 1;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < OPERATIONS; i++)
            operate(mapped[self], (self + round) % THREADS, &random);
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
    free(malloc(1 << 20)); /* gets it a trace of its own */
    memset(mapped, 0, sizeof mapped);
    for (int i = 0; i < OPERATIONS; i++)
        operate(mapped[i % THREADS], i % THREADS, &random);
    tell("child");
    exit(0);
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    bool do_fork = false;
    seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
    for (int i = 2; i < argc; i++) {
        do_clear = do_clear || strcmp(argv[i], "clear") == 0;
        do_fork = do_fork || strcmp(argv[i], "fork") == 0;
    }
    /* Far from where the kernel puts things. */
    for (intptr_t i = 0; i < THREADS; i++)
        areas[i] = (char *)0x200000000000 + i * 0x100000000;
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
    tell("program");
    return 0;
}
