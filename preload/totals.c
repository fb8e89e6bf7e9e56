/* SPDX-License-Identifier: BSD-2-Clause */
/* totals.c -- What the program has live now, as the sum of what its threads have counted. */
#include "totals.h"

#include "trace_file.h"

static int64_t inherited_bytes;

void totals_begin(void)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < trace_count(SECTION_INHERITED); i++)
        sum += trace.inherited[i].live_bytes;
    inherited_bytes = sum;
}

void totals_forget(void)
{
    inherited_bytes = 0;
}

/* Under trace_lock no record is folded away. Frees are read first, so that each block's allocation
 * is counted when its free is. */
int64_t totals_live_bytes(void)
{
    uint64_t freed = 0, allocated = 0;
    uint64_t mask = lock_enter(&trace_lock);
    uint32_t count = trace_count(SECTION_THREADS);
    for (uint32_t i = 0; i < count; i++)
        freed += __atomic_load_n(&trace.threads[i].freed_bytes, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < count; i++)
        allocated += __atomic_load_n(&trace.threads[i].alloc_bytes, __ATOMIC_ACQUIRE);
    lock_leave(&trace_lock, mask);
    return inherited_bytes + (int64_t)(allocated - freed);
}
