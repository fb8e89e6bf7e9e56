/* SPDX-License-Identifier: BSD-2-Clause */
/* sampler_event.h -- Samples that perf's task clock of each thread sends a signal for.
 *
 * All of this is done by the ticker's thread, which has a table of file descriptors of its own. */
#ifndef MEMTRACE_SAMPLER_EVENT_H
#define MEMTRACE_SAMPLER_EVENT_H

#include "thread.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether the kernel lets us; 0 or a negative errno. */
long sampler_event_try(void);

/* Begins to sample a thread, whose base_cpu_ns and cpu_ns are known. False: there is no room for
 * another one, or it has ended. */
bool sampler_event_add(uint32_t tid, struct sampled *sampled, uint64_t period_ns, uint64_t random);

/* Gives threads that had samples a new random period, and lets those go that have ended. */
void sampler_event_renew(uint64_t period_ns);

/* Whether there are any. */
bool sampler_event_is_any(void);

/* Whether the signal of one can come while a thread is in a system call: where the interrupt that
 * sends it may be late. */
bool sampler_event_interrupts_calls(void);

/* The sampler's signal is another one. */
void sampler_event_change_signal(void);

/* The thread that had the descriptors is not there any more; or, in a forked child, has never been.
 */
void sampler_event_drop_all(void);

#endif
