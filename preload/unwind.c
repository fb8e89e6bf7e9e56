/* SPDX-License-Identifier: BSD-2-Clause */
/* unwind.c -- The call stack of this thread, exactly, at the price of a few loads. */
#include "unwind.h"

#include "arena.h"
#include "loader.h"
#include "rules.h"
#include "sys.h"
#include "text.h"
#include "unwind_arch.h"

enum {
    PAGE = 4096,
    EXTEND_MAX_PAGES = 16384, /* a frame of more than 64 MiB is not believed */
    GUESS_MAX_BYTES = 1 << 20 /* nor one of more than this without CFI */
};

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

/* --- one step from a frame to its caller --- */

struct state {
    uint64_t pc;
    uint64_t sp;
    uint64_t fp;
    uint64_t lr; /* only after a signal frame, and only on CPUs that have it */
    bool is_exact;
};

enum step {
    STEP_CALLER,
    STEP_SIGNAL, /* to the interrupted frame, maybe on another stack */
    STEP_END,
    STEP_CUT
};

static enum step step_signal(struct unwinder *unwinder, struct state *state)
{
    uint64_t context = state->sp + ARCH_UCONTEXT_OFFSET;
    struct state next = {.is_exact = true};
    if (!read_stack(unwinder, context + ARCH_SAVED_PC, &next.pc) ||
        !read_stack(unwinder, context + ARCH_SAVED_SP, &next.sp) ||
        !read_stack(unwinder, context + ARCH_SAVED_FP, &next.fp) ||
        !read_stack(unwinder, context + ARCH_SAVED_LR, &next.lr))
        return STEP_CUT;
    *state = next;
    if (!holds(&unwinder->ranges[0], next.sp)) {
        if (!is_readable(next.sp))
            return STEP_CUT;
        select_range(unwinder, next.sp);
    }
    return next.pc ? STEP_SIGNAL : STEP_END;
}

/* What a step read, for the frame it leads to and the one it leaves. */
struct step_words {
    struct frame_check ra;
    uint64_t fp_slot;
    uint64_t deref_slot;
    uint64_t deref_value;
};

static bool find_cfa(struct unwinder *unwinder, const struct state *state, struct rule rule,
                     struct step_words *words, uint64_t *ret_cfa)
{
    uint64_t base = rule.kind == RULE_SP || rule.kind == RULE_DEREF_SP ? state->sp : state->fp;
    if (unlikely(rule.kind >= RULE_DEREF_SP)) {
        words->deref_slot = base + (uint64_t)(rule.ra_offset8 * 8);
        if (!read_stack(unwinder, words->deref_slot, &words->deref_value))
            return false;
        base = words->deref_value;
    }
    *ret_cfa = base + (uint64_t)(rule.cfa_offset8 * 8);
    /* Frames grow towards the root. Without CFI, a frame that is too large is a stray pointer, and
     * one that is not may still be: what it points to is asked for, whatever was known before. */
    if (*ret_cfa <= state->sp - (state->is_exact ? 1 : 0))
        return false;
    return !rule.is_guess || (*ret_cfa - state->sp < GUESS_MAX_BYTES &&
                              is_readable(*ret_cfa - 16) && is_readable(*ret_cfa - 8));
}

