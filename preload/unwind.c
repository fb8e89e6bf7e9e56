/* SPDX-License-Identifier: BSD-2-Clause */
/* unwind.c -- The call stack of this thread, exactly, at the price of a few loads. */
#include "unwind.h"

#include "arena.h"
#include "calls.h"
#include "frame_pointer.h"
#include "loader.h"
#include "rules.h"
#include "sys.h"
#include "text.h"
#include "unwind_arch.h"

enum {
    PAGE = 4096,
    EXTEND_MAX_PAGES = 16384,  /* a frame of more than 64 MiB is not believed */
    GUESS_MAX_BYTES = 1 << 20, /* nor one of more than this without CFI */
    /* An outermost frame this close below the top is on the thread's own stack: no thread's is so
     * small that another one could lie there. */
    OWN_STACK_TOP_BYTES = 16384
};

static const uint64_t held_zero;
#define held_word ((struct frame_word){(uint64_t)&held_zero, 0})

static struct path_hash hash_seed = {0x8ebc6af09c88c6e3u, 0x589965cc75374cc3u};

/* --- what may be read --- */

/* Asks the kernel: it copies a signal set from there before it refuses the nonsensical how. */
static bool is_readable(uint64_t address)
{
    enum {
        NO_SUCH_HOW = 99
    };
    return sys(__NR_rt_sigprocmask, NO_SUCH_HOW, address, 0, 8) == -EINVAL;
}

/* Grows the range page by page up to the one that holds address. */
static __attribute__((noinline)) bool extend_range(struct stack_range *range, uint64_t address)
{
    if (address < range->low || address - range->high > (uint64_t)EXTEND_MAX_PAGES * PAGE)
        return false;
    while (range->high <= address) {
        if (!is_readable(range->high))
            return false;
        range->high += PAGE;
    }
    return true;
}

/* Pages between a new, deeper sp and the known range belong to the same stack if all can be read.
 * If not, another stack lies below this one. */
static bool extend_down(struct stack_range *range, uint64_t sp)
{
    enum {
        PAGES_MAX = 64
    };
    uint64_t page = sp & ~(uint64_t)(PAGE - 1);
    if (sp >= range->low || range->low - page > (uint64_t)PAGES_MAX * PAGE)
        return false;
    for (uint64_t at = page + PAGE; at < range->low; at += PAGE)
        if (!is_readable(at))
            return false;
    range->low = page;
    return true;
}

static bool holds(const struct stack_range *range, uint64_t address)
{
    return address >= range->low && address < range->high;
}

/* Makes ranges[0] the one that sp is in. Two are kept, for programs that go to and fro between
 * a stack and a signal stack or a coroutine. */
static __attribute__((noinline)) void select_range(struct unwinder *unwinder, uint64_t sp)
{
    struct stack_range first = unwinder->ranges[0];
    if (extend_down(&unwinder->ranges[0], sp))
        return;
    unwinder->ranges[0] = unwinder->ranges[1];
    unwinder->ranges[1] = first;
    if (holds(&unwinder->ranges[0], sp) || extend_down(&unwinder->ranges[0], sp))
        return;
    uint64_t page = sp & ~(uint64_t)(PAGE - 1);
    unwinder->ranges[0] = (struct stack_range){page, page + PAGE};
}

static inline bool read_stack(struct unwinder *unwinder, uint64_t address, uint64_t *ret_word)
{
    struct stack_range *range = &unwinder->ranges[0];
    if (unlikely(address & 7))
        return false;
    if (unlikely(!holds(range, address)) && !extend_range(range, address))
        return false;
    *ret_word = *(const uint64_t *)address;
    return true;
}

/* --- one step from a frame to its caller ---
 *
 * The walk is at a fresh frame; a step fills in the next one: its state, and the words that led to
 * it. */

enum step {
    STEP_CALLER,
    STEP_SIGNAL, /* to the interrupted frame, maybe on another stack */
    STEP_END,
    STEP_CUT
};

