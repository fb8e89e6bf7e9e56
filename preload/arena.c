/* SPDX-License-Identifier: BSD-2-Clause */
/* arena.c -- The library's own memory: private mappings, never the program's heap.
 *
 * Cut from memory that comes with the library first, which is all that a short program needs, and
 * then from one region of address space: what is mapped here and there lands in holes that the
 * program has made and may have plans for. The reservation has no rights, so that it costs nothing
 * and mlockall does not fill it; room is made usable in steps. Where address space is limited,
 * pieces are mapped one by one instead.
 *
 * All of it is kept out of core dumps and huge pages: it would inflate both. */
#include "arena.h"

#include "lock.h"
#include "sys.h"

#include <linux/mman.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum {
    PAGE = 4096,
    ARENA_ALIGN = 64,
    ARENA_CHUNK_BYTES = 256 * 1024,
    FIRST_BYTES = 512 * 1024,
    HUGE_PAGE = 2 << 20,
    FILL_FROM_BYTES = 32 * 1024, /* fewer pages are cheaper one by one */
    STEP_BYTES = 1 << 20,        /* made usable at once, at least */
    ORDERS = 36                  /* pieces of 2^order pages are used again */
};

#define REGION_BYTES (32ul << 30)

static struct lock arena_lock;
static char *chunk_next;
static char *chunk_end;
static uint64_t total_bytes;

/* Under arena_lock. Each step is one store, so a fork in the middle loses a piece at most. */
static char first_bytes[FIRST_BYTES] __attribute__((aligned(4096)));
static bool is_reserved; /* or has been tried to */
static char *region_begin = first_bytes;
static char *region_next = first_bytes;
static char *region_usable = first_bytes + FIRST_BYTES; /* up to here */
static char *region_end = first_bytes + FIRST_BYTES;

/* A piece that was given back, in its first word the next one. */
struct free_piece {
    struct free_piece *next;
};

static struct free_piece *free_pieces[ORDERS];

static void keep_apart(long address, uint64_t size_bytes)
{
    sys(__NR_madvise, address, size_bytes, MADV_DONTDUMP);
    sys(__NR_madvise, address, size_bytes, MADV_NOHUGEPAGE);
}

