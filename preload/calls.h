/* SPDX-License-Identifier: BSD-2-Clause */
/* calls.h -- What the instruction before a return address tells. */
#ifndef MEMTRACE_CALLS_H
#define MEMTRACE_CALLS_H

#include <stdbool.h>
#include <stdint.h>

/* Whether it is code of a loaded object that a call can return to. */
bool calls_can_return_to(uint64_t address);

/* Whether a call that returns to it, which calls_can_return_to has found, was surely of the
 * function at start: directly, or through a table that the loader has filled. */
bool calls_surely(uint64_t return_address, uint64_t start);

#endif