static __attribute__((noinline)) enum step
step_signal(struct unwinder *unwinder, const struct fresh_frame *from, struct fresh_frame *to)
{
    uint64_t context = from->sp + ARCH_UCONTEXT_OFFSET;
    *to = (struct fresh_frame){.is_exact = true};
    if (!read_stack(unwinder, context + ARCH_SAVED_PC, &to->pc) ||
        !read_stack(unwinder, context + ARCH_SAVED_SP, &to->sp) ||
        !read_stack(unwinder, context + ARCH_SAVED_FP, &to->fp) ||
        !read_stack(unwinder, context + ARCH_SAVED_LR, &to->lr))
        return STEP_CUT;
    if (!holds(&unwinder->ranges[0], to->sp)) {
        if (!is_readable(to->sp))
            return STEP_CUT;
        select_range(unwinder, to->sp);
    }
    return to->pc ? STEP_SIGNAL : STEP_END;
}

/* Frames grow towards the root. */
static inline bool is_rootward(const struct fresh_frame *from, uint64_t cfa)
{
    return cfa > from->sp - (from->is_exact ? 1 : 0);
}

/* Without CFI, a frame that is too large is a stray pointer, and one that is not may still be:
 * what it points to is asked for, whatever was known before. */
static bool is_guess_readable(const struct fresh_frame *from, uint64_t cfa)
{
    return cfa - from->sp < GUESS_MAX_BYTES && is_readable(cfa - 16) && is_readable(cfa - 8);
}

static bool find_cfa(struct unwinder *unwinder, const struct fresh_frame *from, struct rule rule,
                     struct frame_word *deref, uint64_t *ret_cfa)
{
    uint64_t base = rule.kind == RULE_SP || rule.kind == RULE_DEREF_SP ? from->sp : from->fp;
    if (rule.kind >= RULE_DEREF_SP) {
        deref->slot = base + (uint64_t)(rule.ra_offset8 * 8);
        if (!read_stack(unwinder, deref->slot, &deref->value))
            return false;
        base = deref->value;
    }
    *ret_cfa = base + (uint64_t)(rule.cfa_offset8 * 8);
    return is_rootward(from, *ret_cfa) && (!rule.is_guess || is_guess_readable(from, *ret_cfa));
}

/* Where the return address is; slot 0: it was in a register. */
static bool find_return(struct unwinder *unwinder, const struct fresh_frame *from, struct rule rule,
                        uint64_t cfa, struct frame_word *ra)
{
    if (ARCH_HAS_LINK_REGISTER && rule.ra_offset8 == RA_IN_REGISTER) {
        ra->value = from->lr;
        return from->is_exact;
    }
    ra->slot = cfa + (uint64_t)((rule.kind >= RULE_DEREF_SP ? -1 : rule.ra_offset8) * 8);
    return read_stack(unwinder, ra->slot, &ra->value);
}

/* Rules of every kind. */
static __attribute__((noinline)) enum step step_otherwise(struct unwinder *unwinder,
                                                          const struct fresh_frame *from,
                                                          struct rule rule, struct fresh_frame *to)
{
    uint64_t cfa;
    if (rule.kind == RULE_END)
        return STEP_END;
    if (rule.kind == RULE_SIGNAL)
        return step_signal(unwinder, from, to);
    if (rule.is_guess && from->fp == 0)
        return STEP_END; /* the ABI's mark of the outermost frame, as in ld.so's entry code */
    *to = (struct fresh_frame){.fp = from->fp};
    if (rule.kind == RULE_UNKNOWN || !find_cfa(unwinder, from, rule, &to->deref, &cfa))
        return STEP_CUT;
    if (rule.fp_kind != FP_SAME) {
        to->fp_slot =
            (rule.fp_kind == FP_AT_CFA ? cfa : from->fp) + (uint64_t)(rule.fp_offset8 * 8);
        if (!read_stack(unwinder, to->fp_slot, &to->fp))
            return STEP_CUT;
    }
    if (!find_return(unwinder, from, rule, cfa, &to->ra))
        return STEP_CUT;
    to->sp = cfa;
    to->pc = arch_strip_pc(to->ra.value);
    return to->pc ? STEP_CALLER : STEP_END;
}

