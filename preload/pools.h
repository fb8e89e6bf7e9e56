/* SPDX-License-Identifier: BSD-2-Clause */
/* pools.h -- The blocks that the program's own allocators have handed out.
 *
 * They lie inside blocks of the heap or of mappings, anywhere: at addresses of any alignment,
 * inside each other if pools are nested. So a block is known by its pool and its address. A pool is
 * whatever pointer stands for it. */
#ifndef MEMTRACE_POOLS_H
#define MEMTRACE_POOLS_H

#include "live.h"
#include "thread.h"

/* A block was handed out to the call stack that begins with these registers. One that is live
 * already has got a new size. NULL is ignored. */
void pools_allocated(struct thread *thread, const void *pool, const void *block,
                     uint64_t size_bytes, struct frame_start start);

/* A block was given back; all blocks of a pool were. What is not known is passed over. */
void pools_freed(struct thread *thread, const void *pool, const void *block);
void pools_cleared(struct thread *thread, const void *pool);

/* The same in a forked child without a trace of its own: it only forgets what it has inherited. */
void pools_forget_block(const void *pool, const void *block);
void pools_forget_pool(const void *pool);

/* The live block that begins at an address; of several, in different pools, the smallest. Its
 * counters are 0 if there is none, and in a handler that has interrupted a pool's call. */
struct live_block pools_find(const void *block);

/* For the trace's header. */
uint64_t pools_table_address(void);

/* Forgets all blocks of all pools. With the world stopped. */
void pools_forget(void);

/* As live_visit. */
void pools_visit(void (*visit)(const void *address, struct live_block block, void *data),
                 void *data);

/* The thread has left a call in the middle, by longjmp out of a signal handler. */
void pools_abandoned(struct thread *thread);

/* In a forked child; in its own trace. */
void pools_after_fork(void);
void pools_begin(void);

#endif
