/* SPDX-License-Identifier: BSD-2-Clause */
/* callsite.h -- From a call stack to the counters that this thread writes for it.
 *
 * Call stacks are interned in one tree of nodes for all threads, each path once. Counters belong
 * to a (node, thread) pair, so that adding to them needs neither locks nor atomic operations. */
#ifndef MEMTRACE_CALLSITE_H
#define MEMTRACE_CALLSITE_H

#include "trace_format.h"
#include "unwind.h"

#include <stdbool.h>
#include <stdint.h>

/* Counters that all threads share, present in every trace; to be updated atomically. */
enum shared_counters {
    COUNTERS_NONE,
    COUNTERS_OVERFLOW,
    COUNTERS_REENTRANT,
    COUNTERS_BEFORE_OWN_TRACE,
    COUNTERS_POOL_OVERFLOW,   /* of custom pools */
    COUNTERS_MAPPED_OVERFLOW, /* of mappings, and so on */
    COUNTERS_MAPPED_REENTRANT,
    COUNTERS_MAPPED_BEFORE_OWN_TRACE,
    COUNTERS_FIRST_OWNED
};

struct path_slot;
struct site_slot;

/* One thread's way from stacks and nodes to its counters. Zeroed memory is an empty one. */
struct callsite_cache {
    struct path_slot *paths; /* path hash → counters */
    uint32_t path_bits;
    uint32_t path_count;
    struct site_slot *sites; /* node → counters */
    uint32_t site_bits;
    uint32_t site_count;
};

/* Creates the special nodes and the shared counters in a new trace. False: no room. */
bool callsite_init(void);

/* thread is here, as in struct trace_owner, its index and the domain. A cache is for one domain. */

/* Has what the next function will look at on its way to the CPU. */
void callsite_prefetch(const struct callsite_cache *cache, const struct unwinder *unwinder);

/* The counters of thread for the stack that unwinder holds; COUNTERS_OVERFLOW when there is no
 * room for another call site. */
uint32_t callsite_counters(struct callsite_cache *cache, struct unwinder *unwinder,
                           uint32_t thread);

/* The same for a node, for frees of blocks that another thread allocated. */
uint32_t callsite_counters_of_node(struct callsite_cache *cache, uint32_t node, uint32_t thread);

/* Counters of a node that no thread owns, to be updated atomically: for signal handlers that
 * interrupt the recorder. */
uint32_t callsite_shared_counters(uint32_t node, enum trace_domain domain);

/* Code was unloaded: addresses mean something else now. Nodes and counters stay. */
void callsite_forget_paths(struct callsite_cache *cache);

/* The thread has ended: its counters become free for the next thread at the same call sites, so
 * their number is bounded by the threads alive at once. Returns the cache's memory. With
 * trace_lock held. */
void callsite_retire(struct callsite_cache *cache);

/* In a forked child whose own trace has just been created. */
void callsite_after_fork(void);

#endif
