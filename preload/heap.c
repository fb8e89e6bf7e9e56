/* SPDX-License-Identifier: BSD-2-Clause */
/* heap.c -- What one allocation or one free changes.
 *
 * The peak of every site is exact without looking at all of them when there is a new one: the
 * header's peak_epoch is raised, and a site that is touched later and finds that the epoch has
 * moved stores the bytes it had until then, which are its bytes at that peak.
 *
 * One thread alone knows the live bytes at every moment. With several, each holds back up to its
 * slack before it adds to the header, so the peak may be off by the sum of the slacks, which the
 * header states. */
#include "heap.h"

#include "clock.h"
#include "counters.h"
#include "mappings.h"
#include "options.h"
#include "pools.h"
#include "sampling.h"
#include "sys.h"
#include "text.h"
#include "totals.h"
#include "trace_file.h"

#ifdef MEMTRACE_CHECK
#include "../tests/check/check_unwind.h" /* a build for tests: every stack against libunwind's */
#endif

enum {
    STAMP_SHARE = 4096 /* a peak higher by less than this part does not get a new time */
};

static int64_t timed_peak; /* the last peak with a time; two threads at once: a stamp more */

static void note_peak_time(int64_t peak)
{
    int64_t timed = __atomic_load_n(&timed_peak, __ATOMIC_RELAXED);
    if (peak - timed <= timed / STAMP_SHARE)
        return;
    uint64_t now_ns = clock_monotonic_ns();
    __atomic_store_n(&timed_peak, peak, __ATOMIC_RELAXED);
    __atomic_store_n(&trace.header->peak_time_ns, now_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&trace.header->last_seen_ns, now_ns, __ATOMIC_RELAXED);
}

void heap_begin(int64_t live_bytes)
{
    trace.header->live_bytes = trace.header->peak_bytes = timed_peak = live_bytes;
    trace.header->peak_time_ns = trace.header->start_time_ns;
}

/* What a thread has held back so far; it is not inside. */
static void take_unflushed(struct thread *thread, void *data)
{
    (void)data;
    trace.header->live_bytes += thread->unflushed_bytes + thread->nested_bytes;
    thread->unflushed_bytes = thread->nested_bytes = 0;
}

void heap_reset_peak(void)
{
    struct trace_header *header = trace.header;
    thread_visit(take_unflushed, NULL);
    header->peak_bytes = timed_peak = header->live_bytes;
    header->peak_time_ns = clock_monotonic_ns();
    __atomic_store_n(&header->peak_epoch, header->peak_epoch + 1, __ATOMIC_RELEASE);
}

static bool is_forgetting;

static void forget_held_back(struct thread *thread, void *data)
{
    (void)data;
    thread->unflushed_bytes = thread->nested_bytes = 0;
    thread->last_block = NULL;
    for (uint32_t domain = 0; domain < MEMORY_DOMAIN_COUNT; domain++)
        if (thread->domains[domain])
            thread->domains[domain]->last_block = NULL;
}

static void forget_totals(struct trace_thread *totals)
{
    totals->alloc_count = totals->alloc_bytes = 0;
    totals->free_count = totals->freed_bytes = 0;
    totals->temporary_count = 0;
    memset(totals->calls, 0, sizeof totals->calls);
}

static void forget_figures(void)
{
    uint64_t mask = lock_enter(&trace_lock);
    memset(trace.counters, 0, trace_count(SECTION_COUNTERS) * sizeof *trace.counters);
    for (uint32_t i = 0; i < trace_count(SECTION_THREADS); i++)
        forget_totals(&trace.threads[i]);
    lock_leave(&trace_lock, mask);
    trace.header->live_bytes = trace.header->peak_bytes = timed_peak = 0;
    trace.header->peak_time_ns = clock_monotonic_ns();
}

