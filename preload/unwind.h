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
 * remembered one. The low bits of slot tell that frame_detail holds more words to check. */
struct frame_check {
    uint64_t slot;
    uint64_t value;
};

enum {
    CHECK_FP = 1,    /* fp_slot must hold fp */
    CHECK_DEREF = 2, /* deref_slot must hold deref_value */
    CHECK_BITS = 7
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
    bool has_guess;   /* generated code on the stack was passed by its frame pointer */
    bool is_reusable; /* the remembered frames may be compared with */
    struct stack_range ranges[2];
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

/* Captures the stack. True: it is the same as the last one, frame by frame. Otherwise frames,
 * count and root describe it, hashes included, and node is 0 for the frames that are new. */
bool unwinder_capture(struct unwinder *unwinder, struct frame_start start);

/* Sets the seed of the path hashes; once, before the first capture. */
void unwind_init(uint64_t seed_a, uint64_t seed_b);

#endif
