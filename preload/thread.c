/* SPDX-License-Identifier: BSD-2-Clause */
/* thread.c -- What the recorder keeps for each thread of the program. */
#include "thread.h"

#include "arena.h"
#include "clock.h"
#include "options.h"
#include "sampling.h"
#include "sys.h"
#include "text.h"
#include "trace_file.h"

#include <linux/membarrier.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <sys/mman.h>

enum {
    SLACK_TOTAL_BYTES = 64 * 1024, /* what all threads together may hold back, as far as */
    SLACK_MIN_BYTES = 1024,        /* each may hold back at least this */
    RECORDS_MAX = 8192,            /* threads shown one by one; older ones are summed up */
    REAP_MARGIN = 16,
    SOLE_ASKED_MAX = 1000 /* it may have been ended in the middle */
};

__thread struct thread *thread_self;
struct generation_page thread_generation_page __attribute__((aligned(4096)));

extern void *__libc_stack_end;

static struct thread *attached;
static uint32_t attached_count;
static uint32_t reap_at =
    REAP_MARGIN;             /* attached threads that make a look for dead ones worth it */
static struct thread *spare; /* of dead threads */
static uint64_t code_epoch;
static bool is_shared;      /* more than one thread has been seen */
static struct thread *sole; /* was alone, and may not know yet that it is not; NULL: none does */
static uint32_t sole_asked; /* times that somebody has asked whether it does */
static uint64_t last_generation;

bool thread_init(void)
{
    if (sys(__NR_madvise, &thread_generation_page, sizeof thread_generation_page,
            MADV_WIPEONFORK) != 0)
        return false;
    *thread_generation = ++last_generation;
    return true;
}

void thread_raise_generation(void)
{
    uint64_t generation = __atomic_add_fetch(&last_generation, 1, __ATOMIC_RELAXED);
    __atomic_store_n(thread_generation, generation, __ATOMIC_RELEASE);
}

void thread_code_unloaded(void)
{
    __atomic_fetch_add(&code_epoch, 1, __ATOMIC_RELEASE);
    thread_raise_generation();
}

uint64_t thread_code_epoch(void)
{
    return __atomic_load_n(&code_epoch, __ATOMIC_ACQUIRE);
}

bool thread_is_sole(void)
{
    return !__atomic_load_n(&is_shared, __ATOMIC_RELAXED);
}

int64_t thread_slack_bytes(void)
{
    uint32_t count = __atomic_load_n(&attached_count, __ATOMIC_RELAXED);
    int64_t slack = SLACK_TOTAL_BYTES / (count ? count : 1);
    return slack > SLACK_MIN_BYTES ? slack : SLACK_MIN_BYTES;
}

/* --- the second thread ---
 *
 * One thread alone changes the heap's totals without atomic operations. It learns at its next call
 * that there are others; a call that it is inside meanwhile is waited for. The fence is what makes
 * "it is not inside" mean that it will see the new generation when it is, see thread_begin. */

void thread_announce_fences(void)
{
    sys(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0);
}

bool thread_put_fence_into_all(void)
{
    if (sys(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0) == 0)
        return true;
    thread_announce_fences();
    return sys(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0) == 0;
}

static void note_second(struct thread *first)
{
    __atomic_store_n(&is_shared, true, __ATOMIC_RELAXED);
    thread_raise_generation();
    if (thread_put_fence_into_all())
        __atomic_store_n(&sole, first, __ATOMIC_RELEASE);
}

static void forget_sole(void)
{
    __atomic_store_n(&sole, NULL, __ATOMIC_RELEASE);
    __atomic_store_n(&sole_asked, 0, __ATOMIC_RELAXED);
}

bool thread_sole_is_over(const struct thread *asker)
{
    const struct thread *first = __atomic_load_n(&sole, __ATOMIC_ACQUIRE);
    if (likely(!first))
        return true;
    if (first != asker && __atomic_load_n(&first->busy, __ATOMIC_ACQUIRE) != BUSY_NOT &&
        __atomic_add_fetch(&sole_asked, 1, __ATOMIC_RELAXED) < SOLE_ASKED_MAX)
        return false;
    forget_sole();
    return true;
}

