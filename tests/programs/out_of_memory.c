/* SPDX-License-Identifier: BSD-2-Clause */
/* out_of_memory.c -- Allocations that fail, for want of address space and for their size. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
    BLOCK_BYTES = 1 << 20,
    BLOCKS_MAX = 4096
};

static void *blocks[BLOCKS_MAX];

static void limit(rlim_t bytes)
{
    struct rlimit rlimit;
    getrlimit(RLIMIT_AS, &rlimit);
    rlimit.rlim_cur = bytes;
    setrlimit(RLIMIT_AS, &rlimit);
}

static void try_sizes(void)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX / 2, PTRDIFF_MAX, (size_t)1 << 46};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        errno = 0;
        void *block = malloc(sizes[i]);
        printf("malloc %d %d\n", block != NULL, errno);
        errno = 0;
        block = calloc(sizes[i], 16);
        printf("calloc %d %d\n", block != NULL, errno);
    }
}

int main(void)
{
    void *kept = malloc(100);
    int count = 0;
    setvbuf(stdout, NULL, _IOLBF, 4096);
    puts("begin");
    try_sizes();
    limit(700ul << 20);
    while (count < BLOCKS_MAX && (blocks[count] = malloc(BLOCK_BYTES)))
        count++;
    int error = errno;
    printf("failed %d with %d\n", count < BLOCKS_MAX, error);
    errno = 0;
    void *moved = realloc(kept, (size_t)800 << 20);
    printf("realloc %d %d\n", moved != NULL, errno);
    while (count)
        free(blocks[--count]);
    errno = 77;
    free(kept);
    free(NULL);
    printf("errno %d\n", errno);
    return 0;
}