static inline enum step step(struct unwinder *unwinder, struct state *state, struct rule rule,
                             struct step_words *words)
{
    uint64_t cfa;
    uint64_t raw_pc;
    uint64_t fp = state->fp;
    if (unlikely(rule.kind == RULE_END))
        return STEP_END;
    if (unlikely(rule.kind == RULE_SIGNAL))
        return step_signal(unwinder, state);
    if (unlikely(rule.is_guess) && state->fp == 0)
        return STEP_END; /* the ABI's mark of the outermost frame, as in ld.so's entry code */
    *words = (struct step_words){0};
    if (unlikely(rule.kind == RULE_UNKNOWN) || !find_cfa(unwinder, state, rule, words, &cfa))
        return STEP_CUT;
    if (rule.fp_kind != FP_SAME) {
        words->fp_slot =
            (rule.fp_kind == FP_AT_CFA ? cfa : state->fp) + (uint64_t)(rule.fp_offset8 * 8);
        if (unlikely(!read_stack(unwinder, words->fp_slot, &fp)))
            return STEP_CUT;
    }
    if (ARCH_HAS_LINK_REGISTER && rule.ra_offset8 == RA_IN_REGISTER) {
        if (!state->is_exact)
            return STEP_CUT;
        raw_pc = state->lr;
    } else {
        words->ra.slot = cfa + (uint64_t)((rule.kind >= RULE_DEREF_SP ? -1 : rule.ra_offset8) * 8);
        if (unlikely(!read_stack(unwinder, words->ra.slot, &raw_pc)))
            return STEP_CUT;
    }
    words->ra.value = raw_pc;
    *state = (struct state){.pc = arch_strip_pc(raw_pc), .sp = cfa, .fp = fp};
    return likely(state->pc != 0) ? STEP_CALLER : STEP_END;
}

/* --- the remembered stack --- */

static inline bool is_same_frame(const struct frame_detail *frame, const struct state *state)
{
    return frame->sp == state->sp && frame->pc == state->pc && !state->is_exact &&
           (!frame->is_fp_live || frame->fp == state->fp);
}

static struct path_hash hash_step(struct path_hash hash, uint64_t pc)
{
    __uint128_t a = (__uint128_t)(hash.a ^ pc) * 0xa0761d6478bd642fu;
    __uint128_t b = (__uint128_t)(hash.b + pc) * 0xe7037ed1a0b428dbu;
    return (struct path_hash){(uint64_t)a ^ (uint64_t)(a >> 64) ^ hash.b,
                              (uint64_t)b ^ (uint64_t)(b >> 64) ^ hash.a};
}

/* Appends frame `frame` as number i (root is 0), with what depends on the frames rootward. */
static inline void remember(struct unwinder *unwinder, uint32_t i, const struct frame_detail *fresh,
                            const struct frame_check *fresh_check)
{
    struct frame_detail *frame = &unwinder->frames[i];
    *frame = *fresh;
    frame->node = 0;
    struct path_hash before =
        i ? frame[-1].hash
          : (struct path_hash){hash_seed.a + unwinder->root, hash_seed.b ^ unwinder->root};
    frame->hash = hash_step(before, frame->pc + ((uint64_t)frame->is_exact << 63));
    frame->is_fp_live = frame->uses_fp || (frame->keeps_fp && i && frame[-1].is_fp_live);
    unwinder->checks[i] = *fresh_check;
    /* Besides the return address: the words that gave a live fp, or the CFA. If fp stayed in the
     * register, it is checked where it came from. */
    frame->checks_fp = frame->is_fp_live && frame->fp_slot;
    frame->checks_deref = frame->deref_slot != 0;
    if (frame->checks_fp || frame->checks_deref)
        unwinder->extras[unwinder->extra_count++] = i;
}

/* The frames 0..kept-1 stay; the fresh ones follow, innermost last. */
static void take_over(struct unwinder *unwinder, uint32_t kept)
{
    uint32_t i = kept;
    unwinder->met = (int64_t)kept - 1;
    while (unwinder->extra_count && unwinder->extras[unwinder->extra_count - 1] >= kept)
        unwinder->extra_count--;
    for (uint32_t k = unwinder->fresh_count; k > 0; k--, i++)
        remember(unwinder, i, &unwinder->fresh[k - 1], &unwinder->fresh_checks[k - 1]);
    unwinder->count = i;
    const struct frame_detail *leaf = &unwinder->frames[i - 1];
    unwinder->leaf = (struct frame_start){unwinder->is_reusable ? leaf->pc : 0, leaf->sp, leaf->fp};
    unwinder->leaf_fp_mask = leaf->is_fp_live ? ~(uint64_t)0 : 0;
}

/* --- the walk --- */

