/* SPDX-License-Identifier: BSD-2-Clause */
/* lock.h -- A futex lock for the slow paths, safe against signals and resettable after fork.
 *
 * All signals are blocked while it is held: a handler that allocates would wait for itself, and
 * one that longjmps away would leave it locked for ever. Spins briefly, then sleeps, so that a
 * SCHED_FIFO waiter does not starve the holder. */
#ifndef MEMTRACE_LOCK_H
#define MEMTRACE_LOCK_H

#include "sys.h"

struct lock {
    uint32_t word; /* 0 free, 1 held, 2 held and somebody sleeps */
};

enum {
    LOCK_FUTEX_WAIT_PRIVATE = 0 | 128,
    LOCK_FUTEX_WAKE_PRIVATE = 1 | 128,
    LOCK_SIG_SETMASK = 2,
    LOCK_SPINS = 100
};

/* Returns the signal mask to give back to lock_leave. */
static inline uint64_t lock_enter(struct lock *lock)
{
    uint64_t all = ~(uint64_t)0;
    uint64_t old = 0;
    sys(__NR_rt_sigprocmask, LOCK_SIG_SETMASK, &all, &old, sizeof all);
    for (int i = 0; i < LOCK_SPINS; i++) {
        uint32_t expected = 0;
        if (__atomic_compare_exchange_n(&lock->word, &expected, 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return old;
    }
    while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE) != 0)
        sys(__NR_futex, &lock->word, LOCK_FUTEX_WAIT_PRIVATE, 2, 0);
    return old;
}

static inline void lock_leave(struct lock *lock, uint64_t old)
{
    if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2)
        sys(__NR_futex, &lock->word, LOCK_FUTEX_WAKE_PRIVATE, 1);
    sys(__NR_rt_sigprocmask, LOCK_SIG_SETMASK, &old, 0, sizeof old);
}

/* In a forked child: the holder, if any, does not exist here. */
static inline void lock_reset(struct lock *lock)
{
    lock->word = 0;
}

#endif
