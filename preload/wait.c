/* SPDX-License-Identifier: BSD-2-Clause */
/* wait.c -- A system call of the program's that no signal of ours may end early. */
#include "wait.h"

#include "sample.h"
#include "sampler_signal.h"
#include "thread.h"

#define OTHER_STACK_BYTES (8ul << 20)

uint32_t wait_guarding;

void wait_guard(enum wait_guard guard)
{
    if (guard == WAIT_FREELY || guard > wait_guarding)
        __atomic_store_n(&wait_guarding, guard, __ATOMIC_RELAXED);
}

/* An interrupted call's frame lies above this one's, or on another stack. One below was left by a
 * longjmp or a cancellation. */
static bool goes_on(uint64_t outer, uint64_t sp)
{
    return outer > sp || (outer && sp - outer > OTHER_STACK_BYTES);
}

void wait_begin(struct wait *wait, struct frame_start caller)
{
    struct sampled *sampled = *thread_generation && thread_self ? thread_self->sampled : NULL;
    *wait = (struct wait){.sampled = sampled, .caller = caller};
    if (!sampled)
        return;
    uint64_t outer = __atomic_exchange_n(&sampled->is_waiting, caller.sp, __ATOMIC_SEQ_CST);
    wait->outer = goes_on(outer, caller.sp) ? outer : 0;
    uint32_t coming = __atomic_load_n(&sampled->coming, __ATOMIC_SEQ_CST);
    if (wait_guarding == WAIT_BLOCK || coming == COMING_SENT || coming == COMING_AGAIN)
        wait->kept_away = sampler_signal_keep_away();
}

/* As the signal's handler would, which leaves it to us meanwhile. No other one is demanded before
 * this one is not owed any more: so a signal that has been kept away comes before that, or the
 * handler would take it for the next one, and the next one end a call. Its leaf is the call, one
 * byte before where it returns to. */
static void take_sample(const struct wait *wait)
{
    const uint64_t all = ~(uint64_t)0;
    uint64_t mask = 0;
    struct interrupted at = {.start = wait->caller};
    at.start.pc--;
    sys(__NR_rt_sigprocmask, SIG_SETMASK, &all, &mask, sizeof mask);
    struct thread *thread = thread_self;
    uint64_t time_ns = __atomic_load_n(&wait->sampled->owed_ns, __ATOMIC_ACQUIRE);
    struct sample sample = {.domain = DOMAIN_CPU, .is_in_kernel = true, .time_ns = time_ns};
    if (time_ns && *thread_generation && thread && thread->sampled == wait->sampled)
        sample_take(thread, &at, &sample);
    sys(__NR_rt_sigprocmask, SIG_SETMASK, &mask, 0, sizeof mask);
}

static bool passes(struct sampled *sampled, uint32_t from, uint32_t to)
{
    return __atomic_load_n(&sampled->coming, __ATOMIC_RELAXED) == from &&
           __atomic_compare_exchange_n(&sampled->coming, &from, to, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

void wait_end(const struct wait *wait)
{
    struct sampled *sampled = wait->sampled;
    if (!sampled)
        return;
    __atomic_store_n(&sampled->is_waiting, wait->outer, __ATOMIC_RELEASE);
    bool is_own = unlikely((!wait->outer && passes(sampled, COMING_WITHHELD, COMING_OWN)) ||
                           (wait->kept_away && passes(sampled, COMING_SENT, COMING_KEPT)));
    if (is_own)
        take_sample(wait);
    if (wait->kept_away)
        sampler_signal_let_in(wait->kept_away);
    if (is_own) {
        __atomic_store_n(&sampled->owed_ns, 0, __ATOMIC_RELEASE);
        passes(sampled, COMING_OWN, COMING_NOT); /* unless it was sent again */
        passes(sampled, COMING_KEPT, COMING_SENT);
    }
}

const sigset_t *wait_mask(sigset_t *copy, const sigset_t *mask)
{
    if (!mask)
        return NULL;
    *copy = *mask;
    copy->__val[0] |= sampler_signal_set();
    return copy;
}
