/* SPDX-License-Identifier: BSD-2-Clause */
/* mappings.c -- The memory that the program has mapped by itself: mmap, mremap, brk. */
#include "mappings.h"

#include "counters.h"
#include "domain.h"
#include "lock.h"
#include "ranges.h"
#include "sampling.h"
#include "trace_file.h"

static struct lock mappings_lock; /* trace_lock may be taken under it */
static struct ranges ranges;
static int64_t live_bytes; /* changed under the lock */
static uint64_t era;       /* raised when all is forgotten: then pieces are nobody's */
static uint32_t pending;   /* pieces that are detached */
static uint64_t lost_at_fork;
static struct trace_counters before; /* a forked child's account until it has its own trace */

int64_t mappings_live_bytes(void)
{
    return __atomic_load_n(&live_bytes, __ATOMIC_RELAXED);
}

static void add_live_bytes(int64_t change)
{
    __atomic_fetch_add(&live_bytes, change, __ATOMIC_RELAXED);
}

/* --- under the lock --- */

static uint32_t shared_counters(uint32_t counters)
{
    if (counters_are_shared(counters))
        return counters;
    return callsite_shared_counters(trace.owners[counters].node, DOMAIN_MAPPED);
}

static void release_piece(struct thread *thread, struct domain_thread *own,
                          const struct range_piece *piece)
{
    uint64_t size_bytes = piece->end - piece->start;
    uint64_t count = piece->is_last ? 1 : 0;
    add_live_bytes(-(int64_t)size_bytes);
    if (!thread) {
        before.free_count += count;
        before.freed_bytes += size_bytes;
    } else if (own) {
        bool is_temporary =
            piece->is_last && piece->is_whole && own->last_block == (const void *)piece->start;
        domain_freed(thread, own, DOMAIN_MAPPED, piece->counters, count, size_bytes, is_temporary);
    } else {
        counters_add_free_shared(&trace.counters[shared_counters(piece->counters)], count,
                                 size_bytes, false);
    }
}

static void release(struct thread *thread, struct domain_thread *own, uint32_t pieces)
{
    struct range_piece piece;
    while (ranges_next_piece(&ranges, &pieces, &piece))
        release_piece(thread, own, &piece);
}

static void count_lost(struct thread *thread)
{
    if (thread)
        trace_count_anomaly(ANOMALY_MAPPINGS_LOST);
    else
        lost_at_fork++;
}

static void count_added(struct thread *thread, struct domain_thread *own, uint64_t start,
                        uint64_t size_bytes, uint32_t counters)
{
    add_live_bytes((int64_t)size_bytes);
    if (!thread) {
        before.alloc_count++;
        before.alloc_bytes += size_bytes;
    } else {
        counters_add_allocation(counters, 1, size_bytes);
    }
    if (own)
        own->last_block = (const void *)start;
}

/* What was there has been replaced, or was unmapped past us. */
static void replace(struct thread *thread, struct domain_thread *own, uint64_t start, uint64_t end,
                    uint32_t counters)
{
    uint32_t pieces;
    bool is_paused = thread ? thread->is_paused : sampling_is_paused;
    bool is_ok = ranges_detach(&ranges, start, end, &pieces);
    if (is_ok)
        release(thread, own, pieces);
    if (is_ok && !is_paused) {
        is_ok = ranges_add(&ranges, start, end, counters);
        if (is_ok)
            count_added(thread, own, start, end - start, counters);
    }
    if (!is_ok)
        count_lost(thread);
}

/* --- calls --- */

struct mappings_gone mappings_detach(uint64_t start, uint64_t end)
{
    struct mappings_gone gone = {0};
    uint64_t mask = lock_enter(&mappings_lock);
    gone.era = era;
    gone.is_lost = !ranges_detach(&ranges, start, end, &gone.pieces);
    pending += gone.pieces ? 1 : 0;
    lock_leave(&mappings_lock, mask);
    return gone;
}