struct walk {
    struct state state;
    struct step_words words; /* that led to state; empty at the leaf */
    int64_t candidate;       /* remembered frames above this one are popped */
    bool is_reusable;
};

static inline void push_frame(struct unwinder *unwinder, const struct walk *walk, struct rule rule)
{
    uint32_t k = unwinder->fresh_count++;
    unwinder->fresh[k] = (struct frame_detail){
        .pc = walk->state.pc,
        .sp = walk->state.sp,
        .fp = walk->state.fp,
        .fp_slot = walk->words.fp_slot,
        .deref_slot = walk->words.deref_slot,
        .deref_value = walk->words.deref_value,
        .is_exact = walk->state.is_exact,
        .uses_fp = rule.kind == RULE_FP || rule.kind == RULE_DEREF_FP || rule.fp_kind == FP_AT_FP,
        .keeps_fp = rule.fp_kind == FP_SAME && rule.kind >= RULE_SP && rule.kind <= RULE_DEREF_FP,
    };
    unwinder->fresh_checks[k] = walk->words.ra;
}

/* Pushes the verified remembered frames `through` .. `above` + 1 as if they had been walked, and
 * leaves the walk at frame `above`. A frame pointer that was not live may have changed unnoticed;
 * now that the rootward frames are other ones it may matter, so it is read again.
 * Stops at the depth limit. */
static void replay(struct unwinder *unwinder, struct walk *walk, uint32_t through, int64_t above)
{
    for (int64_t i = through; i > above && unwinder->fresh_count < unwinder->limit; i--) {
        const struct frame_detail *frame = &unwinder->frames[i];
        uint32_t k = unwinder->fresh_count++;
        unwinder->fresh[k] = *frame;
        unwinder->fresh[k].fp = walk->state.fp;
        unwinder->fresh[k].fp_slot = walk->words.fp_slot;
        unwinder->fresh[k].deref_slot = walk->words.deref_slot;
        unwinder->fresh[k].deref_value = walk->words.deref_value;
        unwinder->fresh_checks[k] = walk->words.ra;
        if (i == 0)
            return;
        frame--;
        walk->words = (struct step_words){.ra = unwinder->checks[i - 1],
                                          .fp_slot = frame->fp_slot,
                                          .deref_slot = frame->deref_slot,
                                          .deref_value = frame->deref_value};
        walk->state.pc = frame->pc;
        walk->state.sp = frame->sp;
        if (frame->fp_slot)
            walk->state.fp = *(const uint64_t *)frame->fp_slot;
    }
}

static bool is_return_address(uint64_t address)
{
    struct loaded_object object;
    return loader_find(address - 8, &object) && address - 8 >= object.start &&
           address < object.end && arch_follows_call(address);
}

/* Code without CFI was taken to keep a frame pointer. If in truth fp is still its caller's, then
 * its own return address lies somewhere between sp and fp. So if nothing there can be one, fp
 * is its own. Where generated code is (in no file) the words cannot be judged: there the guess
 * stands if it leads to code, and is counted as one. */
static __attribute__((noinline)) bool
is_believable(struct unwinder *unwinder, const struct state *from, const struct state *to)
{
    enum {
        SCAN_MAX_BYTES = 16384
    };
    struct loaded_object object;
    bool is_generated = !loader_find(from->pc - !from->is_exact, &object);
    unwinder->has_guess |= is_generated;
    if (is_generated)
        return to->pc >= PAGE && (is_return_address(to->pc) || !loader_find(to->pc, &object));
    if (from->fp - from->sp > SCAN_MAX_BYTES || !is_return_address(to->pc))
        return false;
    for (uint64_t at = from->sp; at < from->fp; at += 8) {
        uint64_t word;
        bool is_new_page = at == from->sp || at % PAGE == 0;
        if ((is_new_page && !is_readable(at)) || !read_stack(unwinder, at, &word) ||
            is_return_address(word))
            return false;
    }
    return true;
}