static void reserve_region(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    is_reserved = true;
    sys(__NR_prlimit64, 0, RLIMIT_AS, 0, &limit);
    if (limit.rlim_cur != RLIM_INFINITY)
        return;
    long address = sys(__NR_mmap, 0, REGION_BYTES, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (sys_failed(address))
        return;
    keep_apart(address, REGION_BYTES);
    region_begin = region_next = region_usable = (char *)address;
    region_end = region_next + REGION_BYTES;
}

static bool make_usable(uint64_t size_bytes)
{
    if ((uint64_t)(region_usable - region_next) >= size_bytes)
        return true;
    if ((uint64_t)(region_end - region_next) < size_bytes)
        return false;
    uint64_t missing = size_bytes - (uint64_t)(region_usable - region_next);
    uint64_t step = round_up(missing, STEP_BYTES);
    if (sys(__NR_mprotect, region_usable, step, PROT_READ | PROT_WRITE) != 0)
        return false;
    region_usable += step;
    return true;
}

/* Large tables are used all over: there, huge pages cost nothing and save much. */
static void prefer_huge_pages(const char *piece, uint64_t size_bytes)
{
    uint64_t start = round_up((uint64_t)piece, HUGE_PAGE);
    uint64_t end = ((uint64_t)piece + size_bytes) / HUGE_PAGE * HUGE_PAGE;
    if (end > start)
        sys(__NR_madvise, start, end - start, MADV_HUGEPAGE);
}

/* What is skipped has never been touched. */
static uint64_t bytes_to_alignment(const char *next, uint64_t size_bytes)
{
    return size_bytes < HUGE_PAGE ? 0 : round_up((uint64_t)next, HUGE_PAGE) - (uint64_t)next;
}

static void *cut_from_region(uint64_t size_bytes)
{
    if (!is_reserved && (uint64_t)(region_end - region_next) < size_bytes)
        reserve_region();
    uint64_t skipped_bytes = bytes_to_alignment(region_next, size_bytes);
    if (!make_usable(skipped_bytes + size_bytes))
        return NULL;
    char *piece = region_next + skipped_bytes;
    region_next = piece + size_bytes;
    prefer_huge_pages(piece, size_bytes);
    return piece;
}

/* ORDERS: not a power of two of pages. */
static unsigned order_of(uint64_t size_bytes)
{
    uint64_t pages = size_bytes / PAGE;
    return pages & (pages - 1) ? ORDERS : (unsigned)__builtin_ctzl(pages);
}

static void *take_free_piece(uint64_t size_bytes)
{
    unsigned order = order_of(size_bytes);
    struct free_piece *piece = order < ORDERS ? free_pieces[order] : NULL;
    if (piece) {
        free_pieces[order] = piece->next;
        piece->next = NULL; /* all the rest of it is zero */
    }
    return piece;
}

static void *map_alone(uint64_t size_bytes)
{
    long address = sys(__NR_mmap, 0, size_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (sys_failed(address))
        return NULL;
    keep_apart(address, size_bytes);
    return (void *)address;
}

static void *take_pages(uint64_t size_bytes)
{
    void *piece = take_free_piece(size_bytes);
    if (!piece)
        piece = cut_from_region(size_bytes);
    if (!piece)
        piece = map_alone(size_bytes);
    if (piece)
        total_bytes += size_bytes;
    return piece;
}

void *arena_map(size_t size_bytes)
{
    uint64_t mask = lock_enter(&arena_lock);
    void *pages = take_pages(round_up(size_bytes, PAGE));
    lock_leave(&arena_lock, mask);
    return pages;
}

void *arena_map_table(size_t size_bytes)
{
    void *table = arena_map(size_bytes);
    if (table && size_bytes >= FILL_FROM_BYTES)
        sys_populate(table, round_up(size_bytes, PAGE));
    return table;
}

static bool is_cut(const char *pages)
{
    return (pages >= region_begin && pages < region_end) ||
           (pages >= first_bytes && pages < first_bytes + FIRST_BYTES);
}

static void give_back(struct free_piece *piece, uint64_t size_bytes)
{
    unsigned order = order_of(size_bytes);
    total_bytes -= size_bytes;
    if (!is_cut((const char *)piece)) {
        sys(__NR_munmap, piece, size_bytes);
        return;
    }
    if (sys(__NR_madvise, piece, size_bytes, MADV_DONTNEED) == 0 && order < ORDERS) {
        piece->next = free_pieces[order];
        free_pieces[order] = piece;
    }
}

void arena_unmap(void *pages, size_t size_bytes)
{
    if (!pages)
        return;
    uint64_t mask = lock_enter(&arena_lock);
    give_back(pages, round_up(size_bytes, PAGE));
    lock_leave(&arena_lock, mask);
}

static void *take_from_chunk(size_t size_bytes)
{
    if ((size_t)(chunk_end - chunk_next) < size_bytes) {
        char *chunk = take_pages(ARENA_CHUNK_BYTES);
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
    bool is_large = size_bytes > ARENA_CHUNK_BYTES / 4;
    uint64_t mask = lock_enter(&arena_lock);
    void *piece = is_large ? take_pages(round_up(size_bytes, PAGE)) : take_from_chunk(size_bytes);
    lock_leave(&arena_lock, mask);
    return piece;
}

void arena_make_ready(uint64_t size_bytes)
{
    uint64_t mask = lock_enter(&arena_lock);
    if (!is_reserved)
        reserve_region();
    make_usable(size_bytes);
    lock_leave(&arena_lock, mask);
}

void arena_give_up(void)
{
    uint64_t mask = lock_enter(&arena_lock);
    if (region_begin != first_bytes && region_end > region_usable &&
        sys(__NR_munmap, region_usable, region_end - region_usable) == 0)
        region_end = region_usable;
    is_reserved = true; /* pieces are mapped one by one from now on */
    lock_leave(&arena_lock, mask);
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