static inline enum step step_plain(struct unwinder *unwinder, const struct fresh_frame *from,
                                   const struct rule *rule, struct fresh_frame *to)
{
    uint64_t cfa =
        (rule->traits & TRAIT_USES_FP ? from->fp : from->sp) + (uint64_t)(rule->cfa_offset8 * 8);
    uint64_t fp = from->fp;
    uint64_t fp_slot = 0;
    uint64_t raw_pc;
    if (unlikely(!is_rootward(from, cfa)))
        return STEP_CUT;
    if (rule->traits & TRAIT_FP_AT_CFA) {
        fp_slot = cfa + (uint64_t)(rule->fp_offset8 * 8);
        if (unlikely(!read_stack(unwinder, fp_slot, &fp)))
            return STEP_CUT;
    }
    uint64_t ra_slot = cfa + (uint64_t)(rule->ra_offset8 * 8);
    if (unlikely(!read_stack(unwinder, ra_slot, &raw_pc)))
        return STEP_CUT;
    to->pc = arch_strip_pc(raw_pc);
    to->sp = cfa;
    to->fp = fp;
    to->fp_slot = fp_slot;
    to->ra.slot = ra_slot;
    to->ra.value = raw_pc;
    to->deref.slot = 0;
    to->is_exact = false;
    return likely(to->pc != 0) ? STEP_CALLER : STEP_END;
}

/* --- the remembered stack --- */

static inline bool is_same_frame(const struct frame_detail *frame, const struct fresh_frame *at)
{
    return frame->sp == at->sp && frame->pc == at->pc && !at->is_exact &&
           (!frame->is_fp_live || frame->fp == at->fp);
}

static inline struct path_hash hash_step(struct path_hash hash, uint64_t pc)
{
    __uint128_t a = (__uint128_t)(hash.a ^ pc) * 0xa0761d6478bd642fu;
    __uint128_t b = (__uint128_t)(hash.b + pc) * 0xe7037ed1a0b428dbu;
    return (struct path_hash){(uint64_t)a ^ (uint64_t)(a >> 64) ^ hash.b,
                              (uint64_t)b ^ (uint64_t)(b >> 64) ^ hash.a};
}

/* In halves: both have just been written, and a CPU cannot hand two stores on to one load. */
static inline void copy_word(struct frame_word *to, const struct frame_word *from)
{
    to->slot = from->slot;
    to->value = from->value;
}

/* Remembers the words that led to a frame: the return address; the word that gave a live fp (if fp
 * stayed in the register, it is checked where it came from); the word that gave the CFA. Compared
 * from the last to the first. */
static inline void remember_words(struct unwinder *unwinder, const struct fresh_frame *fresh,
                                  bool is_fp_live)
{
    struct frame_word *words = unwinder->words + unwinder->word_count;
    struct frame_word *next = words + 1;
    copy_word(words, &fresh->ra);
    if (is_fp_live && fresh->fp_slot)
        *next++ = (struct frame_word){fresh->fp_slot, fresh->fp};
    if (unlikely(fresh->deref.slot))
        *next++ = fresh->deref;
    unwinder->word_count += (uint32_t)(next - words);
}

/* The frames 0..kept-1 stay, and fresh[count] has led to the last of them; the fresh ones before
 * that follow, innermost last. */
static void take_over(struct unwinder *unwinder, uint32_t kept, uint32_t count)
{
    struct frame_detail *frame = unwinder->frames + kept;
    struct path_hash hash = {hash_seed.a + unwinder->root, hash_seed.b ^ unwinder->root};
    bool is_fp_live = false;
    unwinder->met = (int64_t)kept - 1;
    unwinder->word_count = 0;
    if (kept) {
        unwinder->word_count = frame[-1].words_begin;
        hash = frame[-1].hash;
        is_fp_live = frame[-1].is_fp_live;
        if (count) {
            frame[-1].fp_slot = unwinder->fresh[count].fp_slot;
            frame[-1].is_dereferenced = unwinder->fresh[count].deref.slot != 0;
            remember_words(unwinder, &unwinder->fresh[count], is_fp_live);
        }
    }
    for (uint32_t k = count; k > 0; k--, frame++) {
        const struct fresh_frame *fresh = &unwinder->fresh[k - 1];
        hash = hash_step(hash, fresh->pc + ((uint64_t)fresh->is_exact << 63));
        is_fp_live = (fresh->traits & (TRAIT_USES_FP | (is_fp_live ? TRAIT_KEEPS_FP : 0))) != 0;
        frame->pc = fresh->pc;
        frame->sp = fresh->sp;
        frame->fp = fresh->fp;
        frame->fp_slot = fresh->fp_slot;
        frame->hash = hash;
        frame->node = 0;
        frame->words_begin = unwinder->word_count;
        frame->is_exact = fresh->is_exact;
        frame->is_fp_live = is_fp_live;
        frame->traits = fresh->traits;
        frame->is_dereferenced = fresh->deref.slot != 0;
        if (k > 1)
            remember_words(unwinder, fresh, is_fp_live);
    }
    unwinder->count = kept + count;
    frame--;
    unwinder->leaf =
        (struct frame_start){unwinder->is_reusable ? frame->pc : 0, frame->sp, frame->fp};
    unwinder->leaf_fp_mask = frame->is_fp_live ? ~(uint64_t)0 : 0;
    unwinder->is_fixed_stack = unwinder->stack_top - unwinder->frames[0].sp < OWN_STACK_TOP_BYTES;
}

