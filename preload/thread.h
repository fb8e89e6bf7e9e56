/* SPDX-License-Identifier: BSD-2-Clause */
/* thread.h -- What the recorder keeps for each thread of the program.
 *
 * Attached at the thread's first call into us. Nobody tells us when a thread ends; that is
 * noticed when a new one attaches: it has the dead one's TLS or id, or the kernel knows the id no
 * more. Until then the dead thread's figures simply stay in the trace. */
#ifndef MEMTRACE_THREAD_H
#define MEMTRACE_THREAD_H

#include "callsite.h"
#include "sys.h"
#include "trace_format.h"
#include "unwind.h"

#include <stdbool.h>
#include <stdint.h>

enum busy {
    BUSY_NOT = 0,
    BUSY_RECORDING, /* a call during this comes from a signal handler, or from an allocator that
                       calls its own public functions */
    BUSY_WRAPPER    /* in a function of libc that calls its siblings (reallocarray → realloc) */
};

/* What a thread has for a domain beside the heap, see domain.h. */
struct domain_thread {
    struct unwinder unwinder;
    struct callsite_cache sites;
    uint32_t last_counters; /* of the unwinder's last stack */
    bool is_busy;           /* a call is under way */
    const void *last_block;
    int64_t until_sample_bytes;
    uint64_t random;
    const uint32_t *lock; /* the last one asked for, see pools.c */
};

enum {
    TIME_DOMAIN_COUNT = DOMAIN_COUNT - MEMORY_DOMAIN_COUNT
};

/* Of a thread whose own CPU clock sends it signals, see expiry.h. For its handler. */
struct expiry {
    uint64_t taken_ns; /* of its CPU clock: up to here it is accounted for */
    uint64_t armed_ns; /* when the gap under way began */
    uint64_t gap_ns;   /* how long it is */
    uint64_t whole_ns; /* what samples of the first period stand for; 0: what has passed; atomic */
    uint64_t late_ns;  /* after the gap's end a signal comes, on average */
    uint64_t random;
    uint32_t timer;    /* the kernel's number for it, plus one; 0: none */
    bool is_user_only; /* no signal comes while the thread is in the kernel */
    uint32_t fired;    /* samples since the period was drawn, hidden ones included; atomic */
};

/* Of a signal that the recorder's thread sends, see wait.h. */
enum coming {
    COMING_NOT,
    COMING_SENT,     /* or is about to be; until its handler has run */
    COMING_WITHHELD, /* the thread is to take its sample when its call is over */
    COMING_OWN,      /* which it does now */
    COMING_KEPT,     /* as this, while it keeps away a signal that was sent, or is about to be */
    COMING_AGAIN     /* sent a second time, after the first seemed lost: until a later look */
};

/* What the samplers keep for a thread. A signal handler uses it, whatever of the recorder it has
 * interrupted: so it shares nothing with the rest, and takes locks only that block all signals. */
struct sampled {
    struct unwinder unwinder;
    struct callsite_cache sites[TIME_DOMAIN_COUNT];
    uint64_t code_epoch;
    uint64_t owed_ns; /* CPU time that the next sample is to stand for; atomic */
    uint32_t waits;   /* 1: for its ring; a futex */
    struct expiry expiry;
    /* See wait.h; atomic: */
    uint64_t is_waiting; /* the stack pointer in a system call that no signal may end; 0: in none */
    uint32_t coming;     /* enum coming */
    /* The rest is for the sampler's own thread, under trace_lock: */
    uint64_t start_ns;     /* of the thread, 0: before the sampler's */
    uint64_t base_cpu_ns;  /* of its CPU clock when the sampler began to look */
    uint64_t cpu_ns;       /* at its last sample */
    uint64_t seen_cpu_ns;  /* when it looked last */
    uint64_t on_cpu_round; /* of its looks: when the thread had a CPU last */
    uint32_t looks_to_skip;
    uint32_t idle_looks;  /* in a row */
    uint32_t unanswered;  /* signals */
    uint64_t withheld_ns; /* in one system call, without a signal */
    bool is_known;        /* base_cpu_ns has been read */
    bool has_ring;        /* the kernel takes its samples */
    bool has_no_ring;
    bool is_watched; /* for where it waits */
    bool has_expiry; /* it has its signals from its own clock; atomic */
    bool has_no_expiry;
    bool is_invisible; /* it blocks the signal */
    bool is_gone;
};

