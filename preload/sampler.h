/* SPDX-License-Identifier: BSD-2-Clause */
/* sampler.h -- Where the time goes: samples of the stacks of the threads that run. */
#ifndef MEMTRACE_SAMPLER_H
#define MEMTRACE_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

/* In a new trace, if the options ask for it: before the ticker is started, on a thread of the
 * program. */
void sampler_start(void);

/* By the ticker that is to do the work; wake makes it look for what is due. */
void sampler_begin(void (*wake)(void));

/* Whether threads are to be announced. */
bool sampler_is_on(void);

/* A new thread of the program, before its own code. */
void sampler_thread_begins(void);

/* For the ticker: when it wants to be called next, UINT64_MAX: never; and the call. */
uint64_t sampler_due_ns(void);
void sampler_tick(uint64_t now_ns);

/* Brings the account up to date. */
void sampler_settle(void);

/* From one to the other no signal comes to any thread: the process is about to become another. */
void sampler_hold(void);
void sampler_release(void);

/* The program wants the sampler's signal for itself: when this returns it is as if it had never
 * been ours. */
void sampler_give_up_signal(void);

/* No signals any more: system calls that they need are about to be forbidden. */
void sampler_end_signals(void);

/* Around the unloading of code: samples that are not walked yet may need it. */
void sampler_before_unload(void);
void sampler_after_unload(void);

/* In a forked child: it has none yet. */
void sampler_after_fork(void);

#endif