/* --- the walk --- */

struct walk {
    uint32_t count;    /* fresh frames passed; the walk is at fresh[count] */
    int64_t candidate; /* remembered frames above this one are popped */
    bool is_reusable;
};

/* The frame rootward of whose words all hold that were compared before words[0..left-1]. */
static uint32_t frame_of_word(const struct unwinder *unwinder, uint32_t from, uint32_t left)
{
    while (left && unwinder->frames[from - 1].words_begin >= left)
        from--;
    return left ? from : 0;
}

/* Passes the verified remembered frames `through` .. `above` + 1 as if they had been walked, and
 * leaves the walk at frame `above`. A frame pointer that was not live may have changed unnoticed;
 * now that the rootward frames are other ones it may matter, so it is read again.
 * Stops at the depth limit. */
static __attribute__((noinline)) void replay(struct unwinder *unwinder, struct walk *walk,
                                             uint32_t through, int64_t above)
{
    for (int64_t i = through; i > above && walk->count < unwinder->limit; i--) {
        const struct frame_detail *frame = &unwinder->frames[i];
        struct fresh_frame *at = &unwinder->fresh[walk->count++];
        at->is_exact = frame->is_exact;
        at->traits = frame->traits;
        if (i == 0)
            return;
        const struct frame_word *words = unwinder->words + frame[-1].words_begin;
        at[1] = (struct fresh_frame){.pc = frame[-1].pc,
                                     .sp = frame[-1].sp,
                                     .fp = at->fp,
                                     .fp_slot = frame[-1].fp_slot,
                                     .ra = words[0]};
        if (at[1].fp_slot)
            at[1].fp = *(const uint64_t *)at[1].fp_slot;
        if (frame[-1].is_dereferenced)
            at[1].deref = unwinder->words[frame->words_begin - 1];
    }
}

/* Code without CFI was taken to keep a frame pointer. If in truth fp is still its caller's, then
 * its own return address lies somewhere between sp and fp. So if nothing there can be one, fp
 * is its own. Where generated code is (in no file) the words cannot be judged: there the guess
 * stands if it leads to code, and is counted as one. */
static __attribute__((noinline)) bool is_believable(struct unwinder *unwinder,
                                                    const struct fresh_frame *from,
                                                    const struct fresh_frame *to)
{
    enum {
        SCAN_MAX_BYTES = 16384
    };
    struct loaded_object object;
    bool is_generated = !loader_find(from->pc - !from->is_exact, &object);
    unwinder->has_guess |= is_generated;
    if (is_generated)
        return to->pc >= PAGE && (calls_can_return_to(to->pc) || !loader_find(to->pc, &object));
    if (from->fp - from->sp > SCAN_MAX_BYTES || !calls_can_return_to(to->pc))
        return false;
    for (uint64_t at = from->sp; at < from->fp; at += 8) {
        uint64_t word;
        bool is_new_page = at == from->sp || at % PAGE == 0;
        if ((is_new_page && !is_readable(at)) || !read_stack(unwinder, at, &word) ||
            calls_can_return_to(word))
            return false;
    }
    return true;
}

/* What is left when the rule was not a plain one. */
static __attribute__((noinline)) enum step walk_on_otherwise(struct unwinder *unwinder,
                                                             struct walk *walk, struct rule rule)
{
    const struct fresh_frame *from = &unwinder->fresh[walk->count];
    enum step how = step_otherwise(unwinder, from, rule, &unwinder->fresh[walk->count + 1]);
    /* Words that were found by a guess are not looked at again without asking. */
    walk->is_reusable &= !rule.is_guess || from->fp == 0;
    if (how == STEP_CALLER && rule.is_guess && !is_believable(unwinder, from, from + 1))
        return STEP_CUT;
    if (how == STEP_SIGNAL) {
        walk->candidate = -1;
        walk->is_reusable = false;
    }
    return how;
}

