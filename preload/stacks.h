/* SPDX-License-Identifier: BSD-2-Clause */
/* stacks.h -- Where the stacks of the program's threads are. */
#ifndef MEMTRACE_STACKS_H
#define MEMTRACE_STACKS_H

#include <stdbool.h>
#include <stdint.h>

/* Looks for them, but the first thread's: the kernel tells that one by name. */
void stacks_find(void);

/* Whether one of those that were found is there. By the same thread. */
bool stacks_has_any(uint64_t start, uint64_t end);

#endif
