/* SPDX-License-Identifier: BSD-2-Clause */
/* sample.c -- One sample: the stack that a thread was seen with, and the time it stands for.
 *
 * A handler may interrupt the recorder anywhere. It is safe there, because all that it shares with
 * the hooks is guarded by locks that block signals while they are held. */
#include "sample.h"

#include "loader.h"
#include "sys.h"
#include "trace_file.h"
#include "unwind_arch.h"
#include "world.h"

static struct trace_sampler *accounts[DOMAIN_COUNT];

static uint64_t saved_register(const void *ucontext, size_t offset)
{
    return *(const uint64_t *)((const char *)ucontext + offset);
}

struct interrupted sample_registers(const void *ucontext)
{
    return (struct interrupted){.start = {.pc = saved_register(ucontext, ARCH_SAVED_PC),
                                          .sp = saved_register(ucontext, ARCH_SAVED_SP),
                                          .fp = saved_register(ucontext, ARCH_SAVED_FP)},
                                .lr = saved_register(ucontext, ARCH_SAVED_LR),
                                .result = (int64_t)saved_register(ucontext, ARCH_SAVED_RESULT)};
}

bool sample_is_in_kernel(uint64_t pc)
{
    struct loaded_object object;
    return loader_find(pc, &object) && pc - object.start >= 4 && object.end - pc >= 4 &&
           arch_is_at_system_call(pc);
}

void sample_set_account(enum trace_domain domain, struct trace_sampler *account)
{
    __atomic_store_n(&accounts[domain], account, __ATOMIC_RELEASE);
}

struct trace_sampler *sample_account(enum trace_domain domain)
{
    return __atomic_load_n(&accounts[domain], __ATOMIC_ACQUIRE);
}

static struct trace_sampler *account_of(const struct sample *sample)
{
    return sample_account(sample->domain);
}

void sample_lose(const struct sample *sample)
{
    struct trace_sampler *account = account_of(sample);
    if (!account)
        return;
    __atomic_fetch_add(&account->lost_count, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&account->lost_ns, sample->time_ns, __ATOMIC_RELAXED);
}

/* Like a hook: whoever stops the world waits for us. False if it is stopped. */
static bool enter(struct thread *thread, uint32_t *ret_busy)
{
    *ret_busy = thread->busy;
    if (*ret_busy == BUSY_NOT)
        __atomic_store_n(&thread->busy, BUSY_RECORDING, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!world_is_stopped())
        return true;
    __atomic_store_n(&thread->busy, *ret_busy, __ATOMIC_RELEASE);
    return false;
}

static void walk(struct sampled *sampled, const struct interrupted *at)
{
    uint64_t epoch = thread_code_epoch();
    if (sampled->code_epoch != epoch) {
        unwinder_forget(&sampled->unwinder);
        for (int i = 0; i < TIME_DOMAIN_COUNT; i++)
            callsite_forget_paths(&sampled->sites[i]);
        sampled->code_epoch = epoch;
    }
    unwinder_walk_interrupted(&sampled->unwinder, &at->start, at->lr);
}

/* Of the samples, those in the kernel come last: never more of them are seen than of all. */
static void add(struct trace_counters *counters, const struct sample *sample)
{
    __atomic_fetch_add(&counters->alloc_count, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&counters->alloc_bytes, sample->time_ns, __ATOMIC_RELAXED);
    if (!sample->is_in_kernel)
        return;
    __atomic_fetch_add(&counters->free_count, 1, __ATOMIC_RELEASE);
    __atomic_fetch_add(&counters->freed_bytes, sample->time_ns, __ATOMIC_RELEASE);
}

static void book(uint32_t thread, uint32_t counters, const struct unwinder *unwinder,
                 const struct sample *sample)
{
    struct trace_sampler *account = account_of(sample);
    __atomic_fetch_add(&trace.threads[thread].sampled_ns, sample->time_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&trace.threads[thread].ran_at, counters, __ATOMIC_RELAXED);
    if (!account)
        return;
    __atomic_fetch_add(&account->samples, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&account->sampled_ns, sample->time_ns, __ATOMIC_RELAXED);
    if (unwinder->root != ROOT_COMPLETE)
        __atomic_fetch_add(&account->truncated_count, 1, __ATOMIC_RELAXED);
}

void sample_count(const struct sample_owner *owner, struct unwinder *unwinder,
                  const struct sample *sample)
{
    uint32_t thread_domain = owner->thread | (uint32_t)sample->domain << OWNER_DOMAIN_SHIFT;
    uint32_t counters = callsite_counters(owner->sites, unwinder, thread_domain);
    if (counters < COUNTERS_FIRST_OWNED) {
        sample_lose(sample);
        return;
    }
    add(&trace.counters[counters], sample);
    book(owner->thread, counters, unwinder, sample);
}

void sample_take(struct thread *thread, const struct interrupted *at, const struct sample *sample)
{
    uint32_t busy;
    if (!enter(thread, &busy)) {
        sample_lose(sample);
        return;
    }
    struct sampled *sampled = thread->sampled;
    struct sample_owner owner = {thread->index,
                                 &sampled->sites[sample->domain - MEMORY_DOMAIN_COUNT]};
    walk(sampled, at);
    sample_count(&owner, &sampled->unwinder, sample);
    __atomic_store_n(&thread->busy, busy, __ATOMIC_RELEASE);
}

void sample_rehearse(struct thread *thread, const struct interrupted *at)
{
    walk(thread->sampled, at);
}