/* Walks one frame on; false when the walk has ended, and then root says how. */
static inline bool walk_on(struct unwinder *unwinder, struct walk *walk)
{
    struct fresh_frame *from = &unwinder->fresh[walk->count];
    struct rule unkept;
    const struct rule *rule = rules_find(from->pc - !from->is_exact, &unkept);
    from->traits = rule->traits;
    enum step how = likely(rule->traits & TRAIT_PLAIN) ? step_plain(unwinder, from, rule, from + 1)
                                                       : walk_on_otherwise(unwinder, walk, *rule);
    walk->count++;
    if (likely(how <= STEP_SIGNAL))
        return true;
    unwinder->root = how == STEP_END ? ROOT_COMPLETE : ROOT_CUT;
    return false;
}

static void end_too_deep(struct unwinder *unwinder, uint32_t count)
{
    unwinder->root = ROOT_TOO_DEEP;
    unwinder->is_reusable = false;
    take_over(unwinder, 0, count);
}

/* The walk has met the remembered stack at walk->candidate. True: all the rest of it holds. */
static inline bool meet(struct unwinder *unwinder, struct walk *walk)
{
    uint32_t met = (uint32_t)walk->candidate;
    uint32_t left = unwinder_compare(unwinder->words, unwinder->frames[met].words_begin,
                                     unwinder->is_fixed_stack);
    if (likely(left == 0) && met + 1 + walk->count <= unwinder->limit) {
        take_over(unwinder, met + 1, walk->count);
        return true;
    }
    uint32_t outermost = frame_of_word(unwinder, met, left);
    replay(unwinder, walk, met, outermost ? (int64_t)outermost : -1);
    walk->candidate = (int64_t)outermost - 1;
    return false;
}

static void walk_stack(struct unwinder *unwinder, struct walk *walk)
{
    for (;;) {
        const struct fresh_frame *at = &unwinder->fresh[walk->count];
        while (walk->candidate >= 0 && unwinder->frames[walk->candidate].sp < at->sp)
            walk->candidate--;
        if (walk->candidate >= 0 && is_same_frame(&unwinder->frames[walk->candidate], at) &&
            meet(unwinder, walk))
            return;
        if (unlikely(walk->count == unwinder->limit)) {
            end_too_deep(unwinder, walk->count);
            return;
        }
        if (!walk_on(unwinder, walk))
            break;
    }
    unwinder->is_reusable = walk->is_reusable;
    take_over(unwinder, 0, walk->count);
}

void unwinder_walk(struct unwinder *unwinder, uint64_t pc, uint64_t sp, uint64_t fp)
{
    if (unlikely(!holds(&unwinder->ranges[0], sp - 8)))
        select_range(unwinder, sp - 8);
    struct walk walk = {.candidate = unwinder->is_reusable ? (int64_t)unwinder->count - 1 : -1,
                        .is_reusable = true};
    unwinder->fresh[0] = (struct fresh_frame){.pc = pc, .sp = sp, .fp = fp};
    unwinder->has_guess = false;
    unwinder->walks++;
    walk_stack(unwinder, &walk);
}

void unwinder_walk_interrupted(struct unwinder *unwinder, const struct frame_start *start,
                               uint64_t lr)
{
    if (unlikely(!holds(&unwinder->ranges[0], start->sp)))
        select_range(unwinder, start->sp);
    struct walk walk = {.candidate = unwinder->is_reusable ? (int64_t)unwinder->count - 1 : -1,
                        .is_reusable = true};
    unwinder->fresh[0] = (struct fresh_frame){
        .pc = start->pc, .sp = start->sp, .fp = start->fp, .lr = lr, .is_exact = true};
    unwinder->has_guess = false;
    unwinder->walks++;
    walk_stack(unwinder, &walk);
}

/* --- a stack that is not there any more --- */

static enum step step_signal_in_copy(const struct stack_copy *copy, const struct fresh_frame *from,
                                     struct fresh_frame *to)
{
    uint64_t context = from->sp + ARCH_UCONTEXT_OFFSET;
    *to = (struct fresh_frame){.is_exact = true};
    if (!stack_copy_read(copy, context + ARCH_SAVED_PC, &to->pc) ||
        !stack_copy_read(copy, context + ARCH_SAVED_SP, &to->sp) ||
        !stack_copy_read(copy, context + ARCH_SAVED_FP, &to->fp) ||
        !stack_copy_read(copy, context + ARCH_SAVED_LR, &to->lr))
        return STEP_CUT;
    return to->pc ? STEP_SIGNAL : STEP_END;
}

