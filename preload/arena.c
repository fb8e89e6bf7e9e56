/* SPDX-License-Identifier: BSD-2-Clause */
/* arena.c -- The library's own memory: private mappings, never the program's heap.
 *
 * Small pieces are cut from chunks that are mapped as needed and never returned. Chunks are kept
 * out of core dumps and huge pages: they would inflate both. */
#include "arena.h"

#include "lock.h"
#include "sys.h"

#include <linux/mman.h>
#include <sys/mman.h>

enum {
    ARENA_ALIGN = 64,
    ARENA_CHUNK_BYTES = 256 * 1024
};

static struct lock arena_lock;
static char *chunk_next;
static char *chunk_end;
static uint64_t total_bytes;

void *arena_map(size_t size_bytes)
{
    size_bytes = round_up(size_bytes, 4096);
    long address = sys(__NR_mmap, 0, size_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (sys_failed(address))
        return NULL;
    sys(__NR_madvise, address, size_bytes, MADV_DONTDUMP);
    sys(__NR_madvise, address, size_bytes, MADV_NOHUGEPAGE);
    __atomic_fetch_add(&total_bytes, size_bytes, __ATOMIC_RELAXED);
    return (void *)address;
}

void arena_unmap(void *pages, size_t size_bytes)
{
    if (!pages)
        return;
    size_bytes = round_up(size_bytes, 4096);
    sys(__NR_munmap, pages, size_bytes);
    __atomic_fetch_sub(&total_bytes, size_bytes, __ATOMIC_RELAXED);
}

static void *take_from_chunk(size_t size_bytes)
{
    if ((size_t)(chunk_end - chunk_next) < size_bytes) {
        char *chunk = arena_map(ARENA_CHUNK_BYTES);
        if (!chunk)
            return NULL;
        chunk_next = chunk;
        chunk_end = chunk + ARENA_CHUNK_BYTES;
    }
    void *piece = chunk_next;
    chunk_next += size_bytes;
    return piece;
}

void *arena_alloc(size_t size_bytes)
{
    size_bytes = round_up(size_bytes, ARENA_ALIGN);
    if (size_bytes > ARENA_CHUNK_BYTES / 4)
        return arena_map(size_bytes);
    uint64_t mask = lock_enter(&arena_lock);
    void *piece = take_from_chunk(size_bytes);
    lock_leave(&arena_lock, mask);
    return piece;
}

uint64_t arena_total_bytes(void)
{
    return __atomic_load_n(&total_bytes, __ATOMIC_RELAXED);
}

void arena_after_fork(void)
{
    lock_reset(&arena_lock);
    /* Another thread may have been in the middle of cutting a piece. */
    chunk_next = chunk_end = NULL;
}
