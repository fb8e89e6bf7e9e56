/* SPDX-License-Identifier: BSD-2-Clause */
/* domain.c -- The call sites of a domain beside the heap: custom pools, mappings. */
#include "domain.h"

#include "counters.h"
#include "options.h"
#include "sampling.h"

struct domain_thread *domain_begin(struct thread *thread, enum trace_domain domain)
{
    struct domain_thread *own = thread->domains[domain];
    if (unlikely(!own))
        own = thread_add_domain(thread, domain);
    if (unlikely(!own || own->is_busy))
        return NULL;
    __atomic_store_n(&own->is_busy, true, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return own;
}

void domain_end(struct domain_thread *own)
{
    __atomic_store_n(&own->is_busy, false, __ATOMIC_RELEASE);
}

uint64_t domain_draw(const struct thread *thread, struct domain_thread *own, const void *block,
                     uint64_t size_bytes)
{
    if (unlikely(thread->is_paused))
        return 0;
    if (likely(!options.sample_bytes))
        return 1;
    if (!own->random)
        own->until_sample_bytes = sampling_gap(&own->random, options.sample_bytes);
    own->until_sample_bytes -= (int64_t)(size_bytes ? size_bytes : 1);
    if (own->until_sample_bytes > 0)
        return 0;
    own->until_sample_bytes = sampling_gap(&own->random, options.sample_bytes);
    return sampling_weight(block, size_bytes, options.sample_bytes);
}

static uint32_t thread_domain(const struct thread *thread, enum trace_domain domain)
{
    return thread->index | (uint32_t)domain << OWNER_DOMAIN_SHIFT;
}

/* What a domain has in common for lack of room. */
static uint32_t or_overflow(uint32_t counters, enum trace_domain domain)
{
    if (likely(counters != COUNTERS_OVERFLOW))
        return counters;
    trace_count_anomaly(ANOMALY_OVERFLOW);
    return domain == DOMAIN_POOL ? COUNTERS_POOL_OVERFLOW : COUNTERS_MAPPED_OVERFLOW;
}

uint32_t domain_counters(struct thread *thread, struct domain_thread *own, enum trace_domain domain,
                         struct frame_start start)
{
    struct unwinder *unwinder = &own->unwinder;
    if (unwinder_is_same(unwinder, start.pc, start.sp, start.fp))
        return own->last_counters;
    uint32_t counters = unwinder_recall(unwinder, start.pc, start.sp, start.fp);
    if (likely(counters))
        return counters;
    unwinder_walk(unwinder, start.pc, start.sp, start.fp);
    uint32_t *memorized = unwinder_memorize(unwinder);
    counters = or_overflow(callsite_counters(&own->sites, unwinder, thread_domain(thread, domain)),
                           domain);
    own->last_counters = counters;
    if (memorized)
        *memorized = counters;
    return counters;
}

void domain_allocated(struct domain_thread *own, const void *block, uint64_t size_bytes,
                      uint64_t count, uint32_t counters)
{
    counters_add_allocation(counters, count, size_bytes * count);
    own->last_block = block;
}

/* The counters that this thread writes for a block that may be another's. */
static uint32_t own_counters(struct thread *thread, struct domain_thread *own,
                             enum trace_domain domain, uint32_t counters)
{
    const struct trace_owner *owner = &trace.owners[counters];
    uint32_t wanted = thread_domain(thread, domain);
    if (counters_are_shared(counters) ||
        likely(__atomic_load_n(&owner->thread_domain, __ATOMIC_RELAXED) == wanted))
        return counters;
    return or_overflow(callsite_counters_of_node(&own->sites, owner->node, wanted), domain);
}

void domain_released(struct thread *thread, struct domain_thread *own, enum trace_domain domain,
                     const void *block, uint64_t size_bytes, uint32_t counters)
{
    bool is_temporary = own->last_block == block;
    uint64_t count = 1;
    if (unlikely(options.sample_bytes))
        count = sampling_weight(block, size_bytes, options.sample_bytes);
    if (is_temporary)
        own->last_block = NULL;
    domain_freed(thread, own, domain, counters, count, size_bytes * count, is_temporary);
}

void domain_freed(struct thread *thread, struct domain_thread *own, enum trace_domain domain,
                  uint32_t counters, uint64_t count, uint64_t size_bytes, bool is_temporary)
{
    counters_add_free(own_counters(thread, own, domain, counters), count, size_bytes, is_temporary);
}
