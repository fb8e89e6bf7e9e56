/* SPDX-License-Identifier: BSD-2-Clause */
/* sampler_ring.h -- Samples that the kernel takes: perf's task clock of each thread, in a ring.
 *
 * All but the draining is done by the ticker's thread, which has a table of file descriptors of its
 * own: none of these is ever seen by the program. */
#ifndef MEMTRACE_SAMPLER_RING_H
#define MEMTRACE_SAMPLER_RING_H

#include "trace_format.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether the kernel lets us; 0 or a negative errno. *ret_is_user_only: time in the kernel has no
 * samples. *ret_cost_ns: of the thread that is interrupted, per sample. */
long sampler_ring_try(bool *ret_is_user_only, uint64_t *ret_cost_ns);

struct ring_request {
    uint32_t tid;
    uint32_t thread;       /* in SECTION_THREADS */
    uint64_t base_cpu_ns;  /* of its clock, from where on its time counts */
    uint64_t taken_cpu_ns; /* and up to where it is accounted for */
};

/* Begins to sample a thread. False: there is no room for another one, or it has ended. */
bool sampler_ring_add(const struct ring_request *request, uint64_t period_ns, uint64_t random);

/* Takes in what the kernel has written. By any thread, one at a time. cpu_ns: that the process has
 * used. is_finally: no more samples are going to stand for it. */
void sampler_ring_drain(struct trace_sampler *account, uint64_t cpu_ns, bool is_finally);

/* After it: gives threads a new random period, and lets those go that have ended. */
void sampler_ring_renew(struct trace_sampler *account, uint64_t *random_state);

/* Time after which rings may be full. */
uint64_t sampler_ring_patience_ns(uint64_t period_ns);

/* The thread that had the descriptors is not there any more. */
void sampler_ring_drop_all(void);

/* In a forked child, which has none. */
void sampler_ring_after_fork(void);

#endif
