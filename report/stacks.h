/* SPDX-License-Identifier: BSD-2-Clause */
/* stacks.h -- The call stacks of a trace with names and lines, and whose line each one is.
 *
 * Every distinct address is symbolized once and becomes one frame per inlined call plus the
 * enclosing function's; these lie together in one pool, innermost first. A view by line charges a
 * stack to the innermost frame of the person's own code: charge tells which one that is. Time is
 * charged to the innermost frame, whosever it is: the runtime does work of its own. */
#ifndef MEMTRACE_STACKS_H
#define MEMTRACE_STACKS_H

#include "frame.h"
#include "symbolize.h"
#include "trace.h"

struct place { /* the frames of one address */
    uint32_t first;
    uint32_t count;
    uint32_t own; /* the innermost that is not runtime, or NO_FRAME */
};

struct charge {
    uint32_t node;  /* the stack from here outwards is the person's own */
    uint32_t frame; /* the frame that is charged */
    uint32_t via;   /* the runtime function it called, or NO_FRAME */
};

/* The recorder keeps at most 4096 frames per stack. A hostile trace may hold longer chains: what
 * lies beyond is not walked, which bounds the time. */
#define STACK_NODES_MAX 4100u

struct stacks {
    const struct trace *trace;
    struct symbolizer *symbolizer;
    struct symbol_module *symbol_modules;
    const char **modules; /* per module index: one pointer for equal paths */
    struct frame *frames;
    struct place *places; /* per address of the trace */
    uint32_t frame_count;
    uint32_t frame_room;
    uint32_t place_count;
    uint32_t node_count; /* these many of the trace's have names */
    uint32_t asked_address_count;
    uint32_t asked_node_count;
    uint32_t module_count;
    uint64_t id;    /* that no other stacks of this process had before */
    bool is_system; /* runtime frames are shown and charged like any other */
};

/* With is_system the innermost frame is charged, runtime or not. */
bool stacks_init(struct stacks *stacks, const struct trace *trace, bool is_system,
                 struct error *error);

/* The same in steps, for a trace that is read again and again: begin; ask for all addresses that
 * are new in the trace; have the symbolizer resolve them; answer. Between ask and answer the stacks
 * known before are as they were. What the trace has once said must not change: its arrays may move
 * and grow, the paths of its modules stay where they are. Frames, places and groups keep their
 * numbers. After a failure only finish is allowed. */
void stacks_begin(struct stacks *stacks, const struct trace *trace, bool is_system);
bool stacks_ask(struct stacks *stacks, struct error *error);
bool stacks_answer(struct stacks *stacks, struct error *error);
/* Whether the trace may hold stacks that were not asked for yet. */
bool stacks_are_behind(const struct stacks *stacks);
/* Whether a node of the trace has its names: only then may it be walked. */
bool stacks_have(const struct stacks *stacks, uint32_t node);
void stacks_finish(struct stacks *stacks);

static inline const struct place *stack_place(const struct stacks *stacks, uint32_t node)
{
    return &stacks->places[stacks->trace->nodes[node].address];
}

/* Whose line the stack is. */
struct charge stack_charge(const struct stacks *stacks, uint32_t node);

/* Goes through the frames of a stack, innermost first. */
struct stack_walk {
    const struct stacks *stacks;
    uint32_t node;
    uint32_t next; /* frame of that node */
    uint32_t left; /* nodes */
};
struct stack_walk stack_walk(const struct stacks *stacks, uint32_t node);
/* The same, but from the charged frame of the node's stack outwards. */
struct stack_walk stack_walk_from(const struct stacks *stacks, const struct charge *charge);
struct stack_walk stack_walk_own(const struct stacks *stacks, uint32_t node);
/* The index of the next frame, or NO_FRAME after the outermost. Here because it is called many
 * million times for a large trace. */
static inline uint32_t stack_walk_next(struct stack_walk *walk)
{
    const struct stacks *stacks = walk->stacks;
    if (!walk->node || !walk->left)
        return NO_FRAME;
    uint32_t frame = walk->next++;
    const struct place *place = stack_place(stacks, walk->node);
    if (walk->next == place->first + place->count) {
        walk->node = stacks->trace->nodes[walk->node].parent;
        walk->left--;
        if (walk->node)
            walk->next = stack_place(stacks, walk->node)->first;
    }
    return frame;
}

/* Whether a frame is not shown, and what lies outside of it neither: where a program or a thread
 * starts, and runtime frames outside of everything else; of time, of these only the nameless. */
static inline bool stack_ends_before(const struct stacks *stacks, uint32_t frame, bool is_outermost)
{
    const struct frame *details = &stacks->frames[frame];
    bool is_passed = trace_is_timed(stacks->trace) ? details->is_nameless : !details->is_special;
    return !stacks->is_system &&
           (details->is_start || (is_outermost && details->is_runtime && is_passed));
}

/* What people see of a stack: from the charged frame outwards, without the runtime frames that
 * start programs and threads. Fills frames (room for as many) innermost first, returns their count.
 */
size_t stack_visible(const struct stacks *stacks, uint32_t node, uint32_t *frames, size_t room);

#endif
