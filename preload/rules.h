/* SPDX-License-Identifier: BSD-2-Clause */
/* rules.h -- The unwind rules compiled so far, by code address. */
#ifndef MEMTRACE_RULES_H
#define MEMTRACE_RULES_H

#include "cfi.h"

/* The rule for an address, compiled on first use. Lock-free unless it is new. */
struct rule rules_find(uint64_t address);

/* Forgets the rules of [start, end). Only code that nobody executes any more. */
void rules_drop(uint64_t start, uint64_t end);

void rules_after_fork(void);

#endif
