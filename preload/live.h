/* SPDX-License-Identifier: BSD-2-Clause */
/* live.h -- The blocks that are live: address to size and counters.
 *
 * A side table; the blocks themselves are never touched. One 4-byte word per 16 bytes of address
 * space that is in use, found through a three-level page map without locks: a block belongs to
 * the thread that got it from malloc or holds it for free, and the program orders the two. */
#ifndef MEMTRACE_LIVE_H
#define MEMTRACE_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIVE_COUNTERS_MAX (1u << 26) /* counters ids are below this */

struct live_block {
    uint32_t counters; /* index into SECTION_COUNTERS; 0: not a live block */
    uint64_t size_bytes;
};

/* What new blocks are stamped with, see trace_format.h. */
extern uint32_t live_now;

/* is_two_granules_min: the allocator's smallest blocks take 32 bytes, as glibc's do, so that they
 * can be stamped as well. */
void live_init(bool is_two_granules_min, uint64_t now_ns);

/* Moves live_now on; called now and then by the ticker. */
void live_tick(uint64_t now_ns);

/* For the header of a new trace: where struct live_map is, and the time of its stamps. */
uint64_t live_map_address(void);
uint64_t live_origin_ns(void);

/* Remembers a block. If one was still live at this address, it is returned (its free bypassed
 * us), else its counters are 0. *ret_failed when the block could not be remembered. */
struct live_block live_insert(const void *address, uint64_t size_bytes, uint32_t counters,
                              bool *ret_failed);

/* What is known of a block; its counters are 0 if nothing is. */
struct live_block live_find(const void *address);

/* Forgets a block and returns what was known of it. */
struct live_block live_remove(const void *address);

/* Sampled mode: keeps count of the blocks on each page, so that live_may_hold can tell at the price
 * of one byte that this is none of them. live_count_pages comes before the first block; a block is
 * counted before it is inserted and uncounted after it was removed. */
void live_count_pages(void);
bool live_may_hold(const void *address);
void live_count_block(const void *address);
void live_uncount_block(const void *address);

/* Forgets all blocks. While no other thread allocates. */
void live_clear(void);

/* Calls visit for every live block. Meaningful while no other thread allocates. */
void live_visit(void (*visit)(const void *address, struct live_block block, void *data),
                void *data);

/* The same for those that begin in one window of addresses, while the program goes on: a block that
 * comes or goes meanwhile may be left out. */
#define LIVE_WINDOW_BYTES (1ul << 20)
void live_visit_window(uint64_t window, void (*visit)(const void *, struct live_block, void *),
                       void *data);

/* The first window from that one on in which any block may begin, or end. */
uint64_t live_next_window(uint64_t window, uint64_t end);

#endif
