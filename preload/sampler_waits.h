/* SPDX-License-Identifier: BSD-2-Clause */
/* sampler_waits.h -- Where threads wait: samples of those that are off the CPU.
 *
 * All but the settling is done by the ticker's thread. */
#ifndef MEMTRACE_SAMPLER_WAITS_H
#define MEMTRACE_SAMPLER_WAITS_H

#include "trace_format.h"

#include <stdbool.h>
#include <stdint.h>

/* In a new trace, if the options ask for it. The account is where to say what was found. */
bool sampler_waits_start(struct trace_sampler *account);

bool sampler_waits_are_on(void);

/* When it wants to look next. */
uint64_t sampler_waits_due_ns(void);

/* Looks for new threads. Under the same lock as the next ones, but for the first time. */
void sampler_waits_search(void);

/* Looks at all threads. No code may be unloaded meanwhile. */
void sampler_waits_look(uint64_t now_ns, uint64_t random);

/* Brings the account up to date: by any thread, but not while the ticker's looks. */
void sampler_waits_settle(void);

/* CPU time that it has taken from the ticker's thread. */
uint64_t sampler_waits_own_ns(void);

/* In a forked child: it has none yet. */
void sampler_waits_after_fork(void);

#endif
