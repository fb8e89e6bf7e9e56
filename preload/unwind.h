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

#include "stack_copy.h"
#include "sys.h"

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
 * remembered one: the return address, and with some frames a saved register. */
struct frame_word {
    uint64_t slot;
    uint64_t value;
};

/* A frame of the remembered stack. */
struct frame_detail {
    uint64_t pc;
    uint64_t sp;
    uint64_t fp;
    uint64_t fp_slot;      /* where fp was loaded from; 0: kept in the register since the callee */
    struct path_hash hash; /* of the path from the root to here */
    uint32_t node;         /* call-site node of that path, 0: not looked up yet */
    uint32_t words_begin;  /* of the words through which this frame was reached from its callee */
    bool is_exact;         /* pc is the instruction itself, not a return address */
    bool is_fp_live;       /* unwinding from here on depends on fp */
    bool is_dereferenced;  /* the last of its words gave the CFA */
    uint8_t traits;        /* enum rule_trait of the rule here */
};

/* A frame that the walk has come to, with the words that led to it; all 0 at the leaf. */
struct fresh_frame {
    uint64_t pc;
    uint64_t sp;
    uint64_t fp;
    uint64_t fp_slot;
    struct frame_word ra;
    struct frame_word deref; /* slot 0: none */
    uint64_t lr;             /* after a signal frame, and only on CPUs that have it */
    bool is_exact;
    uint8_t traits; /* enum rule_trait of the rule here, once it is known */
};

enum {
    MEMO_WORDS_MAX = 16, /* a multiple of what unwinder_compare looks at together */
    FRAME_WORDS_MAX = 3,
    WORDS_PADDING = 3 /* words before the first that always hold */
};

/* A path seen before: from this state the walk went through these words to frame number met of the
 * remembered stack, or to the root. If the words and that frame are the same again, so is the
 * call site. In few cache lines, for there are many: the first one holds all but the words. */
struct leaf_memo {
    struct frame_start start;
    uint64_t met_fp;
    struct path_hash met_hash;
    uint32_t met_sp8;   /* less start.sp, divided by 8 */
    uint32_t call_site; /* what the caller remembered for this stack; 0: free */
    int32_t met;        /* -1: the words lead to the root */
    uint8_t word_count; /* from words[0] on, some that always hold included */
    bool is_fp_live;    /* start.fp matters */
    bool is_met_fp_live;
    bool is_fixed_stack;
    struct frame_word words[MEMO_WORDS_MAX];
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct leaf_memo) == 5 * 64, "a line, and four of words");

/* Two words of the thread's own stack in which paths from the same leaf have differed. What they
 * hold helps to choose the memo; it proves nothing. */
struct memo_hint {
    uint64_t slots[2]; /* less the address of a word that is always there */
    uint64_t changes;  /* so far; the choice is not changed for ever */
    uint64_t last_sp;  /* of the last path from here that had no memo */
};

/* As many hints as memos, 2^bits. */
struct memo_table {
    unsigned bits;
    struct memo_hint *hints;
    struct leaf_memo *memos;
};

/* Stack memory that has been found readable. */
struct stack_range {
    uint64_t low;
    uint64_t high;
};

struct unwinder {
    uint32_t limit;      /* frames kept at most */
    uint32_t count;      /* frames of the last stack; 0 is the root, count - 1 the leaf */
    uint32_t word_count; /* that lead from the leaf to the root */
    enum stack_root root;
    bool has_guess;          /* generated code on the stack was passed by its frame pointer */
    bool is_reusable;        /* the remembered frames may be compared with */
    struct frame_start leaf; /* of the remembered stack; pc 0: do not compare */
    uint64_t leaf_fp_mask;
    int64_t met; /* the frame at which the last walk met the remembered stack, -1: nowhere */
    uint64_t walks;
    struct memo_table *memos; /* NULL until it pays */
    struct stack_range ranges[2];
    uint64_t stack_top;       /* an address right above the thread's own stack */
    bool is_fixed_stack;      /* the last stack was all in the thread's own, which stays mapped */
    struct frame_word *words; /* [FRAME_WORDS_MAX * limit], the root's first */
    struct frame_detail *frames; /* [limit] */
    struct fresh_frame *fresh;   /* [limit + 1], leaf first */
};

