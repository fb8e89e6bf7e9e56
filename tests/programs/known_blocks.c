/* SPDX-License-Identifier: BSD-2-Clause */
/* known_blocks.c -- Prints the address of every block it has and of those it has freed, and waits.
 *
 * known_blocks COUNT. A line for each block: live or freed, its address, its size, the thread that
 * made it, when that was (CLOCK_MONOTONIC), and the place. It ends when stdin does. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    BLOCKS_MAX = 20000,
    SMALL_MAX = 40
};

struct block {
    char *address;
    size_t size;
    int thread;
    uint64_t time_ns;
    const char *place;
    int is_freed;
};

static struct block blocks[BLOCKS_MAX];
static int block_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char output[1 << 16];

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void note(void *address, size_t size, const char *place)
{
    pthread_mutex_lock(&lock);
    if (address && block_count < BLOCKS_MAX)
        blocks[block_count++] =
            (struct block){address, size, (int)syscall(SYS_gettid), now_ns(), place, 0};
    pthread_mutex_unlock(&lock);
}

static void make_small(int count)
{
    for (int i = 0; i < count; i++) {
        size_t size = (size_t)i % (SMALL_MAX + 1);
        note(malloc(size), size, "small"); /* @small */
    }
}

static void make_medium(int count)
{
    for (int i = 0; i < count; i++) {
        size_t size = 100 + (size_t)i * 7;
        note(calloc(1, size), size, "medium"); /* @medium */
    }
}

static void make_large(void)
{
    for (int i = 0; i < 8; i++)
        note(malloc(1 << 20), 1 << 20, "large");            /* @large */
    note(malloc((size_t)5 << 29), (size_t)5 << 29, "huge"); /* @huge */
    note(aligned_alloc(4096, 12288), 12288, "aligned");     /* @aligned */
    note(realloc(malloc(10), 3000), 3000, "grown");         /* @grown */
}

static void *work(void *argument)
{
    make_small((int)(intptr_t)argument);
    make_medium((int)(intptr_t)argument / 4);
    return NULL;
}

/* Its blocks outlive it. */
static void run_one(int count)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, (void *)(intptr_t)count);
    pthread_join(thread, NULL);
}

/* A third of the first count ones, in an order of their own. */
static void free_some(int count)
{
    for (int i = 0; i < count; i += 3) {
        struct block *block = &blocks[(int64_t)i * 7919 % count];
        if (!block->is_freed)
            free(block->address);
        block->is_freed = 1;
    }
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 1000;
    char byte;
    setvbuf(stdout, output, _IOFBF, sizeof output);
    run_one(count);
    make_small(count);
    make_medium(count / 4);
    int to_free_of = block_count;
    make_large();
    free_some(to_free_of);
    for (int i = 0; i < block_count; i++)
        printf("%s %p %zu %d %llu %s\n", blocks[i].is_freed ? "freed" : "live",
               (void *)blocks[i].address, blocks[i].size, blocks[i].thread,
               (unsigned long long)blocks[i].time_ns, blocks[i].place);
    printf("done %d\n", (int)syscall(SYS_gettid));
    fflush(stdout);
    return read(0, &byte, 1) < 0;
}
