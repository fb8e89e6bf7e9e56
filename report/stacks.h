/* SPDX-License-Identifier: BSD-2-Clause */
/* stacks.h -- The call stacks of a trace with names and lines, and whose line each one is.
 *
 * Every distinct address is symbolized once and becomes one frame per inlined call plus the
 * enclosing function's; these lie together in one pool, innermost first. A view by line charges a
 * stack to the innermost frame of the person's own code: charge tells which one that is. */
#ifndef MEMTRACE_STACKS_H
#define MEMTRACE_STACKS_H

#include "frame.h"
#include "symbolize.h"
#include "trace.h"

struct place { /* the frames of one address */
    uint32_t first;
    uint32_t count;
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
    struct place *places;
    uint32_t *node_places;  /* per node; UINT32_MAX: on no stack */
    struct charge *charges; /* per node */
    uint32_t frame_count;
    bool is_system; /* runtime frames are shown and charged like any other */
};

/* With is_system the innermost frame is charged, runtime or not. */
bool stacks_init(struct stacks *stacks, const struct trace *trace, bool is_system,
                 struct error *error);
void stacks_finish(struct stacks *stacks);

/* Goes through the frames of a stack, innermost first. */
struct stack_walk {
    const struct stacks *stacks;
    uint32_t node;
    uint32_t next; /* frame of that node */
    uint32_t left; /* nodes */
};
struct stack_walk stack_walk(const struct stacks *stacks, uint32_t node);
/* The same, but from the charged frame of the node's stack outwards. */
struct stack_walk stack_walk_own(const struct stacks *stacks, uint32_t node);
/* The index of the next frame, or NO_FRAME after the outermost. */
uint32_t stack_walk_next(struct stack_walk *walk);

/* What people see of a stack: from the charged frame outwards, without the runtime frames that
 * start programs and threads. Fills frames (room for as many) innermost first, returns their count.
 */
size_t stack_visible(const struct stacks *stacks, uint32_t node, uint32_t *frames, size_t room);

#endif
