/* SPDX-License-Identifier: BSD-2-Clause */
/* unwind.h -- The call stack of this thread, exactly, at the price of a few loads.
 *
 * Each thread remembers its last stack. A new capture walks from the leaf by compiled CFI rules
 * only until a frame's state (pc, sp, fp where it matters) equals a remembered one. From there on
 * the remembered return-address and saved-register slots are loaded and compared: the same state
 * and the same memory give the same next state, so by induction the rest of the stack is the
 * remembered one. Nothing is ever written to the stack, no lock is taken on the fast path, and no
 * memory is read that is not known to be readable.
 *
 * All functions run inside the program's malloc, on the thread that owns the unwinder. */
#ifndef MEMTRACE_UNWIND_H
#define MEMTRACE_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where to begin: pc is a return address, sp and fp the registers of that frame. */
struct frame_start {
    uint64_t pc;
    uint64_t sp;
    uint64_t fp;
};

/* How a stack ends at its outermost frame; the values of enum trace_special. */
enum stack_root {
    ROOT_COMPLETE = 0,
    ROOT_TOO_DEEP = 1,
    ROOT_CUT = 2
};

/* A path's identity: two independent 64-bit hashes, seeded per process. */
struct path_hash {
    uint64_t a;
    uint64_t b;
};

/* A word of the stack that must still hold this value for the next frame rootward to be the
 * remembered one: the return address. Few frames have more words to check. */
struct frame_check {
    uint64_t slot;
    uint64_t value;
};

struct frame_detail {
    uint64_t pc;
    uint64_t sp;
    uint64_t fp;
    uint64_t fp_slot; /* where fp was loaded from; 0: kept in the register since the callee */
    uint64_t deref_slot;
    uint64_t deref_value;
    struct path_hash hash; /* of the path from the root to here */
    uint32_t node;         /* call-site node of that path, 0: not looked up yet */
    bool is_exact;         /* pc is the instruction itself, not a return address */
    bool is_fp_live;       /* unwinding from here on depends on fp */
    bool uses_fp;          /* the rule here reads fp */
    bool keeps_fp;         /* the rule here leaves fp in the register */
    bool checks_fp;        /* fp_slot must still hold fp */
    bool checks_deref;     /* deref_slot must still hold deref_value */
};

/* A leaf path seen before: from this state the walk went through these words to frame number met
 * of the remembered stack. If the words and that frame are the same again, so is the call site. */
enum {
    MEMO_BITS = 8,
    MEMO_WORDS_MAX = 10
};

struct leaf_memo {
    struct frame_start start;
    uint64_t fp_mask; /* all ones if fp matters, else zero */
    uint32_t word_count;
    uint32_t met;
    uint32_t call_site; /* what the caller remembered for this stack; 0: free */
    uint32_t is_met_fp_live;
    uint64_t met_pc;
    uint64_t met_sp;
    uint64_t met_fp;
    struct path_hash met_hash;
    struct frame_check words[MEMO_WORDS_MAX];
};

/* Stack memory that has been found readable. */
struct stack_range {
    uint64_t low;
    uint64_t high;
};

struct unwinder {
    uint32_t limit; /* frames kept at most */
    uint32_t count; /* frames of the last stack; 0 is the root, count - 1 the leaf */
    uint32_t fresh_count;
    enum stack_root root;
    bool has_guess;          /* generated code on the stack was passed by its frame pointer */
    bool is_reusable;        /* the remembered frames may be compared with */
    struct frame_start leaf; /* of the remembered stack; pc 0: do not compare */
    uint64_t leaf_fp_mask;
    int64_t met; /* the frame at which the last walk met the remembered stack, -1: nowhere */
    uint64_t walks;
    struct leaf_memo *memos; /* [1 << MEMO_BITS], NULL until it pays */
    struct stack_range ranges[2];
    uint32_t extra_count;
    uint32_t *extras;            /* [limit], ascending: frames with more to check than checks[] */
    struct frame_check *checks;  /* [limit] */
    struct frame_detail *frames; /* [limit] */
    struct frame_detail *fresh;  /* [limit + 1], new frames, leaf first */
    struct frame_check *fresh_checks;
};

/* Bytes of memory that unwinder_init needs for its arrays. */
size_t unwinder_bytes(uint32_t limit);
void unwinder_init(struct unwinder *unwinder, uint32_t limit, void *memory);

/* Forgets the last stack: code was unloaded, or the thread is another one now. */
void unwinder_forget(struct unwinder *unwinder);

/* Compares the words from frame `from` towards the root and returns the outermost frame that is
 * still the remembered one. In this order, every slot's address is implied by words already
 * verified, so no memory is touched that a walk would not touch. */
static inline uint32_t unwinder_verify(const struct unwinder *unwinder, uint32_t from);

/* True: the stack is the last one walked, frame by frame. */
static inline bool unwinder_is_same(const struct unwinder *unwinder, uint64_t pc, uint64_t sp,
                                    uint64_t fp);

/* The call site memorized for this stack, 0 if none. */
uint32_t unwinder_recall(const struct unwinder *unwinder, struct frame_start start);

/* Walks the stack; frames, count and root then describe it, hashes included, and node is 0 for the
 * frames that are new. */
void unwinder_walk(struct unwinder *unwinder, struct frame_start start);

/* Memorizes the call site of the stack just walked. */
void unwinder_memorize(struct unwinder *unwinder, struct frame_start start, uint32_t call_site);

/* Sets the seed of the path hashes; once, before the first capture. */
void unwind_init(uint64_t seed_a, uint64_t seed_b);

/* --- inline, because they are the price of every allocation --- */

static inline bool unwinder_extra_words_hold(const struct frame_detail *frame)
{
    if (frame->checks_deref && *(const uint64_t *)frame->deref_slot != frame->deref_value)
        return false;
    return !frame->checks_fp || *(const uint64_t *)frame->fp_slot == frame->fp;
}

static inline uint32_t unwinder_verify(const struct unwinder *unwinder, uint32_t from)
{
    uint32_t k = unwinder->extra_count;
    uint32_t i = from;
    while (k && unwinder->extras[k - 1] >= from)
        k--;
    for (;;) {
        uint32_t next_extra = k ? unwinder->extras[k - 1] : 0;
        const struct frame_check *end = unwinder->checks + next_extra;
#pragma GCC unroll 4
        for (const struct frame_check *check = unwinder->checks + i; check > end; check--)
            if (*(const uint64_t *)check[-1].slot != check[-1].value)
                return (uint32_t)(check - unwinder->checks);
        if (!k)
            return 0;
        if (!unwinder_extra_words_hold(&unwinder->frames[next_extra]))
            return next_extra + 1;
        i = next_extra;
        k--;
    }
}

static inline bool unwinder_is_same(const struct unwinder *unwinder, uint64_t pc, uint64_t sp,
                                    uint64_t fp)
{
    return unwinder->leaf.pc == pc && unwinder->leaf.sp == sp &&
           ((unwinder->leaf.fp ^ fp) & unwinder->leaf_fp_mask) == 0 &&
           unwinder_verify(unwinder, unwinder->count - 1) == 0;
}

#endif
