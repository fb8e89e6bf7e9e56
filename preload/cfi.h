/* SPDX-License-Identifier: BSD-2-Clause */
/* cfi.h -- How to find the caller of a code address: .eh_frame, compiled to a rule of one word.
 *
 * Format: DWARF 5 section 6.4, Linux Standard Base 5.0 "Exception Frames" (.eh_frame_hdr). */
#ifndef MEMTRACE_CFI_H
#define MEMTRACE_CFI_H

#include <stdbool.h>
#include <stdint.h>

struct loaded_object;

enum rule_kind {
    RULE_UNKNOWN,  /* nothing tells the caller, or in a way not representable here */
    RULE_END,      /* the outermost frame */
    RULE_SP,       /* CFA = sp + cfa_offset */
    RULE_FP,       /* CFA = fp + cfa_offset */
    RULE_DEREF_SP, /* CFA = *(sp + deref_offset) + cfa_offset */
    RULE_DEREF_FP, /* CFA = *(fp + deref_offset) + cfa_offset */
    RULE_SIGNAL    /* the kernel's signal trampoline: registers are in the ucontext at sp */
};

enum rule_fp {
    FP_SAME,   /* the caller's frame pointer register is unchanged */
    FP_AT_CFA, /* it is at CFA + fp_offset */
    FP_AT_FP   /* it is at fp + fp_offset */
};

/* Offsets in bytes, all multiples of 8 and stored divided by 8. Whole numbers, not bit fields: a
 * walk unpacks one for every frame. */
struct rule {
    uint8_t kind;    /* enum rule_kind */
    uint8_t fp_kind; /* enum rule_fp */
    bool is_guess;   /* no CFI here: the frame-pointer chain is assumed */
    uint8_t traits;  /* enum rule_trait; see rules.h */
    int32_t cfa_offset8;
    int32_t fp_offset8;
    int32_t ra_offset8; /* return address at CFA + this; RA_IN_REGISTER on aarch64 */
};

_Static_assert(sizeof(struct rule) == 16, "two words, and nothing between them");

#define RA_IN_REGISTER (-65536)

/* With the DEREF kinds the return address is at CFA - 8 and ra_offset8 is the place to
 * dereference. */

/* The rule for the instruction at address in object. Reads only object's own memory. */
struct rule cfi_rule(const struct loaded_object *object, uint64_t address);

/* Where the function that holds it begins. False: nothing tells. */
bool cfi_function_start(const struct loaded_object *object, uint64_t address, uint64_t *ret_start);

#endif