void heap_forget(void)
{
    is_forgetting = sampling_has_gaps = true;
    __atomic_fetch_add(&trace.header->clears, 1, __ATOMIC_SEQ_CST);
    live_clear();
    pools_forget();
    mappings_forget();
    thread_visit(forget_held_back, NULL);
    totals_forget();
    forget_figures();
    __atomic_fetch_add(&trace.header->clears, 1, __ATOMIC_SEQ_CST);
    is_forgetting = false;
}

void heap_after_fork(void)
{
    if (is_forgetting) {
        live_clear();
        pools_forget();
        mappings_forget();
    }
    is_forgetting = false;
}

/* Sole thread: everything is known, and the next new peak is exactly this far away. */
static void flush_sole(struct thread *thread)
{
    struct trace_header *header = trace.header;
    int64_t live = header->live_bytes + thread->unflushed_bytes;
    int64_t peak = header->peak_bytes;
    __atomic_store_n(&header->live_bytes, live, __ATOMIC_RELAXED);
    thread->unflushed_bytes = 0;
    if (live > peak) {
        peak = live;
        __atomic_store_n(&header->peak_bytes, peak, __ATOMIC_RELAXED);
        __atomic_store_n(&header->peak_epoch, header->peak_epoch + 1, __ATOMIC_RELAXED);
        note_peak_time(peak);
    }
    thread->flush_above = peak - live;
    thread->flush_below = INT64_MIN;
}

/* While the thread that was alone may be in flush_sole, which does not know of others. */
static void hold_back(struct thread *thread)
{
    int64_t slack = thread_slack_bytes();
    thread->flush_above = thread->unflushed_bytes + slack;
    thread->flush_below = thread->unflushed_bytes - slack;
}