/* --- what becomes of dead threads, under trace_lock --- */

static void note_end(struct thread *thread)
{
    thread->totals->is_alive = 0;
    thread->totals->end_time_ns = clock_monotonic_ns();
}

static void give_timer_back(struct sampled *sampled)
{
    if (!sampled || !sampled->expiry.timer)
        return;
    sys(__NR_timer_delete, sampled->expiry.timer - 1);
    sampled->expiry.timer = 0;
}

/* Hands over what the thread held back from the heap's totals. Its own limits do not matter any
 * more: it is dead. */
static void retire(struct thread *thread)
{
    __atomic_fetch_add(&trace.header->live_bytes, thread->unflushed_bytes + thread->nested_bytes,
                       __ATOMIC_RELAXED);
    note_end(thread);
    if (thread == sole)
        forget_sole();
    give_timer_back(thread->sampled);
    callsite_retire(&thread->sites);
    for (uint32_t domain = 0; domain < MEMORY_DOMAIN_COUNT; domain++)
        if (thread->domains[domain])
            callsite_retire(&thread->domains[domain]->sites);
    for (int i = 0; thread->sampled && i < TIME_DOMAIN_COUNT; i++)
        callsite_retire(&thread->sampled->sites[i]);
    thread->next = spare;
    spare = thread;
    __atomic_store_n(&attached_count, attached_count - 1, __ATOMIC_RELAXED);
}

bool thread_has_ended(const struct thread *thread)
{
    return sys(__NR_tgkill, trace.header->pid, thread->tid, 0) == -ESRCH;
}

static bool is_dead(const struct thread *thread, const void *tls, uint32_t tid, bool ask_kernel)
{
    return thread->tls == tls || thread->tid == tid || (ask_kernel && thread_has_ended(thread));
}

static void reap(const void *tls, uint32_t tid)
{
    bool ask_kernel = attached_count >= reap_at;
    for (struct thread **place = &attached; *place;) {
        struct thread *thread = *place;
        if (is_dead(thread, tls, tid, ask_kernel)) {
            *place = thread->next;
            retire(thread);
        } else {
            place = &thread->next;
        }
    }
    if (ask_kernel)
        reap_at = attached_count * 2 + REAP_MARGIN;
}

/* --- records in the trace, under trace_lock --- */

/* Atomic, because signal handlers add to thread 0 as well. */
static void fold(const struct trace_thread *from)
{
    struct trace_thread *sum = &trace.threads[0];
    trace_count_anomaly(ANOMALY_THREADS_FOLDED); /* first, see totals.c */
    __atomic_fetch_add(&sum->alloc_count, from->alloc_count, __ATOMIC_RELAXED);
    __atomic_fetch_add(&sum->alloc_bytes, from->alloc_bytes, __ATOMIC_RELAXED);
    __atomic_fetch_add(&sum->free_count, from->free_count, __ATOMIC_RELAXED);
    __atomic_fetch_add(&sum->freed_bytes, from->freed_bytes, __ATOMIC_RELAXED);
    __atomic_fetch_add(&sum->temporary_count, from->temporary_count, __ATOMIC_RELAXED);
    for (int i = 0; i < CALL_MAX; i++)
        __atomic_fetch_add(&sum->calls[i], from->calls[i], __ATOMIC_RELAXED);
}

/* The record of a thread that ended, to be used again; round robin, so the oldest go first. */
static uint32_t recycled_record(void)
{
    static uint32_t next;
    for (uint32_t k = 1; k < trace_count(SECTION_THREADS); k++) {
        next = next % (trace_count(SECTION_THREADS) - 1) + 1;
        if (!trace.threads[next].is_alive) {
            fold(&trace.threads[next]);
            trace.threads[next] = (struct trace_thread){0};
            return next;
        }
    }
    return 0;
}