static bool find_cfa_in_copy(const struct stack_copy *copy, const struct fresh_frame *from,
                             struct rule rule, uint64_t *ret_cfa)
{
    uint64_t base = rule.kind == RULE_SP || rule.kind == RULE_DEREF_SP ? from->sp : from->fp;
    if (rule.kind >= RULE_DEREF_SP &&
        !stack_copy_read(copy, base + (uint64_t)(rule.ra_offset8 * 8), &base))
        return false;
    *ret_cfa = base + (uint64_t)(rule.cfa_offset8 * 8);
    return is_rootward(from, *ret_cfa) && (!rule.is_guess || *ret_cfa - from->sp < GUESS_MAX_BYTES);
}

static bool find_return_in_copy(const struct stack_copy *copy, const struct fresh_frame *from,
                                struct rule rule, uint64_t cfa, uint64_t *ret_pc)
{
    if (ARCH_HAS_LINK_REGISTER && rule.ra_offset8 == RA_IN_REGISTER) {
        *ret_pc = from->lr;
        return from->is_exact && from->lr; /* of a thread that sleeps it is not known */
    }
    int64_t offset8 = rule.kind >= RULE_DEREF_SP ? -1 : rule.ra_offset8;
    return stack_copy_read(copy, cfa + (uint64_t)(offset8 * 8), ret_pc);
}

/* Makes the frame pointer known, if it has to be. */
static bool settle_fp(const struct stack_copy *copy, struct fresh_frame *at, struct rule rule)
{
    if (at->fp != FRAME_POINTER_UNKNOWN || !frame_pointer_is_needed(rule))
        return true;
    return frame_pointer_find(copy, at->pc - 1, at->sp, rule, &at->fp);
}

static enum step step_in_copy(struct unwinder *unwinder, const struct stack_copy *copy,
                              struct fresh_frame *from, struct fresh_frame *to)
{
    struct rule unkept, rule = *rules_find(from->pc - !from->is_exact, &unkept);
    uint64_t cfa, raw_pc;
    if (rule.kind == RULE_END || (rule.is_guess && from->fp == 0))
        return STEP_END;
    if (rule.kind == RULE_SIGNAL)
        return step_signal_in_copy(copy, from, to);
    if (!settle_fp(copy, from, rule))
        return STEP_CUT;
    *to = (struct fresh_frame){.fp = from->fp};
    if (rule.kind == RULE_UNKNOWN || !find_cfa_in_copy(copy, from, rule, &cfa) ||
        !find_return_in_copy(copy, from, rule, cfa, &raw_pc))
        return STEP_CUT;
    uint64_t fp_slot =
        (rule.fp_kind == FP_AT_CFA ? cfa : from->fp) + (uint64_t)(rule.fp_offset8 * 8);
    bool is_slot_known = rule.fp_kind != FP_AT_FP || from->fp != FRAME_POINTER_UNKNOWN;
    if (rule.fp_kind != FP_SAME && is_slot_known && !stack_copy_read(copy, fp_slot, &to->fp))
        return STEP_CUT;
    to->sp = cfa;
    to->pc = arch_strip_pc(raw_pc);
    unwinder->has_guess |= rule.is_guess;
    if (rule.is_guess && !calls_can_return_to(to->pc))
        return STEP_CUT;
    return to->pc ? STEP_CALLER : STEP_END;
}

void unwinder_walk_copy(struct unwinder *unwinder, const struct frame_start *start, uint64_t lr,
                        const struct stack_copy *copy)
{
    enum step how = STEP_CALLER;
    uint32_t count = 0;
    unwinder->fresh[0] = (struct fresh_frame){
        .pc = start->pc, .sp = start->sp, .fp = start->fp, .lr = lr, .is_exact = true};
    unwinder->has_guess = unwinder->is_reusable = false;
    for (; count < unwinder->limit && how <= STEP_SIGNAL; count++)
        how = step_in_copy(unwinder, copy, &unwinder->fresh[count], &unwinder->fresh[count + 1]);
    unwinder->root = how == STEP_END ? ROOT_COMPLETE : how == STEP_CUT ? ROOT_CUT : ROOT_TOO_DEEP;
    take_over(unwinder, 0, count);
}

/* --- paths seen before --- */

