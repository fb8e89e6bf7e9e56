/* SPDX-License-Identifier: BSD-2-Clause */
/* sampler_signal.h -- The sampler's signal: which one it is, and what happens when it comes. */
#ifndef MEMTRACE_SAMPLER_SIGNAL_H
#define MEMTRACE_SAMPLER_SIGNAL_H

#include "thread.h"

#include <stdbool.h>
#include <stdint.h>

/* Chooses a signal that the program has no plans for, and installs the handler. Called again, it
 * chooses another one if the program has taken it meanwhile. False: there is none. */
bool sampler_signal_begin(void);

/* What the program has set for the signal beside its default, to be told when it asks. */
struct sampler_signal_plan {
    uint64_t flags;
    uint64_t mask;
};

struct sampler_signal_plan *sampler_signal_plan(void);

struct former_signal {
    int number; /* 0: none */
    struct sampler_signal_plan plan;
};

/* The program wants this signal for itself. The one returned is to be cleared when nobody sends it
 * any more; from then on the number is another one's, 0: there is none. */
struct former_signal sampler_signal_change(void);
/* As if we had never had it; nothing is pending of it in any thread. */
void sampler_signal_clear(struct former_signal former);

/* None is needed any more. */
void sampler_signal_end(void);

/* From one to the other nothing is pending, nor harms the program that exec brings: with clocks
 * that still send them, signals are ignored if their default is to kill. */
void sampler_signal_hold(bool is_still_sent);
void sampler_signal_release(void);

/* Its number, 0: none is taken. */
int sampler_signal_number(void);

/* What one sample costs the calling thread, from the interruption to its end, in ns. */
uint64_t sampler_signal_measure(void);

/* Whether a thread keeps it away. */
bool sampler_signal_is_blocked(uint32_t tid);

/* The thread shall take a sample that stands for this CPU time. False: it has ended. */
bool sampler_signal_send(struct thread *thread);

/* The set that it is the only one in, empty without one; as the kernel has sets. */
uint64_t sampler_signal_set(void);

/* Keeps it from the calling thread; returns what to let in again, an empty set if the thread does
 * so itself. */
uint64_t sampler_signal_keep_away(void);
void sampler_signal_let_in(uint64_t set);

/* Keeps the signal from the calling thread: so that clone() does not begin anew for ever, and none
 * is left pending for the program that exec brings. Returns what to give back. */
uint64_t sampler_signal_block(void);
void sampler_signal_unblock(uint64_t mask);

#endif
