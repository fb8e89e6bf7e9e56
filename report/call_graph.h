/* SPDX-License-Identifier: BSD-2-Clause */
/* call_graph.h -- Who calls whom: the functions of a call tree and the calls between them.
 *
 * Recursion never makes more than everything: whatever is counted is counted once per stack. */
#ifndef MEMTRACE_CALL_GRAPH_H
#define MEMTRACE_CALL_GRAPH_H

#include "call_tree.h"

/* In place of the index of a function: what is outside of all stacks. */
#define NO_FUNCTION UINT32_MAX

struct graph_function {
    uint32_t frame;       /* one of it */
    struct figures self;  /* of the stacks that end in it */
    struct figures total; /* of the stacks that it is on */
};

/* A line of a function at which stacks end. */
struct graph_line {
    uint32_t function;
    uint32_t frame;
    struct figures self;
};

struct graph_call {
    uint32_t caller; /* or NO_FUNCTION */
    uint32_t callee;
    uint32_t frame;         /* of the caller, NO_FRAME without one */
    struct figures figures; /* of the stacks that it is on */
    struct figures self;    /* of those that end with it */
};

enum call_counting {
    /* Calls are told apart by the functions, and each is counted once per stack. */
    CALLS_BY_FUNCTION,
    /* By the line of the caller too. A stack is counted where it first enters the callee, so that
     * the calls of a function, those from outside of all included, add up to its total. */
    CALLS_BY_LINE,
    /* By the line of the caller too, and each is counted once per stack: those of a function may
     * add up to more than its total. */
    CALLS_BY_SITE,
    /* The same, and every line of a function is one by itself. */
    CALLS_OF_LINES
};

struct call_graph {
    const struct call_tree *tree;
    struct graph_function *functions;
    struct graph_line *lines; /* by function */
    struct graph_call
        *calls;            /* by caller, the outside first, then by line if they are told apart */
    uint32_t *function_of; /* per frame that is in the tree */
    uint32_t function_count;
    uint32_t line_count;
    uint32_t call_count;
};

/* Of a tree of GRAIN_LINE. */
bool call_graph_init(struct call_graph *graph, const struct call_tree *tree,
                     enum call_counting counting, struct error *error);
void call_graph_finish(struct call_graph *graph);

#endif
