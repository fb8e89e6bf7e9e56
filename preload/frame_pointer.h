/* SPDX-License-Identifier: BSD-2-Clause */
/* frame_pointer.h -- Where a function's frame is, when the register that says so is not known.
 *
 * Of a thread that sleeps the kernel tells where it is and where its stack ends, and no other
 * register. The stack it does tell, and the function's code tells what it has put there. */
#ifndef MEMTRACE_FRAME_POINTER_H
#define MEMTRACE_FRAME_POINTER_H

#include "cfi.h"
#include "stack_copy.h"

/* In place of a frame pointer: none is odd. */
#define FRAME_POINTER_UNKNOWN 1u

/* Whether the rule cannot do without. */
bool frame_pointer_is_needed(struct rule rule);

/* That of the frame whose sp this is, in the function that the code at address belongs to. False:
 * there is no telling. */
bool frame_pointer_find(const struct stack_copy *copy, uint64_t address, uint64_t sp,
                        struct rule rule, uint64_t *ret_fp);

#endif
