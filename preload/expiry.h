/* SPDX-License-Identifier: BSD-2-Clause */
/* expiry.h -- A thread whose own CPU clock sends it the sampler's signals. */
#ifndef MEMTRACE_EXPIRY_H
#define MEMTRACE_EXPIRY_H

#include "sample.h"
#include "thread.h"

#include <stdbool.h>
#include <stdint.h>

/* Before the clock is armed. The thread's time counts, and is accounted for, from what the caller
 * has put into base_cpu_ns and cpu_ns. */
void expiry_begin(struct sampled *sampled, uint64_t random);

/* Uniform: any number below; half a period to one and a half. */
uint64_t expiry_draw(struct expiry *expiry, uint64_t below);
uint64_t expiry_draw_gap(struct expiry *expiry, uint64_t period_ns);

/* A gap begins. now_ns is the thread's clock. */
void expiry_note_gap(struct expiry *expiry, uint64_t now_ns, uint64_t gap_ns);

/* In the signal handler, on the thread itself: takes the sample that is due. */
void expiry_take(struct thread *thread, const struct interrupted *at, uint32_t overruns);

/* The kernel's timer: one gap from now, and again until it is set anew. */
void expiry_set_timer(const struct expiry *expiry, uint64_t first_ns, uint64_t again_ns);

#endif
