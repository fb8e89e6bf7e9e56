/* SPDX-License-Identifier: BSD-2-Clause */
/* sample.h -- One sample: the stack that a thread was seen with, and the time it stands for. */
#ifndef MEMTRACE_SAMPLE_H
#define MEMTRACE_SAMPLE_H

#include "thread.h"

#include <stdbool.h>
#include <stdint.h>

struct sample {
    enum trace_domain domain; /* one of time */
    bool is_in_kernel;
    uint64_t time_ns;
};

/* The registers that a signal has saved. */
struct interrupted {
    struct frame_start start;
    uint64_t lr;
    int64_t result; /* of a system call that has just ended */
};

struct interrupted sample_registers(const void *ucontext);

/* Whether the code at pc is a system call. */
bool sample_is_in_kernel(uint64_t pc);

/* Where the samples of this domain are accounted for; NULL: nowhere yet. */
void sample_set_account(enum trace_domain domain, struct trace_sampler *account);
struct trace_sampler *sample_account(enum trace_domain domain);

/* In a signal handler: walks the stack that was interrupted, and adds the sample to its counters.
 * On the thread itself, all signals blocked. */
void sample_take(struct thread *thread, const struct interrupted *at, const struct sample *sample);

/* Walks and does no more: to measure what that costs. */
void sample_rehearse(struct thread *thread, const struct interrupted *at);

/* Whose sample it is. */
struct sample_owner {
    uint32_t thread; /* in SECTION_THREADS */
    struct callsite_cache *sites;
};

/* Adds one for the stack that the unwinder holds. The sites are nobody else's to use meanwhile. */
void sample_count(const struct sample_owner *owner, struct unwinder *unwinder,
                  const struct sample *sample);

/* A sample that cannot be taken. */
void sample_lose(const struct sample *sample);

#endif
