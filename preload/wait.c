/* SPDX-License-Identifier: BSD-2-Clause */
/* wait.c -- A system call of the program's that no signal of ours may end early. */
#include "wait.h"

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

void wait_begin(struct wait *wait, uint64_t sp)
{
    struct sampled *sampled = *thread_generation && thread_self ? thread_self->sampled : NULL;
    *wait = (struct wait){.sampled = sampled};
    if (!sampled)
        return;
    uint64_t outer = __atomic_exchange_n(&sampled->is_waiting, sp, __ATOMIC_SEQ_CST);
    wait->outer = goes_on(outer, sp) ? outer : 0;
    uint32_t coming = __atomic_load_n(&sampled->coming, __ATOMIC_SEQ_CST);
    if (wait_guarding == WAIT_BLOCK || coming == COMING_SENT || coming == COMING_AGAIN)
        wait->kept_away = sampler_signal_keep_away();
}

void wait_end(const struct wait *wait)
{
    struct sampled *sampled = wait->sampled;
    if (!sampled)
        return;
    __atomic_store_n(&sampled->is_waiting, wait->outer, __ATOMIC_RELEASE);
    if (wait->kept_away)
        sampler_signal_let_in(wait->kept_away);
    uint32_t withheld = COMING_WITHHELD;
    if (!wait->outer && unlikely(sampled->coming == COMING_WITHHELD) &&
        __atomic_compare_exchange_n(&sampled->coming, &withheld, COMING_OWN, false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        sampler_signal_send_self();
}

const sigset_t *wait_mask(sigset_t *copy, const sigset_t *mask)
{
    if (!mask)
        return NULL;
    *copy = *mask;
    copy->__val[0] |= sampler_signal_set();
    return copy;
}