enum {
    MEMO_AFTER_WALKS = 256, /* short-lived threads do without, … */
    MEMO_FIRST_BITS = 8,
    MEMO_MORE_AFTER_WALKS = 1 << 13, /* … and only those that go on walking get a large table */
    MEMO_MORE_BITS = 10,
    HINT_CHANGES_MAX = 16
};

static size_t table_bytes(unsigned bits)
{
    return sizeof(struct leaf_memo) +
           ((sizeof(struct leaf_memo) + sizeof(struct memo_hint)) << bits);
}

static struct memo_table *new_table(unsigned bits)
{
    struct memo_table *table = arena_map_table(table_bytes(bits));
    if (!table)
        return NULL;
    table->bits = bits;
    table->memos = (struct leaf_memo *)table + 1;
    table->hints = (struct memo_hint *)(table->memos + (1ul << bits));
    return table;
}

/* Whether there is one; a larger one begins empty. */
static bool has_table(struct unwinder *unwinder)
{
    bool is_larger_due = unwinder->walks >= MEMO_MORE_AFTER_WALKS;
    struct memo_table *table = unwinder->memos;
    if (likely(table && (!is_larger_due || table->bits == MEMO_MORE_BITS)))
        return true;
    struct memo_table *fresh = new_table(is_larger_due ? MEMO_MORE_BITS : MEMO_FIRST_BITS);
    if (!fresh)
        return table != NULL;
    if (table)
        arena_unmap(table, table_bytes(table->bits));
    unwinder->memos = fresh;
    return true;
}

static void empty(struct memo_table *table)
{
    memset(table->memos, 0, table_bytes(table->bits) - sizeof(struct leaf_memo));
}

static inline uint64_t memo_index(const struct memo_table *table, uint64_t key)
{
    return key * 0x9e3779b97f4a7c15u >> (64 - table->bits);
}

static inline struct memo_hint *hint_of(struct memo_table *table, uint64_t pc, uint64_t sp)
{
    return &table->hints[memo_index(table, pc ^ sp << 16)];
}

/* Zeroed memory is a hint to a word that is always there. */
static inline uint64_t word_of(uint64_t slot)
{
    return *(const uint64_t *)((uint64_t)&held_zero + slot);
}

static inline struct leaf_memo *memo_of(struct memo_table *table, const struct memo_hint *hint,
                                        uint64_t pc, uint64_t sp)
{
    uint64_t content = word_of(hint->slots[0]) + word_of(hint->slots[1]) * 3;
    return &table->memos[memo_index(table, (pc ^ sp << 16) + content * 0xe7037ed1a0b428dbu)];
}

/* Paths from the same leaf differ in this word. */
static void learn_hint(struct memo_hint *hint, uint64_t slot)
{
    slot -= (uint64_t)&held_zero;
    if (hint->changes == HINT_CHANGES_MAX || slot == hint->slots[0] || slot == hint->slots[1])
        return;
    hint->changes++;
    hint->slots[1] = hint->slots[0];
    hint->slots[0] = slot;
}

/* The frame at which the memorized path met the stack that was remembered then; the hash is of its
 * code address too. */
static inline bool is_met_frame(const struct leaf_memo *memo, const struct frame_detail *frame)
{
    return frame->sp == memo->start.sp + memo->met_sp8 * 8ul && frame->hash.a == memo->met_hash.a &&
           frame->hash.b == memo->met_hash.b &&
           (!memo->is_met_fp_live || frame->fp == memo->met_fp);
}

/* The remembered stack leads on from where the memo ends, as it did then. */
static inline bool is_met(const struct unwinder *unwinder, const struct leaf_memo *memo)
{
    if (memo->met < 0)
        return true;
    if (!unwinder->is_reusable || (uint32_t)memo->met >= unwinder->count)
        return false;
    const struct frame_detail *met = &unwinder->frames[memo->met];
    return is_met_frame(memo, met) &&
           unwinder_compare(unwinder->words, met->words_begin, unwinder->is_fixed_stack) == 0;
}

uint32_t unwinder_recall(struct unwinder *unwinder, uint64_t pc, uint64_t sp, uint64_t fp)
{
    if (!unwinder->memos)
        return 0;
    struct memo_hint *hint = hint_of(unwinder->memos, pc, sp);
    const struct leaf_memo *memo = memo_of(unwinder->memos, hint, pc, sp);
    if (memo->start.pc != pc || memo->start.sp != sp || (memo->is_fp_live && memo->start.fp != fp))
        return 0;
    uint32_t left = unwinder_compare(memo->words, memo->word_count, memo->is_fixed_stack);
    if (likely(left == 0))
        return is_met(unwinder, memo) ? memo->call_site : 0;
    if (memo->is_fixed_stack)
        learn_hint(hint, memo->words[left - 1].slot);
    return 0;
}