void mappings_put_back(struct mappings_gone gone)
{
    uint64_t mask = lock_enter(&mappings_lock);
    if (gone.era == era && gone.pieces) {
        ranges_put_back(&ranges, gone.pieces);
        pending--;
    }
    lock_leave(&mappings_lock, mask);
}

/* The share of a thread whose handler has interrupted such a call is not to be touched. */
static struct domain_thread *begin(struct thread *thread)
{
    return thread ? domain_begin(thread, DOMAIN_MAPPED) : NULL;
}

static void end(struct domain_thread *own)
{
    if (own)
        domain_end(own);
}

void mappings_released(struct thread *thread, struct mappings_gone gone)
{
    struct domain_thread *own = begin(thread);
    uint64_t mask = lock_enter(&mappings_lock);
    if (gone.era == era) {
        release(thread, own, gone.pieces);
        pending -= gone.pieces ? 1 : 0;
        if (gone.is_lost)
            count_lost(thread);
    }
    lock_leave(&mappings_lock, mask);
    end(own);
}

static uint32_t counters_of(struct thread *thread, struct domain_thread *own,
                            struct frame_start caller)
{
    if (!thread)
        return COUNTERS_MAPPED_BEFORE_OWN_TRACE;
    return own ? domain_counters(thread, own, DOMAIN_MAPPED, caller) : COUNTERS_MAPPED_REENTRANT;
}

void mappings_added(struct thread *thread, uint64_t start, uint64_t end_address,
                    struct frame_start caller)
{
    struct domain_thread *own = begin(thread);
    uint32_t counters = counters_of(thread, own, caller);
    uint64_t mask = lock_enter(&mappings_lock);
    replace(thread, own, start, end_address, counters);
    lock_leave(&mappings_lock, mask);
    end(own);
}

/* --- all of them --- */

void mappings_forget(void)
{
    uint64_t mask = lock_enter(&mappings_lock);
    ranges_clear(&ranges);
    era++;
    pending = 0;
    __atomic_store_n(&live_bytes, 0, __ATOMIC_RELAXED);
    lock_leave(&mappings_lock, mask);
}

void mappings_abandoned(struct thread *thread)
{
    if (thread->domains[DOMAIN_MAPPED])
        domain_end(thread->domains[DOMAIN_MAPPED]);
}

/* --- fork --- */

static void add_bytes(uint32_t counters, uint64_t count, uint64_t size_bytes, void *data)
{
    (void)counters;
    (void)count;
    *(uint64_t *)data += size_bytes;
}

/* The state is not known. Its memory cannot be given back. */
static void drop_all(void)
{
    ranges = (struct ranges){0};
    era++;
    lost_at_fork++;
}

void mappings_after_fork(void)
{
    uint64_t size_bytes = 0;
    lost_at_fork = 0;
    if (mappings_lock.word)
        drop_all();
    else if (pending)
        ranges_drop_detached(&ranges);
    pending = 0;
    lock_reset(&mappings_lock);
    before = (struct trace_counters){0};
    ranges_visit(&ranges, add_bytes, &size_bytes);
    live_bytes = (int64_t)size_bytes;
}

static void add_inherited(uint32_t counters, uint64_t count, uint64_t size_bytes, void *data)
{
    (void)data;
    trace.inherited[counters].live_count += (int64_t)count;
    trace.inherited[counters].live_bytes += (int64_t)size_bytes;
}

/* What the child itself has done so far is not inherited. */
void mappings_begin(void)
{
    struct trace_counters *own = &trace.counters[COUNTERS_MAPPED_BEFORE_OWN_TRACE];
    struct trace_inherited *inherited = &trace.inherited[COUNTERS_MAPPED_BEFORE_OWN_TRACE];
    uint64_t mask = lock_enter(&mappings_lock);
    *own = before;
    ranges_visit(&ranges, add_inherited, NULL);
    inherited->live_count -= (int64_t)(own->alloc_count - own->free_count);
    inherited->live_bytes -= (int64_t)(own->alloc_bytes - own->freed_bytes);
    trace.header->anomalies[ANOMALY_MAPPINGS_LOST] += lost_at_fork;
    lock_leave(&mappings_lock, mask);
}
