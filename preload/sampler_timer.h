/* SPDX-License-Identifier: BSD-2-Clause */
/* sampler_timer.h -- Samples at the kernel's ticks: a timer on each thread's CPU clock. */
#ifndef MEMTRACE_SAMPLER_TIMER_H
#define MEMTRACE_SAMPLER_TIMER_H

#include "thread.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether the kernel lets us; 0 or a negative errno. */
long sampler_timer_try(void);

/* Begins to sample a thread, whose base_cpu_ns and cpu_ns are known; by any thread. False: there is
 * no room for another one, or it has ended. */
bool sampler_timer_add(struct thread *thread, uint64_t period_ns, uint64_t random);

/* Gives a thread's timer back. */
void sampler_timer_remove(struct sampled *sampled);

/* From one to the other the calling thread's is not set. */
void sampler_timer_hold(struct sampled *sampled);
void sampler_timer_release(struct sampled *sampled, uint64_t period_ns);

/* Whether the signal of a timer can come while a thread is in a system call. Kernels since 5.11
 * leave it to the thread itself, on its way back to the program. */
bool sampler_timer_interrupts_calls(void);

#endif
