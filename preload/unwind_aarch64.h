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
    ARCH_SAVED_PC = 176 + 8 + 32 * 8,
    ARCH_SAVED_RESULT = 176 + 8, /* x0 */
    ARCH_STUB_BYTES = 16
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

/* Of the function that is called right before address; 0: the call does not say. */
static inline uint64_t arch_call_target(uint64_t address)
{
    uint32_t code = ((const uint32_t *)address)[-1];
    int64_t offset = (int64_t)((uint64_t)code << 38) >> 36;
    return (code & 0xfc000000) == 0x94000000 ? address - 4 + (uint64_t)offset : 0;
}

/* Where a stub of the linker's leads: adrp x16, table; ldr x17, [x16, offset]. 0: it is none. */
static inline uint64_t arch_stub_target(uint64_t address, uint64_t object_start,
                                        uint64_t object_end)
{
    const uint32_t *code = (const uint32_t *)address;
    code += code[0] == 0xd503245f; /* bti c */
    if ((code[0] & 0x9f00001f) != 0x90000010 || (code[1] & 0xffc003ff) != 0xf9400211)
        return 0;
    int64_t pages =
        (int64_t)((uint64_t)(code[0] >> 5 & 0x7ffff) << 45 | (uint64_t)(code[0] >> 29 & 3) << 43) >>
        43;
    uint64_t slot = ((uint64_t)code & ~(uint64_t)4095) + (uint64_t)(pages * 4096) +
                    (uint64_t)(code[1] >> 10 & 0xfff) * 8;
    if (slot < object_start || object_end - slot < 8)
        return 0;
    return *(const uint64_t *)slot;
}

/* The frame record is at sp, unless the function makes room on the stack as it goes. */
static inline struct prologue arch_read_prologue(uint64_t start, uint64_t address,
                                                 uint64_t object_end)
{
    (void)start;
    (void)address;
    (void)object_end;
    return (struct prologue){.is_all = true};
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