/* Walks one frame on; false when the walk has ended, and then root says how. */
static inline bool walk_on(struct unwinder *unwinder, struct walk *walk)
{
    const struct state from = walk->state;
    struct rule rule = rules_find(from.pc - !from.is_exact);
    push_frame(unwinder, walk, rule);
    /* Words that were found by a guess are not looked at again without asking. */
    walk->is_reusable &= !rule.is_guess || from.fp == 0;
    switch (step(unwinder, &walk->state, rule, &walk->words)) {
    case STEP_CALLER:
        if (likely(!rule.is_guess) || is_believable(unwinder, &from, &walk->state))
            return true;
        unwinder->root = ROOT_CUT;
        return false;
    case STEP_SIGNAL:
        walk->words = (struct step_words){0};
        walk->candidate = -1;
        walk->is_reusable = false;
        return true;
    case STEP_END:
        unwinder->root = ROOT_COMPLETE;
        return false;
    default:
        unwinder->root = ROOT_CUT;
        return false;
    }
}

static inline void pop_candidates(const struct unwinder *unwinder, struct walk *walk)
{
    while (walk->candidate >= 0 && unwinder->frames[walk->candidate].sp < walk->state.sp)
        walk->candidate--;
}

static void end_too_deep(struct unwinder *unwinder)
{
    unwinder->root = ROOT_TOO_DEEP;
    unwinder->is_reusable = false;
    take_over(unwinder, 0);
}

/* The walk has met the remembered stack at walk->candidate. True: all the rest of it holds. */
static inline bool meet(struct unwinder *unwinder, struct walk *walk)
{
    uint32_t met = (uint32_t)walk->candidate;
    uint32_t outermost = unwinder_verify(unwinder, met);
    if (likely(outermost == 0) && met + 1 + unwinder->fresh_count <= unwinder->limit) {
        take_over(unwinder, met + 1);
        return true;
    }
    replay(unwinder, walk, met, outermost ? (int64_t)outermost : -1);
    walk->candidate = (int64_t)outermost - 1;
    return false;
}

static void walk_stack(struct unwinder *unwinder, struct walk *walk)
{
    unwinder->fresh_count = 0;
    unwinder->has_guess = false;
    for (;;) {
        pop_candidates(unwinder, walk);
        if (walk->candidate >= 0 &&
            is_same_frame(&unwinder->frames[walk->candidate], &walk->state) && meet(unwinder, walk))
            return;
        if (unlikely(unwinder->fresh_count == unwinder->limit)) {
            end_too_deep(unwinder);
            return;
        }
        if (!walk_on(unwinder, walk))
            break;
    }
    unwinder->is_reusable = walk->is_reusable;
    take_over(unwinder, 0);
}

void unwinder_walk(struct unwinder *unwinder, struct frame_start start)
{
    if (unlikely(!holds(&unwinder->ranges[0], start.sp - 8)))
        select_range(unwinder, start.sp - 8);
    struct walk walk = {.state = {.pc = start.pc, .sp = start.sp, .fp = start.fp},
                        .candidate = unwinder->is_reusable ? (int64_t)unwinder->count - 1 : -1,
                        .is_reusable = true};
    unwinder->walks++;
    walk_stack(unwinder, &walk);
}

/* --- leaf paths seen before --- */

enum {
    MEMO_AFTER_WALKS = 64 /* short-lived threads do without */
};

static inline struct leaf_memo *memo_of(const struct unwinder *unwinder, uint64_t pc, uint64_t sp)
{
    return &unwinder->memos[(pc ^ sp << 16) * 0x9e3779b97f4a7c15u >> (64 - MEMO_BITS)];
}

/* The frame at which the memorized path met the stack that was remembered then. */
static inline bool is_met_frame(const struct leaf_memo *memo, const struct frame_detail *frame)
{
    return frame->sp == memo->met_sp && frame->pc == memo->met_pc &&
           frame->hash.a == memo->met_hash.a && frame->hash.b == memo->met_hash.b &&
           (!memo->is_met_fp_live || frame->fp == memo->met_fp);
}

