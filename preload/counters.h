/* SPDX-License-Identifier: BSD-2-Clause */
/* counters.h -- What is added to a call site's counters, and how they keep what they were at the
 * peak.
 *
 * Only the thread that owns them adds, without atomic operations; those that all threads share are
 * added to atomically. Inline, because they are the price of every allocation. */
#ifndef MEMTRACE_COUNTERS_H
#define MEMTRACE_COUNTERS_H

#include "callsite.h"
#include "sys.h"
#include "trace_file.h"

/* Before counters change: keep what they were at the last peak, if that was since their last
 * change. Whoever reads while we run, or after a kill, finds the figures at the peak once it finds
 * the epoch, and the epoch once it finds the change. */
static inline void counters_settle(struct trace_counters *counters)
{
    uint64_t epoch = __atomic_load_n(&trace.header->peak_epoch, __ATOMIC_RELAXED);
    if (counters->peak_epoch == epoch)
        return;
    counters->peak_bytes = (int64_t)(counters->alloc_bytes - counters->freed_bytes);
    counters->peak_count = (int64_t)(counters->alloc_count - counters->free_count);
    __atomic_store_n(&counters->peak_epoch, epoch, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void counters_settle_shared(struct trace_counters *counters)
{
    uint64_t epoch = __atomic_load_n(&trace.header->peak_epoch, __ATOMIC_RELAXED);
    uint64_t before = __atomic_exchange_n(&counters->peak_epoch, epoch, __ATOMIC_RELAXED);
    if (before == epoch)
        return;
    uint64_t bytes = __atomic_load_n(&counters->alloc_bytes, __ATOMIC_RELAXED) -
                     __atomic_load_n(&counters->freed_bytes, __ATOMIC_RELAXED);
    uint64_t count = __atomic_load_n(&counters->alloc_count, __ATOMIC_RELAXED) -
                     __atomic_load_n(&counters->free_count, __ATOMIC_RELAXED);
    __atomic_store_n(&counters->peak_bytes, (int64_t)bytes, __ATOMIC_RELAXED);
    __atomic_store_n(&counters->peak_count, (int64_t)count, __ATOMIC_RELAXED);
}

static inline bool counters_are_shared(uint32_t counters)
{
    return unlikely(counters < COUNTERS_FIRST_OWNED);
}

static inline void counters_add_allocation_shared(struct trace_counters *counters, uint64_t count,
                                                  uint64_t size_bytes)
{
    counters_settle_shared(counters);
    __atomic_fetch_add(&counters->alloc_count, count, __ATOMIC_RELAXED);
    __atomic_fetch_add(&counters->alloc_bytes, size_bytes, __ATOMIC_RELAXED);
}

static inline void counters_add_free_shared(struct trace_counters *counters, uint64_t count,
                                            uint64_t size_bytes, bool is_temporary)
{
    counters_settle_shared(counters);
    __atomic_fetch_add(&counters->free_count, count, __ATOMIC_RELAXED);
    __atomic_fetch_add(&counters->freed_bytes, size_bytes, __ATOMIC_RELAXED);
    __atomic_fetch_add(&counters->temporary_count, is_temporary ? count : 0, __ATOMIC_RELAXED);
}

static inline void counters_add_allocation(uint32_t id, uint64_t count, uint64_t size_bytes)
{
    struct trace_counters *counters = &trace.counters[id];
    if (counters_are_shared(id)) {
        counters_add_allocation_shared(counters, count, size_bytes);
        return;
    }
    counters_settle(counters);
    counters->alloc_count += count;
    counters->alloc_bytes += size_bytes;
}

static inline void counters_add_free(uint32_t id, uint64_t count, uint64_t size_bytes,
                                     bool is_temporary)
{
    struct trace_counters *counters = &trace.counters[id];
    if (counters_are_shared(id)) {
        counters_add_free_shared(counters, count, size_bytes, is_temporary);
        return;
    }
    counters_settle(counters);
    counters->free_count += count;
    counters->freed_bytes += size_bytes;
    counters->temporary_count += is_temporary ? count : 0;
}

#endif
