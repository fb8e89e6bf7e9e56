/* SPDX-License-Identifier: BSD-2-Clause */
/* heap.h -- What one allocation or one free changes: the block's entry, its site's counters, the
 * thread's totals, the heap's live bytes and peak.
 *
 * Called with thread->busy set, on the thread that owns it. */
#ifndef MEMTRACE_HEAP_H
#define MEMTRACE_HEAP_H

#include "live.h"
#include "thread.h"

#include <stdbool.h>
#include <stdint.h>

/* In a forked child's new trace: these bytes are live already, and they are the peak so far. */
void heap_begin(int64_t live_bytes);

/* The peak is what is live now. With the world stopped. */
void heap_reset_peak(void);

/* As if nothing had been allocated so far. With the world stopped. */
void heap_forget(void);

/* In a forked child: finishes what a thread of its parent's had begun. */
void heap_after_fork(void);

/* A block was handed out to the call stack that begins with these registers. */
void heap_allocated(struct thread *thread, const void *block, uint64_t size_bytes, uint64_t pc,
                    uint64_t sp, uint64_t fp);

/* A block is about to be given back: forget it, account for it. NULL is ignored. */
void heap_freed(struct thread *thread, const void *block);

/* realloc in two halves: forget the block before, and then either account for its end, or put it
 * back as it was because the call failed. */
struct live_block heap_take(const void *block);
void heap_release(struct thread *thread, const void *block, struct live_block taken);
void heap_put_back(const void *block, struct live_block taken);

/* The same for calls made while the thread was in the middle of another one: by a signal handler,
 * or by an allocator that calls its own public functions. Allocations get no stack. A block that
 * the interrupted call has already forgotten is passed over. */
void heap_allocated_nested(struct thread *thread, const void *block, uint64_t size_bytes);
void heap_freed_nested(struct thread *thread, const void *block);
void heap_released_nested(struct thread *thread, const void *block, struct live_block taken);

#endif