uint32_t unwinder_recall(const struct unwinder *unwinder, struct frame_start start)
{
    if (!unwinder->memos || !unwinder->is_reusable)
        return 0;
    const struct leaf_memo *memo = memo_of(unwinder, start.pc, start.sp);
    if (memo->start.pc != start.pc || memo->start.sp != start.sp ||
        ((memo->start.fp ^ start.fp) & memo->fp_mask) != 0 || memo->met >= unwinder->count ||
        !is_met_frame(memo, &unwinder->frames[memo->met]))
        return 0;
    for (uint32_t i = 0; i < memo->word_count; i++)
        if (*(const uint64_t *)memo->words[i].slot != memo->words[i].value)
            return 0;
    return unwinder_verify(unwinder, memo->met) == 0 ? memo->call_site : 0;
}

/* The words through which frame i was reached from the one leafward of it. */
static bool add_words(struct leaf_memo *memo, const struct unwinder *unwinder, uint32_t i)
{
    const struct frame_check *check = &unwinder->checks[i];
    const struct frame_detail *frame = &unwinder->frames[i];
    if (memo->word_count + 3 > MEMO_WORDS_MAX)
        return false;
    memo->words[memo->word_count++] = *check;
    if (frame->checks_deref)
        memo->words[memo->word_count++] =
            (struct frame_check){frame->deref_slot, frame->deref_value};
    if (frame->checks_fp)
        memo->words[memo->word_count++] = (struct frame_check){frame->fp_slot, frame->fp};
    return true;
}

void unwinder_memorize(struct unwinder *unwinder, struct frame_start start, uint32_t call_site)
{
    if (unwinder->met < 0 || !unwinder->is_reusable || unwinder->walks < MEMO_AFTER_WALKS ||
        unwinder->count - (uint32_t)unwinder->met > MEMO_WORDS_MAX)
        return;
    if (!unwinder->memos)
        unwinder->memos = arena_alloc(sizeof(struct leaf_memo) << MEMO_BITS);
    if (!unwinder->memos)
        return;
    struct leaf_memo *memo = memo_of(unwinder, start.pc, start.sp);
    const struct frame_detail *met = &unwinder->frames[unwinder->met];
    memo->start.pc = 0; /* nothing, should there be too many words */
    memo->word_count = 0;
    memo->met = (uint32_t)unwinder->met;
    for (uint32_t i = unwinder->count - 1; i > memo->met; i--)
        if (!add_words(memo, unwinder, i - 1))
            return;
    memo->start = start;
    memo->fp_mask = unwinder->leaf_fp_mask;
    memo->call_site = call_site;
    memo->met_pc = met->pc;
    memo->met_sp = met->sp;
    memo->met_fp = met->fp;
    memo->met_hash = met->hash;
    memo->is_met_fp_live = met->is_fp_live;
}

size_t unwinder_bytes(uint32_t limit)
{
    return (2 * sizeof(struct frame_detail) + 2 * sizeof(struct frame_check) + sizeof(uint32_t)) *
           (limit + 1ul);
}

void unwinder_init(struct unwinder *unwinder, uint32_t limit, void *memory)
{
    *unwinder = (struct unwinder){.limit = limit};
    unwinder->frames = memory;
    unwinder->fresh = unwinder->frames + limit + 1;
    unwinder->checks = (struct frame_check *)(unwinder->fresh + limit + 1);
    unwinder->fresh_checks = unwinder->checks + limit + 1;
    unwinder->extras = (uint32_t *)(unwinder->fresh_checks + limit + 1);
}

void unwinder_forget(struct unwinder *unwinder)
{
    unwinder->count = 0;
    unwinder->extra_count = 0;
    unwinder->is_reusable = false;
    unwinder->leaf.pc = 0;
    if (unwinder->memos)
        memset(unwinder->memos, 0, sizeof *unwinder->memos << MEMO_BITS);
    unwinder->ranges[0] = unwinder->ranges[1] = (struct stack_range){0};
}

void unwind_init(uint64_t seed_a, uint64_t seed_b)
{
    hash_seed = (struct path_hash){seed_a, seed_b};
}
