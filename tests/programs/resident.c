/* SPDX-License-Identifier: BSD-2-Clause */
/* resident.c -- Has so much of each kind of memory resident, says ".", and waits for its end. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    MIB = 1 << 20,
    BLOCKS = 8192,
    BLOCK_BYTES = 2000,
    KEPT_EVERY = 16,
    UNTOUCHED_BYTES = 32 * MIB,
    MAPPED_BYTES = 16 * MIB,
    SHARED_BYTES = 4 * MIB,
    STACK_BYTES = 1 * MIB
};

static void *blocks[BLOCKS];
static char *untouched;

static void scatter(void)
{
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(BLOCK_BYTES);
        memset(blocks[i], 1, BLOCK_BYTES);
    }
    for (int i = 0; i < BLOCKS; i++)
        if (i % KEPT_EVERY)
            free(blocks[i]);
}

static void map(size_t size_bytes, int flags)
{
    void *pages = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        abort();
    memset(pages, 1, size_bytes);
}

static void *use_stack(void *go_on)
{
    char deep[STACK_BYTES];
    memset(deep, 1, sizeof deep);
    __asm__ volatile("" ::"r"(deep) : "memory");
    pthread_barrier_wait(go_on);
    pause();
    return NULL;
}

int main(void)
{
    pthread_t thread;
    pthread_barrier_t go_on;
    char letter;
    scatter();
    untouched = malloc(UNTOUCHED_BYTES);
    map(MAPPED_BYTES, MAP_PRIVATE);
    map(SHARED_BYTES, MAP_SHARED);
    pthread_barrier_init(&go_on, NULL, 2);
    pthread_create(&thread, NULL, use_stack, &go_on);
    pthread_barrier_wait(&go_on);
    if (write(1, ".", 1) != 1)
        return 1;
    return read(0, &letter, 1) < 0 || !untouched;
}
