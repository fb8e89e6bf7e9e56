/* SPDX-License-Identifier: BSD-2-Clause */
/* unwind_arch.h -- The CPU's part of unwinding, chosen here. */
#ifndef MEMTRACE_UNWIND_ARCH_H
#define MEMTRACE_UNWIND_ARCH_H

#include <stdbool.h>
#include <stdint.h>

/* How far a function's first instructions put sp below its frame pointer. */
struct prologue {
    uint64_t size_bytes;
    bool is_all; /* else it may be more */
};

#if defined(__x86_64__)
#include "unwind_x86_64.h"
#else
#include "unwind_aarch64.h"
#endif

#include "cfi.h"

/* All three of the CPU's CALLER_… as a struct frame_start, in a hook itself. */
#define CALLER() ((struct frame_start){CALLER_PC(), CALLER_SP(), CALLER_FP()})

/* Code without CFI: the kernel's trampoline is known by its bytes; anything else (JIT code,
 * hand-written assembly) is taken to keep a frame-pointer chain, which the walk then distrusts. */
static inline struct rule arch_rule_without_cfi(bool is_in_object, uint64_t address)
{
    if (is_in_object && arch_is_signal_trampoline(address))
        return (struct rule){.kind = RULE_SIGNAL};
    return (struct rule){.kind = RULE_FP,
                         .cfa_offset8 = 2,
                         .ra_offset8 = -1,
                         .fp_kind = FP_AT_CFA,
                         .fp_offset8 = -2,
                         .is_guess = 1};
}

#endif