static uint32_t new_record(void)
{
    uint32_t index = trace_count(SECTION_THREADS);
    if (index >= RECORDS_MAX) {
        uint32_t recycled = recycled_record();
        if (recycled)
            return recycled;
    }
    if (trace_reserve(SECTION_THREADS, sizeof(struct trace_thread)) < 0)
        return recycled_record();
    return index;
}

static uint32_t create_record(uint32_t tid)
{
    if (trace_count(SECTION_THREADS) == 0)
        trace_reserve(SECTION_THREADS, sizeof(struct trace_thread));
    uint32_t index = new_record();
    if (!index)
        return 0;
    struct trace_thread *record = &trace.threads[index];
    record->tid = tid;
    record->is_alive = 1;
    record->start_time_ns = clock_monotonic_ns();
    sys(__NR_prctl, PR_GET_NAME, record->name);
    trace_publish(SECTION_THREADS);
    trace.header->threads_seen++;
    return index;
}

/* --- attaching --- */

/* glibc puts a thread's TLS right above its stack. */
static uint64_t stack_top(uint32_t tid)
{
    return tid == trace.header->pid ? (uint64_t)__libc_stack_end + 1 : (uint64_t)&thread_self;
}

static void init_domain(struct domain_thread *own, uint64_t top, struct memo_table *memos)
{
    *own = (struct domain_thread){0};
    unwinder_init(&own->unwinder, options.depth, top, memos, own + 1);
}

struct domain_thread *thread_add_domain(struct thread *thread, enum trace_domain domain)
{
    struct domain_thread *own = arena_alloc(sizeof *own + unwinder_bytes(options.depth));
    if (!own)
        return NULL;
    init_domain(own, stack_top(thread->tid), NULL);
    thread->domains[domain] = own;
    return own;
}

static struct sampled *new_sampled(struct sampled *old, uint32_t tid)
{
    if (!options.cpu_hz)
        return NULL;
    struct sampled *sampled = old;
    if (!sampled)
        sampled = arena_alloc(sizeof *sampled + unwinder_bytes(options.depth));
    if (!sampled)
        return NULL;
    *sampled = (struct sampled){.code_epoch = thread_code_epoch()};
    unwinder_init(&sampled->unwinder, options.depth, stack_top(tid), NULL, sampled + 1);
    return sampled;
}

static struct thread *new_thread(uint32_t tid)
{
    struct thread *thread = spare;
    struct sampled *sampled = NULL;
    struct memo_table *memos = NULL;
    struct domain_thread *domains[MEMORY_DOMAIN_COUNT] = {NULL};
    if (thread) {
        spare = thread->next;
        sampled = thread->sampled;
        memos = thread->unwinder.memos;
        memcpy(domains, thread->domains, sizeof domains);
    } else {
        thread = arena_alloc(sizeof *thread + unwinder_bytes(options.depth));
        if (!thread)
            return NULL;
    }
    *thread = (struct thread){.sampling_generation = UINT64_MAX};
    unwinder_init(&thread->unwinder, options.depth, stack_top(tid), memos, thread + 1);
    memcpy(thread->domains, domains, sizeof domains);
    for (uint32_t domain = 0; domain < MEMORY_DOMAIN_COUNT; domain++)
        if (domains[domain])
            init_domain(domains[domain], stack_top(tid), domains[domain]->unwinder.memos);
    thread->sampled = new_sampled(sampled, tid);
    return thread;
}

/* From the second thread on, every thread flushes in small steps, and the peak has a bound. */
static void note_shared(void)
{
    int64_t slack;
    if (attached_count < 2)
        return;
    if (!is_shared)
        note_second(attached->next);
    slack = thread_slack_bytes() * attached_count;
    if ((uint64_t)slack > trace.header->peak_slack_bytes)
        trace.header->peak_slack_bytes = (uint64_t)slack;
}

