/* SPDX-License-Identifier: BSD-2-Clause */
/* unwind_x86_64.h -- Register numbers and frame layout of x86_64 (System V ABI supplement). */
#ifndef MEMTRACE_UNWIND_X86_64_H
#define MEMTRACE_UNWIND_X86_64_H

#include <stdbool.h>
#include <stdint.h>

enum {
    ARCH_REGISTER_FP = 6, /* rbp */
    ARCH_REGISTER_SP = 7,
    ARCH_REGISTER_PC = 16,
    ARCH_HAS_LINK_REGISTER = 0,
    /* At the trampoline sp points to the ucontext; offsets of its saved registers. */
    ARCH_UCONTEXT_OFFSET = 0,
    ARCH_SAVED_FP = 120,
    ARCH_SAVED_SP = 160,
    ARCH_SAVED_PC = 168,
    ARCH_SAVED_LR = 168 /* none */
};

static inline uint64_t arch_strip_pc(uint64_t pc)
{
    return pc;
}

/* mov $15, %rax; syscall */
static inline bool arch_is_signal_trampoline(uint64_t address)
{
    const uint8_t *code = (const uint8_t *)address;
    static const uint8_t bytes[9] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
    for (unsigned i = 0; i < sizeof bytes; i++)
        if (code[i] != bytes[i])
            return false;
    return true;
}

/* True if a call instruction can end right before address: E8 rel32, or FF /2 in its forms of two
 * to seven bytes. The seven bytes before address must be readable. */
static inline bool arch_follows_call(uint64_t address)
{
    const uint8_t *code = (const uint8_t *)address;
    if (code[-5] == 0xe8)
        return true;
    for (int length = 2; length <= 7; length++)
        if (code[-length] == 0xff && (code[-length + 1] >> 3 & 7) == 2)
            return true;
    return false;
}

/* True if the instruction before address, or at it, is a system call; the two bytes before address
 * must be readable. */
static inline bool arch_is_at_system_call(uint64_t address)
{
    const uint8_t *code = (const uint8_t *)address;
    return (code[-2] == 0x0f && code[-1] == 0x05) || (code[0] == 0x0f && code[1] == 0x05);
}

/* The state of a hook's caller right after the call returns. The hooks are compiled with a frame
 * pointer, so their own frame is [saved rbp][return address] and the caller's sp lies above. */
#define CALLER_PC() ((uint64_t)__builtin_return_address(0))
#define CALLER_SP() ((uint64_t)__builtin_frame_address(0) + 16)
#define CALLER_FP() (*(const uint64_t *)__builtin_frame_address(0))

#endif
