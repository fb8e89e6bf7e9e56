/* SPDX-License-Identifier: BSD-2-Clause */
/* frame_pointer.c -- Where a function's frame is, when the register that says so is not known.
 *
 * The function's first instructions say how far below its frame pointer sp is. Where they are not
 * understood to the end, it is that far at least, and then its frame begins at the first return
 * address above that follows a call of this very function. */
#include "frame_pointer.h"

#include "calls.h"
#include "loader.h"
#include "unwind_arch.h"

enum {
    SCAN_MAX_BYTES = 64 * 1024
};

bool frame_pointer_is_needed(struct rule rule)
{
    return rule.kind == RULE_FP || rule.kind == RULE_DEREF_FP;
}

/* The return address, if fp were the frame pointer; false: it is not in the copy. */
static bool read_return(const struct stack_copy *copy, struct rule rule, uint64_t fp,
                        uint64_t *ret_address)
{
    uint64_t base = fp;
    int64_t ra_offset8 = rule.ra_offset8;
    if (rule.kind == RULE_DEREF_FP) {
        if (!stack_copy_read(copy, fp + (uint64_t)(rule.ra_offset8 * 8), &base))
            return false;
        ra_offset8 = -1;
    }
    uint64_t cfa = base + (uint64_t)(rule.cfa_offset8 * 8);
    bool is_read = stack_copy_read(copy, cfa + (uint64_t)(ra_offset8 * 8), ret_address);
    *ret_address = is_read ? arch_strip_pc(*ret_address) : 0;
    return is_read || rule.kind == RULE_DEREF_FP; /* a wrong base leads anywhere */
}

bool frame_pointer_find(const struct stack_copy *copy, uint64_t address, uint64_t sp,
                        struct rule rule, uint64_t *ret_fp)
{
    struct loaded_object object;
    uint64_t start, return_address;
    if (rule.is_guess || !loader_find(address, &object) ||
        !cfi_function_start(&object, address, &start))
        return false;
    struct prologue prologue = arch_read_prologue(start, address, object.end);
    uint64_t least = sp + prologue.size_bytes;
    if (prologue.is_all && read_return(copy, rule, least, &return_address) &&
        calls_can_return_to(return_address)) {
        *ret_fp = least;
        return true;
    }
    for (uint64_t fp = least; fp - least < SCAN_MAX_BYTES; fp += 8) {
        if (!read_return(copy, rule, fp, &return_address))
            return false;
        if (return_address && calls_can_return_to(return_address) &&
            calls_surely(return_address, start)) {
            *ret_fp = fp;
            return true;
        }
    }
    return false;
}
