/* SPDX-License-Identifier: BSD-2-Clause */
/* totals.c -- What the program has live now, as the sum of what its threads have counted. */
#include "totals.h"

#include "trace_file.h"

static int64_t inherited_bytes;
static uint64_t forgotten_count; /* of allocations, and their bytes */
static uint64_t forgotten_bytes;

void totals_begin(void)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < trace_count(SECTION_INHERITED); i++)
        sum += trace.inherited[i].live_bytes;
    inherited_bytes = sum;
    forgotten_count = forgotten_bytes = 0;
}

struct sums {
    uint64_t alloc_count;
    uint64_t alloc_bytes;
    uint64_t freed_bytes;
};

/* Frees are read first, so that each block's allocation is counted when its free is. */
static struct sums add_up(void)
{
    struct sums sums = {0};
    uint64_t size_bytes =
        __atomic_load_n(&trace.header->section_bytes[SECTION_THREADS], __ATOMIC_ACQUIRE);
    uint32_t count = (uint32_t)(size_bytes / sizeof *trace.threads);
    for (uint32_t i = 0; i < count; i++)
        sums.freed_bytes += __atomic_load_n(&trace.threads[i].freed_bytes, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < count; i++) {
        sums.alloc_bytes += __atomic_load_n(&trace.threads[i].alloc_bytes, __ATOMIC_ACQUIRE);
        sums.alloc_count += __atomic_load_n(&trace.threads[i].alloc_count, __ATOMIC_ACQUIRE);
    }
    return sums;
}

/* Under trace_lock no record is folded away. */
static struct sums add_up_locked(void)
{
    uint64_t mask = lock_enter(&trace_lock);
    struct sums sums = add_up();
    lock_leave(&trace_lock, mask);
    return sums;
}

/* It is counted before it is done. */
static bool has_folded(void)
{
    return __atomic_load_n(&trace.header->anomalies[ANOMALY_THREADS_FOLDED], __ATOMIC_SEQ_CST) != 0;
}

static uint32_t clears(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(&trace.header->clears, __ATOMIC_SEQ_CST);
}

int64_t totals_live_bytes(void)
{
    struct sums sums = add_up_locked();
    return inherited_bytes + (int64_t)(sums.alloc_bytes - sums.freed_bytes);
}

struct totals totals_now(void)
{
    uint32_t clears_before = clears();
    struct sums sums = add_up();
    if (has_folded())
        sums = add_up_locked();
    struct totals totals = {.alloc_count = sums.alloc_count + forgotten_count,
                            .alloc_bytes = sums.alloc_bytes + forgotten_bytes,
                            .live_bytes =
                                inherited_bytes + (int64_t)(sums.alloc_bytes - sums.freed_bytes)};
    totals.is_known = clears_before % 2 == 0 && clears() == clears_before;
    return totals;
}

/* Before the threads' figures are set to zero. */
void totals_forget(void)
{
    struct sums sums = add_up_locked();
    forgotten_count += sums.alloc_count;
    forgotten_bytes += sums.alloc_bytes;
    inherited_bytes = 0;
}