struct thread {
    uint64_t generation; /* equals *thread_generation, or something is to be looked at */
    uint32_t busy;
    uint32_t index; /* in SECTION_THREADS */
    struct trace_thread *totals;
    const void *last_block;   /* the latest block handed out to this thread, if not freed since */
    const void *busy_block;   /* the block that the current call is giving back */
    const void *nested_block; /* a block that was recorded inside the current call */
    uint64_t busy_sp;
    int64_t unflushed_bytes; /* live bytes since the last flush into the header */
    int64_t nested_bytes;    /* the same, from signal handlers */
    int64_t flush_above;
    int64_t flush_below;
    uint32_t last_counters; /* of the unwinder's last stack */
    bool is_sole;           /* no other thread has ever been seen */
    bool is_sampling;       /* not every allocation is recorded, see sampling.h */
    bool is_paused;         /* none is */
    int64_t until_sample_bytes;
    uint64_t sampling_generation; /* as generation, while sampling; else never the current one */
    uint64_t random;
    uint64_t code_epoch; /* of the last unloading of code this thread has heard of */
    struct unwinder unwinder;
    struct callsite_cache sites;
    struct domain_thread *domains[MEMORY_DOMAIN_COUNT]; /* NULL until needed; never the heap's */
    struct sampled *sampled;                            /* NULL: there is no sampler */
    /* Under trace_lock: */
    struct thread *next;
    const void *tls; /* address of the thread's TLS, reused by glibc for new threads */
    uint32_t tid;
};

/* NULL until attached. Plain TLS of this library: lives as long as the thread can run code. */
extern __thread struct thread *thread_self
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* In a page that the kernel wipes in forked children (fork, _Fork, raw clone; a vfork child shares
 * it), so that there it reads 0, as it does before thread_init. Raised to make every thread look
 * up, once. */
struct generation_page {
    uint64_t generation;
    char rest[4096 - sizeof(uint64_t)];
};

extern struct generation_page thread_generation_page;
#define thread_generation (&thread_generation_page.generation)

/* Marks the calling thread as inside the recorder; it is not yet. False if it has to look up first.
 * The mark is set before the generation is looked at: so whoever raises the generation, and has the
 * kernel put a fence into all threads, knows that a thread is either seen inside, or sees the new
 * generation (see world.h). sp is the caller's. */
static inline bool thread_begin(struct thread *thread, enum busy busy, uint64_t sp)
{
    thread->busy_sp = sp;
    thread->nested_block = NULL;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&thread->busy, busy, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (likely(thread->generation == __atomic_load_n(thread_generation, __ATOMIC_RELAXED)))
        return true;
    __atomic_store_n(&thread->busy, BUSY_NOT, __ATOMIC_RELAXED);
    return false;
}

/* All that was done inside is seen by whoever sees the thread outside. */
static inline void thread_end(struct thread *thread)
{
    thread->busy_block = NULL;
    __atomic_store_n(&thread->busy, BUSY_NOT, __ATOMIC_RELEASE);
}

/* Attaches the calling thread. NULL when there is no memory. */
struct thread *thread_attach(void);

/* Makes its domain_thread for the calling thread. NULL when there is no memory. */
struct domain_thread *thread_add_domain(struct thread *thread, enum trace_domain domain);

/* A call of the thread was left in the middle: what it remembers may be half of something. */
void thread_abandoned(struct thread *thread);

/* The number of times that code was unloaded. */
uint64_t thread_code_epoch(void);

/* To be called by a thread whose generation is not the current one. */
void thread_catch_up(struct thread *thread);

/* Reads the calling thread's name again: it is often given after the first allocation. */
void thread_refresh_name(struct thread *thread);

/* Code was unloaded: all threads drop what they remember by address. */
void thread_code_unloaded(void);

/* Makes all threads look up. */
void thread_raise_generation(void);

/* Sets the generation page up; false when the kernel refuses. */
bool thread_init(void);

/* In a forked child: only the caller is left, and it is not attached any more. */
void thread_after_fork(void);

/* Calls visit for every attached thread, with trace_lock held. */
void thread_visit(void (*visit)(struct thread *thread, void *data), void *data);

/* Whether the kernel knows a thread no more. */
bool thread_has_ended(const struct thread *thread);

/* Puts a memory fence into all threads of the process; false where the kernel does not. The first
 * of these takes long in a process with several threads, unless it has been announced. */
bool thread_put_fence_into_all(void);
void thread_announce_fences(void);

/* False while the thread that was alone until another one attached may still be in the middle of a
 * call in which it does not know better. The others do not touch then what it changes without
 * atomic operations. */
bool thread_sole_is_over(const struct thread *asker);

/* How many live bytes each thread may hold back from the header now. */
int64_t thread_slack_bytes(void);
bool thread_is_sole(void);

#endif
