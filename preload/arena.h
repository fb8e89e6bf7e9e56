/* SPDX-License-Identifier: BSD-2-Clause */
/* arena.h -- The library's own memory: private mappings, never the program's heap. */
#ifndef MEMTRACE_ARENA_H
#define MEMTRACE_ARENA_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed memory, aligned to 64, never given back. NULL when the kernel refuses. Thread-safe. */
void *arena_alloc(size_t size_bytes);

/* Zeroed whole pages, to be returned with arena_unmap; for tables that are replaced by larger
 * ones. NULL when the kernel refuses. */
void *arena_map(size_t size_bytes);

/* The same for a hash table: all of it will be used, and in no order. One call for all of its pages
 * is cheaper than two faults for each, by the reader who finds nothing and by the writer. */
void *arena_map_table(size_t size_bytes);
void arena_unmap(void *pages, size_t size_bytes);

/* Has this much at hand that needs no system call. */
void arena_make_ready(uint64_t size_bytes);

/* Of the address space that was taken in advance keeps only what is in use or at hand. */
void arena_give_up(void);

/* What has been mapped in all, in bytes. */
uint64_t arena_total_bytes(void);

/* In a forked child, before any other call. */
void arena_after_fork(void);

#endif
