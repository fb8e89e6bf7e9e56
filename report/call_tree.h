/* SPDX-License-Identifier: BSD-2-Clause */
/* call_tree.h -- Call stacks with inlined frames, merged where they begin alike, and the figures of
 * each.
 *
 * It holds what people see of the stacks: from the charged frame outwards, without what starts
 * programs and threads. This is what every export and every flame graph is made from. */
#ifndef MEMTRACE_CALL_TREE_H
#define MEMTRACE_CALL_TREE_H

#include "filter.h"
#include "stacks.h"

/* Paths are cut here, at their outermost end: only a hostile trace has longer ones. */
#define CALL_DEPTH_MAX (4 * STACK_NODES_MAX)

/* Which frames count as one. */
enum call_grain {
    GRAIN_ADDRESS, /* every address is its own */
    GRAIN_LINE,    /* a line of a function */
    GRAIN_FUNCTION
};

struct call_node {
    uint32_t parent; /* the caller; less than the node's own index */
    uint32_t group;  /* of frames that count as one */
    uint32_t frame;  /* in stacks->frames: the first of that group in this place */
};

/* In place of the index of an end. */
#define NO_END UINT32_MAX

/* A node at which stacks end: the frame that is charged, with everything outside of it. */
struct call_stack {
    uint32_t node;
    struct figures figures;
};

struct call_tree {
    const struct stacks *stacks;
    struct call_node *nodes; /* [0] is the root, outside of all frames; all lead to an end */
    uint32_t node_count;
    uint32_t group_count;    /* less than this are the numbers of all groups */
    struct call_stack *ends; /* by node */
    uint32_t end_count;
    uint32_t *site_ends;  /* per node of the trace the end it is counted at, or NO_END */
    uint32_t depth_max;   /* frames of the deepest stack, at most CALL_DEPTH_MAX */
    struct figures total; /* of all ends */
};

/* Of the stacks that the filters keep. */
bool call_tree_init(struct call_tree *tree, const struct stacks *stacks,
                    const struct filters *filters, enum call_grain grain, struct error *error);
void call_tree_finish(struct call_tree *tree);

const struct frame *call_tree_frame(const struct call_tree *tree, uint32_t node);

/* The nodes from node (not the root) outwards, innermost first; returns their count, which is at
 * most depth_max. */
uint32_t call_tree_path(const struct call_tree *tree, uint32_t node, uint32_t *nodes);

#endif
