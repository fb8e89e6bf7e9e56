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
    ARCH_SAVED_LR = 168,     /* none */
    ARCH_SAVED_RESULT = 144, /* rax */
    ARCH_STUB_BYTES = 16
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

/* Of the function that is called right before address; 0: the call does not say. */
static inline uint64_t arch_call_target(uint64_t address)
{
    const uint8_t *code = (const uint8_t *)address;
    int32_t offset;
    __builtin_memcpy(&offset, code - 4, sizeof offset);
    return code[-5] == 0xe8 ? address + (uint64_t)(int64_t)offset : 0;
}

/* Where a stub of the linker's leads: jmp *table(%rip). 0: it is none. */
static inline uint64_t arch_stub_target(uint64_t address, uint64_t object_start,
                                        uint64_t object_end)
{
    const uint8_t *code = (const uint8_t *)address;
    int32_t offset;
    if (code[0] == 0xf3 && code[1] == 0x0f && code[2] == 0x1e && code[3] == 0xfa)
        code += 4; /* endbr64 */
    if (code[0] == 0xf2)
        code++;
    if (code[0] != 0xff || code[1] != 0x25)
        return 0;
    __builtin_memcpy(&offset, code + 2, sizeof offset);
    uint64_t slot = (uint64_t)code + 6 + (uint64_t)(int64_t)offset;
    if (slot & 7 || slot < object_start || object_end - slot < 8)
        return 0;
    return *(const uint64_t *)slot;
}

/* Bytes of the operand that the byte at modrm says: itself, an index, a distance. */
static inline unsigned arch_operand_bytes(const uint8_t *modrm)
{
    unsigned mode = modrm[0] >> 6;
    bool has_index = mode != 3 && (modrm[0] & 7) == 4;
    unsigned base = has_index ? modrm[1] & 7 : modrm[0] & 7;
    unsigned distance = mode == 1 ? 1 : mode == 2 || (mode == 0 && base == 5) ? 4 : 0;
    return 1 + has_index + distance;
}

/* Length of an instruction that leaves sp, and the order of things, as they are: those that
 * compilers move in between a function's first ones. 0: another one. */
static inline unsigned arch_harmless_bytes(const uint8_t *code)
{
    unsigned length = 0;
    unsigned rex = 0;
    while (code[length] == 0x66 || code[length] == 0xf2 || code[length] == 0xf3)
        if (++length > 3)
            return 0;
    if ((code[length] & 0xf0) == 0x40)
        rex = code[length++];
    unsigned op = code[length++];
    if (op >= 0xb8 && op <= 0xbf) /* a constant */
        return length + (rex & 8 ? 8 : 4);
    bool is_long = op == 0x0f;
    if (is_long)
        op = code[length++];
    const uint8_t *modrm = code + length;
    bool is_sp_read = (*modrm >> 3 & 7) == 4 && !(rex & 4);
    bool is_sp_written = *modrm >> 6 == 3 && (*modrm & 7) == 4 && !(rex & 1);
    length += arch_operand_bytes(modrm);
    if (is_long) /* movaps, movups, movzx, movsx, long nops */
        return op == 0x10 || op == 0x11 || op == 0x28 || op == 0x29 || op == 0x1e || op == 0x1f ||
                       op == 0xb6 || op == 0xb7 || op == 0xbe || op == 0xbf || op == 0xef
                   ? length
                   : 0;
    switch (op) {
    case 0x8b: /* to a register */
    case 0x8d:
    case 0x33:
    case 0x63:
        return is_sp_read ? 0 : length;
    case 0x88: /* to memory or a register */
    case 0x89:
    case 0x31:
    case 0x01:
    case 0x29:
        return is_sp_written ? 0 : length;
    case 0x84: /* comparisons */
    case 0x85:
    case 0x39:
    case 0x3b:
        return length;
    case 0x83: /* with a constant */
    case 0xc6:
        return is_sp_written ? 0 : length + 1;
    case 0x81:
    case 0xc7:
        return is_sp_written ? 0 : length + 4;
    default:
        return 0;
    }
}

static inline bool arch_makes_frame(const uint8_t *code) /* mov %rsp, %rbp */
{
    return code[0] == 0x48 &&
           ((code[1] == 0x89 && code[2] == 0xe5) || (code[1] == 0x8b && code[2] == 0xec));
}

/* sub constant, %rsp; 0: it is not. */
static inline uint64_t arch_lowers_sp(const uint8_t *code)
{
    int32_t constant;
    if (code[0] != 0x48 || code[2] != 0xec || (code[1] != 0x83 && code[1] != 0x81))
        return 0;
    __builtin_memcpy(&constant, code + 3, sizeof constant);
    return code[1] == 0x83 ? code[3] : (uint32_t)constant;
}

/* Of the function at start, whose frame stands when the instruction at address is executed. Nothing
 * at object_end or above is read. */
static inline struct prologue arch_read_prologue(uint64_t start, uint64_t address,
                                                 uint64_t object_end)
{
    enum {
        LENGTH_MAX = 16
    };
    struct prologue prologue = {0};
    bool has_frame = false;
    for (uint64_t at = start; object_end - at >= LENGTH_MAX;) {
        const uint8_t *code = (const uint8_t *)at;
        unsigned prefix = code[0] == 0x41;
        bool is_push = code[prefix] >= 0x50 && code[prefix] <= 0x57;
        uint64_t lowered = arch_lowers_sp(code);
        if (at >= address || code[0] == 0xe8 || lowered) {
            prologue.size_bytes += lowered;
            prologue.is_all = has_frame;
            break;
        }
        if (is_push)
            prologue.size_bytes += has_frame ? 8 : 0;
        else if (arch_makes_frame(code))
            has_frame = true;
        unsigned length = is_push                               ? prefix + 1
                          : has_frame && arch_makes_frame(code) ? 3
                                                                : arch_harmless_bytes(code);
        if (!length)
            break;
        at += length;
    }
    return prologue;
}

/* The state of a hook's caller right after the call returns. The hooks are compiled with a frame
 * pointer, so their own frame is [saved rbp][return address] and the caller's sp lies above. */
#define CALLER_PC() ((uint64_t)__builtin_return_address(0))
#define CALLER_SP() ((uint64_t)__builtin_frame_address(0) + 16)
#define CALLER_FP() (*(const uint64_t *)__builtin_frame_address(0))

#endif