/* Bytes of memory that unwinder_init needs for its arrays. */
size_t unwinder_bytes(uint32_t limit);

/* stack_top: an address right above the thread's own stack. memos: NULL, or those of another
 * unwinder that is not used any more, which go on here. */
void unwinder_init(struct unwinder *unwinder, uint32_t limit, uint64_t stack_top,
                   struct memo_table *memos, void *memory);

/* Forgets the last stack: code was unloaded, or the thread is another one now. */
void unwinder_forget(struct unwinder *unwinder);

/* True: the stack is the last one walked, frame by frame. */
static inline bool unwinder_is_same(const struct unwinder *unwinder, uint64_t pc, uint64_t sp,
                                    uint64_t fp);

/* The call site memorized for this stack, 0 if none. */
uint32_t unwinder_recall(struct unwinder *unwinder, uint64_t pc, uint64_t sp, uint64_t fp);

/* Walks the stack; frames, count and root then describe it, hashes included, and node is 0 for the
 * frames that are new. */
void unwinder_walk(struct unwinder *unwinder, uint64_t pc, uint64_t sp, uint64_t fp);

/* The same from the instruction at start.pc, before it is executed: the registers are those that a
 * signal interrupted. lr: the link register, where there is one. */
void unwinder_walk_interrupted(struct unwinder *unwinder, const struct frame_start *start,
                               uint64_t lr);

/* As unwinder_walk_interrupted, in a copy, by any thread; cut where the copy ends. The frame
 * pointer may be FRAME_POINTER_UNKNOWN: it is looked for where it matters. */
void unwinder_walk_copy(struct unwinder *unwinder, const struct frame_start *start, uint64_t lr,
                        const struct stack_copy *copy);

/* A place in which to memorize the call site of the stack just walked; NULL if it is not to be. It
 * holds none yet. */
uint32_t *unwinder_memorize(struct unwinder *unwinder);

/* Sets the seed of the path hashes; once, before the first capture. */
void unwind_init(uint64_t seed_a, uint64_t seed_b);

/* --- inline, because they are the price of every allocation --- */

/* Word k of a chunk, 0 if it holds. */
#define UNWINDER_DIFFERENCE(k) (*(const uint64_t *)word[-(k)].slot ^ word[-(k)].value)

/* How many of words[0..count-1], from the first on, are not known to hold: 0 if all do. Compared
 * from the last to the first: so every slot's address is implied by words already compared, and no
 * memory is touched that a walk would not touch. A thread's own stack stays mapped: there, whole
 * chunks are looked at before that is decided. */
static inline uint32_t unwinder_compare(const struct frame_word *words, uint32_t count,
                                        bool is_fixed_stack)
{
    const struct frame_word *word = words + count;
    if (likely(is_fixed_stack))
        while (word > words) {
            if (UNWINDER_DIFFERENCE(1) | UNWINDER_DIFFERENCE(2) | UNWINDER_DIFFERENCE(3) |
                UNWINDER_DIFFERENCE(4))
                break;
            word -= 4;
        }
    for (; word > words; word--)
        if (UNWINDER_DIFFERENCE(1))
            return (uint32_t)(word - words);
    return 0;
}

static inline bool unwinder_is_same(const struct unwinder *unwinder, uint64_t pc, uint64_t sp,
                                    uint64_t fp)
{
    return unwinder->leaf.pc == pc && unwinder->leaf.sp == sp &&
           ((unwinder->leaf.fp ^ fp) & unwinder->leaf_fp_mask) == 0 &&
           unwinder_compare(unwinder->words, unwinder->word_count, unwinder->is_fixed_stack) == 0;
}

#endif
