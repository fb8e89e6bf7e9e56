/* SPDX-License-Identifier: BSD-2-Clause */
/* wait.h -- A system call of the program's that no signal of ours may end early.
 *
 * The kernel begins many calls anew after a signal's handler, but not those with a time limit:
 * poll, select, nanosleep, recv with SO_RCVTIMEO and the like fail with EINTR, and write hands back
 * less than it was given.
 *
 * So whoever sends signals says first that one is coming, and then looks whether the thread is in
 * such a call; the thread says first that it is, and then looks whether one is coming. One of them
 * sees the other. If it is the sender, it sends none, and the thread takes its sample when the call
 * is over: it is of the line that made the call. If it is the thread, it keeps the signal away
 * during the call. It costs one atomic instruction, and nothing where no signals are sent. */
#ifndef MEMTRACE_WAIT_H
#define MEMTRACE_WAIT_H

#include "unwind.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct sampled;

/* What has to be done, the largest ever asked for. */
enum wait_guard {
    WAIT_FREELY,
    WAIT_WITHHOLD, /* as above */
    WAIT_BLOCK     /* the signal is kept away always: it comes without being sent by us */
};

extern uint32_t wait_guarding __attribute__((visibility("hidden")));

/* WAIT_FREELY: there is no sampler any more. */
void wait_guard(enum wait_guard guard);

struct wait {
    struct sampled *sampled; /* NULL: nobody sends this thread any */
    struct frame_start caller;
    uint64_t outer; /* the call that a handler has interrupted */
    uint64_t kept_away;
};

static inline bool wait_is_guarded(void)
{
    return unlikely(__atomic_load_n(&wait_guarding, __ATOMIC_RELAXED));
}

/* Around the call, with the state of its caller when it returns. errno is kept. */
void wait_begin(struct wait *wait, struct frame_start caller);
void wait_end(const struct wait *wait);

/* What a call that is given a signal mask of its own gets instead. NULL for NULL. */
const sigset_t *wait_mask(sigset_t *copy, const sigset_t *mask);

#endif
