/* SPDX-License-Identifier: BSD-2-Clause */
/* rules.h -- The unwind rules compiled so far, by code address. */
#ifndef MEMTRACE_RULES_H
#define MEMTRACE_RULES_H

#include "cfi.h"

/* What the kinds of a rule say about it, so that a walk needs no comparisons. */
enum rule_trait {
    TRAIT_PLAIN = 1,    /* the usual one: the CFA by a register, the rest by the CFA, in memory */
    TRAIT_USES_FP = 2,  /* reads fp */
    TRAIT_KEEPS_FP = 4, /* leaves fp in the register */
    TRAIT_FP_AT_CFA = 8
};

/* The rule for an address, its traits too, compiled on first use: for good, or if there is no room
 * for it in *unkept. Lock-free unless it is new. */
const struct rule *rules_find(uint64_t address, struct rule *unkept);

/* Forgets the rules of [start, end). Only code that nobody executes any more. */
void rules_drop(uint64_t start, uint64_t end);

void rules_after_fork(void);

#endif