static struct thread *attach(uint32_t tid)
{
    reap(&thread_self, tid);
    struct thread *thread = new_thread(tid);
    if (!thread)
        return NULL;
    thread->tid = tid;
    thread->tls = &thread_self;
    thread->index = create_record(tid);
    if (!thread->index) {
        thread->next = spare;
        spare = thread;
        return NULL;
    }
    thread->totals = &trace.threads[thread->index];
    thread->next = attached;
    attached = thread;
    __atomic_store_n(&attached_count, attached_count + 1, __ATOMIC_RELAXED);
    note_shared();
    return thread;
}

/* Where the kernel may not be asked, a number that no other thread has. */
static uint32_t own_tid(void)
{
    long tid = sys(__NR_gettid);
    return tid > 0 ? (uint32_t)tid : 1u << 31 | (uint32_t)((uint64_t)&thread_self >> 6);
}

struct thread *thread_attach(void)
{
    uint32_t tid = own_tid();
    uint64_t mask = lock_enter(&trace_lock);
    struct thread *thread = thread_self; /* a signal handler may have been faster */
    if (!thread)
        thread = attach(tid);
    if (thread && !thread_self) {
        thread->code_epoch = __atomic_load_n(&code_epoch, __ATOMIC_ACQUIRE);
        thread_self = thread;
    }
    lock_leave(&trace_lock, mask);
    return thread;
}

void thread_refresh_name(struct thread *thread)
{
    sys(__NR_prctl, PR_GET_NAME, thread->totals->name);
}

/* The gap to the next sample is of the kind that knows nothing of the time before it. */
static void choose_samples(struct thread *thread)
{
    bool was_paused = thread->is_paused;
    thread->is_paused = __atomic_load_n(&sampling_is_paused, __ATOMIC_ACQUIRE);
    thread->is_sampling = options.sample_bytes != 0 || thread->is_paused;
    if (thread->is_paused)
        thread->until_sample_bytes = INT64_MAX;
    else if (options.sample_bytes && (was_paused || !thread->random))
        thread->until_sample_bytes = sampling_gap(&thread->random, options.sample_bytes);
}

static void forget_code(struct thread *thread)
{
    unwinder_forget(&thread->unwinder);
    callsite_forget_paths(&thread->sites);
    for (uint32_t domain = 0; domain < MEMORY_DOMAIN_COUNT; domain++)
        if (thread->domains[domain]) {
            unwinder_forget(&thread->domains[domain]->unwinder);
            callsite_forget_paths(&thread->domains[domain]->sites);
        }
}

void thread_abandoned(struct thread *thread)
{
    unwinder_forget(&thread->unwinder);
    for (uint32_t domain = 0; domain < MEMORY_DOMAIN_COUNT; domain++)
        if (thread->domains[domain])
            unwinder_forget(&thread->domains[domain]->unwinder);
}

void thread_catch_up(struct thread *thread)
{
    uint64_t generation = __atomic_load_n(thread_generation, __ATOMIC_ACQUIRE);
    uint64_t epoch = __atomic_load_n(&code_epoch, __ATOMIC_ACQUIRE);
    if (thread->code_epoch != epoch) {
        forget_code(thread);
        thread->code_epoch = epoch;
    }
    thread_refresh_name(thread);
    thread->is_sole = thread_is_sole();
    choose_samples(thread);
    thread->flush_above = thread->flush_below = 0;
    thread->generation = generation;
    thread->sampling_generation =
        options.sample_bytes || !options.has_heap ? generation : UINT64_MAX;
}

void thread_visit(void (*visit)(struct thread *thread, void *data), void *data)
{
    uint64_t mask = lock_enter(&trace_lock);
    for (struct thread *thread = attached; thread; thread = thread->next)
        visit(thread, data);
    lock_leave(&trace_lock, mask);
}

void thread_after_fork(void)
{
    thread_self = NULL;
    attached = NULL;
    attached_count = 0;
    reap_at = REAP_MARGIN;
    is_shared = false;
    forget_sole();
}
