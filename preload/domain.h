/* SPDX-License-Identifier: BSD-2-Clause */
/* domain.h -- The call sites of a domain beside the heap: custom pools, mappings.
 *
 * Each thread has an unwinder and tables of its own for each domain, so that figures of different
 * domains never meet, and the heap's remembered stacks are not disturbed. */
#ifndef MEMTRACE_DOMAIN_H
#define MEMTRACE_DOMAIN_H

#include "thread.h"

/* The calling thread's share in a domain, until domain_end. NULL: a signal handler has interrupted
 * a call of the same kind, or there is no memory. */
struct domain_thread *domain_begin(struct thread *thread, enum trace_domain domain);
void domain_end(struct domain_thread *own);

/* How many allocations this one stands for; 0: it is not recorded. */
uint64_t domain_draw(const struct thread *thread, struct domain_thread *own, const void *block,
                     uint64_t size_bytes);

/* The counters of the call stack that begins with these registers. */
uint32_t domain_counters(struct thread *thread, struct domain_thread *own, enum trace_domain domain,
                         struct frame_start start);

/* A block was handed out, that stands for count; or given back. */
void domain_allocated(struct domain_thread *own, const void *block, uint64_t size_bytes,
                      uint64_t count, uint32_t counters);
void domain_released(struct thread *thread, struct domain_thread *own, enum trace_domain domain,
                     const void *block, uint64_t size_bytes, uint32_t counters);

/* So many blocks of these counters, and so many bytes, were given back. */
void domain_freed(struct thread *thread, struct domain_thread *own, enum trace_domain domain,
                  uint32_t counters, uint64_t count, uint64_t size_bytes, bool is_temporary);

#endif
