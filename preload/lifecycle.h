/* SPDX-License-Identifier: BSD-2-Clause */
/* lifecycle.h -- Start, fork, exec, exit: who owns the trace now, and how a call is to be treated.
 */
#ifndef MEMTRACE_LIFECYCLE_H
#define MEMTRACE_LIFECYCLE_H

#include "live.h"
#include "thread.h"

#include <stdbool.h>
#include <stdint.h>

/* How a call is treated when it does not belong to an ordinary thread; told apart from a struct
 * thread pointer by being small. */
enum treatment {
    TREAT_PASS,             /* nothing is recorded */
    TREAT_BEFORE_OWN_TRACE, /* forked child without a trace yet: counts only */
    TREAT_NESTED,           /* inside another call of the same thread */
    TREAT_COUNT
};

static inline bool is_thread(const struct thread *thread)
{
    return (uintptr_t)thread >= TREAT_COUNT;
}

static inline struct thread *treatment(enum treatment how)
{
    return (struct thread *)(uintptr_t)how;
}

/* The calling thread, inside and ready to record (see thread_begin), or one of the treatments.
 * Starts everything on first use, and waits where the world is stopped. sp is the caller's, to tell
 * a nested call from one after a longjmp out of us. */
struct thread *lifecycle_begin(enum busy busy, uint64_t sp);

/* Who calls; see lifecycle_enter_apart. */
struct guest {
    struct thread *thread; /* or a treatment */
    bool is_nested;
};

/* As lifecycle_begin and thread_end, for what touches nothing of the heap's: a signal handler that
 * has interrupted a hook, or an allocator inside one, gets its thread all the same. */
struct guest lifecycle_enter_apart(uint64_t sp);
void lifecycle_leave_apart(const struct guest *guest);

/* For what the program asks: the calling thread, attached; a forked child gets its own trace for
 * it. *ret_is_nested: the question comes from inside another call of the same thread. NULL if
 * nothing is recorded here. */
struct thread *lifecycle_ask(uint64_t sp, bool *ret_is_nested);

/* Counts a call in a forked child without a trace of its own, and its blocks. */
void lifecycle_count_call(enum trace_call call);
void lifecycle_count_allocated(const void *block, uint64_t size_bytes);
void lifecycle_count_freed(const void *block);
void lifecycle_count_released(struct live_block taken);
void lifecycle_count_mapped(uint64_t size_bytes);

/* True if this process is being recorded into a trace of its own. */
bool lifecycle_is_recording(void);
/* True also in a forked child that will get one when it is worth it. */
bool lifecycle_may_record(void);

/* Pauses recording, or goes on. False if it is so already. */
bool lifecycle_pause(bool is_paused);

/* The program is about to end or to be replaced; nothing if the trace is not this process's. */
void lifecycle_ending(enum trace_state state, bool is_status_known, int status);
/* exec failed after all. */
void lifecycle_goes_on(void);

/* The program is about to give up rights: takes what may be needed after that, and gives a forked
 * child its own trace while it can. False in a vfork child, whose memory is not its own. */
bool lifecycle_make_ready(void);

/* There is a new limit on address space: gives up what was taken in advance. */
void lifecycle_memory_limited(void);

/* dlclose has returned. */
void lifecycle_code_may_be_unloaded(void);

#endif
