/* SPDX-License-Identifier: BSD-2-Clause */
/* unwind_aarch64.h -- Register numbers and frame layout of aarch64 (AAPCS64, DWARF for the Arm
 * 64-bit architecture). */
#ifndef MEMTRACE_UNWIND_AARCH64_H
#define MEMTRACE_UNWIND_AARCH64_H

#include <stdbool.h>
#include <stdint.h>

enum {
    ARCH_REGISTER_FP = 29,
    ARCH_REGISTER_SP = 31,
    ARCH_REGISTER_PC = 32,
    ARCH_HAS_LINK_REGISTER = 1,
    /* At the trampoline sp points to struct rt_sigframe: siginfo (128 bytes), then the ucontext,
     * whose mcontext begins at 176: fault address, x0..x30, sp, pc. */
    ARCH_UCONTEXT_OFFSET = 128,
    ARCH_SAVED_FP = 176 + 8 + 29 * 8,
    ARCH_SAVED_LR = 176 + 8 + 30 * 8,
    ARCH_SAVED_SP = 176 + 8 + 31 * 8,
    ARCH_SAVED_PC = 176 + 8 + 32 * 8
};

/* Removes a pointer authentication code; XPACLRI is a no-op on CPUs without. */
static inline uint64_t arch_strip_pc(uint64_t pc)
{
    register uint64_t x30 __asm__("x30") = pc;
    __asm__("hint 0x7" : "+r"(x30));
    return x30;
}

/* mov x8, #139; svc #0 */
static inline bool arch_is_signal_trampoline(uint64_t address)
{
    const uint32_t *code = (const uint32_t *)address;
    return (address & 3) == 0 && code[0] == 0xd2801168 && code[1] == 0xd4000001;
}

/* True if the instruction before address is BL or BLR. */
static inline bool arch_follows_call(uint64_t address)
{
    uint32_t code = (address & 3) == 0 ? ((const uint32_t *)address)[-1] : 0;
    return (code & 0xfc000000) == 0x94000000 || (code & 0xfffffc1f) == 0xd63f0000;
}

/* True if the instruction before address, or at it, is a system call. */
static inline bool arch_is_at_system_call(uint64_t address)
{
    const uint32_t *code = (const uint32_t *)address;
    return (address & 3) == 0 && (code[-1] == 0xd4000001 || code[0] == 0xd4000001);
}

/* The frame record of a hook holds the caller's fp; where it lies below the CFA depends on the
 * compiler: gcc says where the CFA is, clang puts the record right below it. */
#if defined(__clang__)
#define ARCH_CFA() ((uint64_t)__builtin_frame_address(0) + 16)
#else
#define ARCH_CFA() ((uint64_t)__builtin_dwarf_cfa())
#endif
#define CALLER_PC() arch_strip_pc((uint64_t)__builtin_return_address(0))
#define CALLER_SP() ARCH_CFA()
#define CALLER_FP() (*(const uint64_t *)__builtin_frame_address(0))

#endif