static void flush_shared(struct thread *thread)
{
    if (unlikely(!thread_sole_is_over(thread))) {
        hold_back(thread);
        return;
    }
    struct trace_header *header = trace.header;
    int64_t live =
        __atomic_add_fetch(&header->live_bytes, thread->unflushed_bytes, __ATOMIC_RELAXED);
    int64_t peak = __atomic_load_n(&header->peak_bytes, __ATOMIC_RELAXED);
    thread->unflushed_bytes = 0;
    thread->flush_above = thread_slack_bytes();
    thread->flush_below = -thread->flush_above;
    while (live > peak)
        if (__atomic_compare_exchange_n(&header->peak_bytes, &peak, live, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
            __atomic_fetch_add(&header->peak_epoch, 1, __ATOMIC_RELAXED);
            note_peak_time(live);
            return;
        }
}

static __attribute__((noinline)) void flush(struct thread *thread)
{
    if (unlikely(thread->nested_bytes))
        thread->unflushed_bytes += __atomic_exchange_n(&thread->nested_bytes, 0, __ATOMIC_RELAXED);
    if (thread->is_sole)
        flush_sole(thread);
    else
        flush_shared(thread);
}

static inline void count_allocated(struct thread *thread, uint64_t count, uint64_t size_bytes)
{
    thread->totals->alloc_count += count;
    thread->totals->alloc_bytes += size_bytes;
    thread->unflushed_bytes += (int64_t)size_bytes;
    if (unlikely(thread->unflushed_bytes > thread->flush_above))
        flush(thread);
}

static inline void count_freed(struct thread *thread, uint64_t count, uint64_t size_bytes)
{
    thread->totals->free_count += count;
    thread->totals->freed_bytes += size_bytes;
    thread->unflushed_bytes -= (int64_t)size_bytes;
    if (unlikely(thread->unflushed_bytes < thread->flush_below))
        flush(thread);
}

/* The counters that this thread writes for a block that may have been allocated by another. */
static inline uint32_t own_counters(struct thread *thread, uint32_t counters)
{
    if (thread->is_sole || counters_are_shared(counters))
        return counters;
    const struct trace_owner *owner = &trace.owners[counters];
    if (likely(__atomic_load_n(&owner->thread_domain, __ATOMIC_RELAXED) == thread->index))
        return counters;
    return callsite_counters_of_node(&thread->sites, owner->node, thread->index);
}

/* How many blocks a recorded one that is given back stands for. */
static inline uint64_t weight(const void *block, struct live_block taken)
{
    if (likely(!options.sample_bytes))
        return 1;
    live_uncount_block(block);
    return sampling_weight(block, taken.size_bytes, options.sample_bytes);
}

static void release(struct thread *thread, const void *block, struct live_block taken)
{
    uint64_t count = weight(block, taken);
    uint64_t size_bytes = taken.size_bytes * count;
    bool is_temporary = thread->last_block == block;
    /* No branch: which frees these are, no CPU can guess. */
    thread->last_block =
        (const void *)((uint64_t)thread->last_block & ((uint64_t)is_temporary - 1));
    thread->totals->temporary_count += is_temporary ? count : 0;
    counters_add_free(own_counters(thread, taken.counters), count, size_bytes, is_temporary);
    count_freed(thread, count, size_bytes);
}

/* The block that was live at the address of a new one has been given back without us. */
static void insert(struct thread *thread, const void *block, uint64_t size_bytes, uint32_t counters)
{
    bool is_failed;
    struct live_block old = live_insert(block, size_bytes, counters, &is_failed);
    if (unlikely(is_failed))
        trace_count_anomaly(ANOMALY_UNTRACKED);
    if (unlikely(old.counters)) {
        trace_count_anomaly(ANOMALY_REUSED_LIVE);
        thread->last_block = NULL;
        release(thread, block, old);
    }
}

#ifdef MEMTRACE_CHECK
/* However the counters were found, walking all of the stack must lead to the same ones. */
static void check_counters(struct thread *thread, struct frame_start start, uint32_t counters)
{
    unwinder_walk(&thread->unwinder, start.pc, start.sp, start.fp);
    thread->last_counters = callsite_counters(&thread->sites, &thread->unwinder, thread->index);
    check_stack(&thread->unwinder, start, thread->last_counters == counters);
}
#endif

/* In one piece, although domain.c needs the same functions. */
static __attribute__((noinline, flatten)) uint32_t find_counters(struct thread *thread, uint64_t pc,
                                                                 uint64_t sp, uint64_t fp)
{
    uint32_t counters = unwinder_recall(&thread->unwinder, pc, sp, fp);
    if (likely(counters))
        return counters;
    unwinder_walk(&thread->unwinder, pc, sp, fp);
    if (is_power_of_two(thread->unwinder.walks))
        thread_refresh_name(thread);
    callsite_prefetch(&thread->sites, &thread->unwinder);
    uint32_t *memorized = unwinder_memorize(&thread->unwinder);
    counters = callsite_counters(&thread->sites, &thread->unwinder, thread->index);
    thread->last_counters = counters;
    if (memorized)
        *memorized = counters;
    return counters;
}

/* How many allocations this one stands for; 0: it is not recorded. */
static __attribute__((noinline)) uint64_t draw_sample(struct thread *thread, const void *block,
                                                      uint64_t size_bytes)
{
    if (!thread->is_paused)
        thread->until_sample_bytes -= (int64_t)(size_bytes ? size_bytes : 1);
    if (thread->until_sample_bytes > 0) {
        thread->last_block = NULL;
        return 0;
    }
    thread->until_sample_bytes = sampling_gap(&thread->random, options.sample_bytes);
    live_count_block(block);
    return sampling_weight(block, size_bytes, options.sample_bytes);
}

void heap_allocated(struct thread *thread, const void *block, uint64_t size_bytes, uint64_t pc,
                    uint64_t sp, uint64_t fp)
{
    uint32_t counters = thread->last_counters;
    uint64_t count = 1;
    if (unlikely(thread->nested_block == block))
        return; /* the allocator has called itself, and the block is recorded already */
    if (unlikely(thread->is_sampling) && !(count = draw_sample(thread, block, size_bytes)))
        return;
    if (!unwinder_is_same(&thread->unwinder, pc, sp, fp))
        counters = find_counters(thread, pc, sp, fp);
#ifdef MEMTRACE_CHECK
    check_counters(thread, (struct frame_start){pc, sp, fp}, counters);
#endif
    if (unlikely(counters == COUNTERS_OVERFLOW))
        trace_count_anomaly(ANOMALY_OVERFLOW);
    __builtin_prefetch(&trace.counters[counters], 1);
    insert(thread, block, size_bytes, counters);
    counters_add_allocation(counters, count, size_bytes * count);
    count_allocated(thread, count, size_bytes * count);
    thread->last_block = block;
}

struct live_block heap_take(const void *block)
{
    struct live_block taken = live_remove(block);
    if (unlikely(!taken.counters) && !sampling_has_gaps)
        trace_count_anomaly(ANOMALY_UNKNOWN_FREE);
    return taken;
}

void heap_release(struct thread *thread, const void *block, struct live_block taken)
{
    if (likely(taken.counters))
        release(thread, block, taken);
}

void heap_put_back(const void *block, struct live_block taken)
{
    bool is_failed;
    if (taken.counters)
        live_insert(block, taken.size_bytes, taken.counters, &is_failed);
}

void heap_freed(struct thread *thread, const void *block)
{
    if (unlikely(!block))
        return;
    heap_release(thread, block, heap_take(block));
}

/* --- nested calls ---
 *
 * The interrupted code may be between reading and writing any of the thread's figures, so nothing
 * that it writes without atomic operations may be touched here: the totals go to thread 0, the
 * frees to counters of their own, the live bytes wait for the next flush. */

static void add_nested(struct thread *thread, struct trace_thread change, int64_t bytes)
{
    struct trace_thread *totals = &trace.threads[0];
    __atomic_fetch_add(&totals->alloc_count, change.alloc_count, __ATOMIC_RELAXED);
    __atomic_fetch_add(&totals->alloc_bytes, change.alloc_bytes, __ATOMIC_RELAXED);
    __atomic_fetch_add(&totals->free_count, change.free_count, __ATOMIC_RELAXED);
    __atomic_fetch_add(&totals->freed_bytes, change.freed_bytes, __ATOMIC_RELAXED);
    __atomic_fetch_add(&thread->nested_bytes, bytes, __ATOMIC_RELAXED);
    trace_count_anomaly(ANOMALY_REENTRANT);
}

void heap_released_nested(struct thread *thread, const void *block, struct live_block taken)
{
    uint32_t counters = taken.counters;
    if (!counters)
        return;
    if (!counters_are_shared(counters))
        counters = callsite_shared_counters(trace.owners[counters].node, DOMAIN_HEAP);
    uint64_t count = weight(block, taken);
    uint64_t size_bytes = taken.size_bytes * count;
    counters_add_free_shared(&trace.counters[counters], count, size_bytes, false);
    add_nested(thread, (struct trace_thread){.free_count = count, .freed_bytes = size_bytes},
               -(int64_t)size_bytes);
}

void heap_freed_nested(struct thread *thread, const void *block)
{
    if (!block || block == thread->busy_block)
        return;
    if (block == thread->last_block)
        thread->last_block = NULL;
    if (block == thread->nested_block)
        thread->nested_block = NULL;
    heap_released_nested(thread, block, heap_take(block));
}

void heap_allocated_nested(struct thread *thread, const void *block, uint64_t size_bytes)
{
    bool is_failed;
    if (options.sample_bytes || sampling_is_paused)
        return; /* the thread's draw may be under way; a handler's allocations are not sampled */
    struct live_block old = live_insert(block, size_bytes, COUNTERS_REENTRANT, &is_failed);
    if (is_failed)
        trace_count_anomaly(ANOMALY_UNTRACKED);
    if (old.counters)
        trace_count_anomaly(ANOMALY_REUSED_LIVE);
    heap_released_nested(thread, block, old);
    counters_add_allocation_shared(&trace.counters[COUNTERS_REENTRANT], 1, size_bytes);
    add_nested(thread, (struct trace_thread){.alloc_count = 1, .alloc_bytes = size_bytes},
               (int64_t)size_bytes);
    thread->nested_block = block;
}
