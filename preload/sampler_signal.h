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

/* Its number, 0: none is taken. */
int sampler_signal_number(void);

/* What one sample costs the calling thread, from the interruption to its end, in ns. */
uint64_t sampler_signal_measure(void);

/* The thread shall take a sample that stands for this CPU time. False: it has ended. */
bool sampler_signal_send(struct thread *thread);

/* Keeps the signal from the calling thread: so that clone() does not begin anew for ever, and none
 * is left pending for the program that exec brings. Returns what to give back. */
uint64_t sampler_signal_block(void);
void sampler_signal_unblock(uint64_t mask);

/* Takes the signal away if it is pending. */
void sampler_signal_drain(void);

#endif