/* From which frame on the remembered stack does the rest: -1 if the words are few enough to lead
 * all the way to the root, which holds whatever is remembered then. */
static int32_t memo_end(const struct unwinder *unwinder)
{
    return unwinder->word_count <= MEMO_WORDS_MAX ? -1 : (int32_t)unwinder->met;
}

/* Words are compared so many at a time, from the last on: before the first there are as many as are
 * missing, and they hold. */
static uint32_t padding_of(uint32_t count)
{
    return -count & WORDS_PADDING;
}

static void fill_memo(struct leaf_memo *memo, const struct unwinder *unwinder, uint32_t words_begin)
{
    uint32_t count = unwinder->word_count - words_begin, padding = padding_of(count);
    memo->start = unwinder->leaf;
    memo->is_fp_live = unwinder->leaf_fp_mask != 0;
    memo->is_fixed_stack = unwinder->is_fixed_stack;
    memo->word_count = (uint8_t)(padding + count);
    for (uint32_t i = 0; i < padding; i++)
        memo->words[i] = held_word;
    for (uint32_t i = 0; i < count; i++)
        copy_word(&memo->words[padding + i], &unwinder->words[words_begin + i]);
}

static void fill_met(struct leaf_memo *memo, const struct frame_detail *met)
{
    memo->met_sp8 = (uint32_t)((met->sp - memo->start.sp) / 8);
    memo->met_fp = met->fp;
    memo->met_hash = met->hash;
    memo->is_met_fp_live = met->is_fp_live;
}

uint32_t *unwinder_memorize(struct unwinder *unwinder)
{
    if (!unwinder->is_reusable || unwinder->walks < MEMO_AFTER_WALKS)
        return NULL;
    int32_t met = memo_end(unwinder);
    uint32_t words_begin = met < 0 ? 0 : unwinder->frames[met].words_begin;
    if (unwinder->word_count - words_begin > MEMO_WORDS_MAX || !has_table(unwinder))
        return NULL;
    const struct frame_start *leaf = &unwinder->leaf;
    struct memo_hint *hint = hint_of(unwinder->memos, leaf->pc, leaf->sp);
    if (hint->last_sp != leaf->sp) { /* a memo is for what comes again */
        hint->last_sp = leaf->sp;
        return NULL;
    }
    struct leaf_memo *memo = memo_of(unwinder->memos, hint, leaf->pc, leaf->sp);
    memo->met = met;
    memo->call_site = 0;
    fill_memo(memo, unwinder, words_begin);
    if (met >= 0)
        fill_met(memo, &unwinder->frames[met]);
    return &memo->call_site;
}

size_t unwinder_bytes(uint32_t limit)
{
    return (sizeof(struct frame_detail) + sizeof(struct fresh_frame) +
            FRAME_WORDS_MAX * sizeof(struct frame_word)) *
               (limit + 1ul) +
           WORDS_PADDING * sizeof(struct frame_word);
}

void unwinder_init(struct unwinder *unwinder, uint32_t limit, uint64_t stack_top,
                   struct memo_table *memos, void *memory)
{
    *unwinder = (struct unwinder){.limit = limit, .stack_top = stack_top, .memos = memos};
    if (memos)
        empty(memos);
    unwinder->frames = memory;
    unwinder->fresh = (struct fresh_frame *)(unwinder->frames + limit + 1);
    unwinder->words = (struct frame_word *)(unwinder->fresh + limit + 1);
    for (int i = 0; i < WORDS_PADDING; i++)
        *unwinder->words++ = held_word;
}

void unwinder_forget(struct unwinder *unwinder)
{
    unwinder->count = 0;
    unwinder->word_count = 0;
    unwinder->is_reusable = false;
    unwinder->leaf.pc = 0;
    if (unwinder->memos)
        empty(unwinder->memos);
    unwinder->ranges[0] = unwinder->ranges[1] = (struct stack_range){0};
}

void unwind_init(uint64_t seed_a, uint64_t seed_b)
{
    hash_seed = (struct path_hash){seed_a, seed_b};
}
