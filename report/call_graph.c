/* SPDX-License-Identifier: BSD-2-Clause */
/* call_graph.c -- Who calls whom: the functions of a call tree and the calls between them. */
#include "call_graph.h"

#include "numbering.h"

#include <stdlib.h>
#include <string.h>

/* While the tree is walked through, down and up again, each function and each call knows how often
 * it is on the way: what is already there is not counted another time. */
struct tracing {
    struct call_graph *graph;
    const struct call_tree *tree;
    enum call_counting counting;
    struct numbering functions;
    struct numbering calls; /* caller, callee, line */
    struct numbering lines; /* function, line */
    struct figures *totals; /* per node: of the stacks that go through it */
    uint32_t *child;        /* per node: its first one */
    uint32_t *sibling;      /* per node: the next one of its parent's */
    uint32_t *node_calls;   /* per node: the call by which it is entered */
    uint32_t *functions_on_way;
    uint32_t *calls_on_way;
};

static uint32_t function_of(const struct tracing *tracing, uint32_t node)
{
    return node ? tracing->graph->function_of[tracing->tree->nodes[node].frame] : NO_FUNCTION;
}

/* --- what there is --- */

static uint64_t word(const void *pointer)
{
    return (uintptr_t)pointer;
}

/* As grouping by function does it, but perhaps each line by itself. Equal strings are equal
 * pointers. */
static uint32_t number_of(struct tracing *tracing, const struct frame *frame)
{
    uint64_t where = frame->file ? word(frame->file) : word(frame->module);
    bool is_by_line = tracing->counting == CALLS_OF_LINES;
    if (frame->is_special)
        return numbering_of(&tracing->functions, word(frame->function), 0, 0);
    if (!frame->function && !(is_by_line && frame->file))
        return numbering_of(&tracing->functions, where,
                            frame->function_offset ? frame->function_offset : frame->offset, 1);
    return numbering_of(&tracing->functions, where, word(frame->function),
                        is_by_line ? (uint64_t)frame->line << 2 | 2 : 2);
}

static bool number_functions(struct tracing *tracing)
{
    const struct stacks *stacks = tracing->tree->stacks;
    uint32_t *function_of = calloc((size_t)stacks->frame_count + 1, sizeof(uint32_t));
    tracing->graph->function_of = function_of;
    for (uint32_t i = 1; function_of && i < tracing->tree->node_count; i++) {
        uint32_t frame = tracing->tree->nodes[i].frame;
        function_of[frame] = number_of(tracing, &stacks->frames[frame]);
        if (function_of[frame] == NUMBER_NONE)
            return false;
    }
    return function_of;
}

static bool number_calls(struct tracing *tracing)
{
    const struct call_tree *tree = tracing->tree;
    for (uint32_t i = 1; i < tree->node_count; i++) {
        uint32_t parent = tree->nodes[i].parent;
        bool is_by_line = tracing->counting == CALLS_BY_LINE || tracing->counting == CALLS_BY_SITE;
        tracing->node_calls[i] =
            numbering_of(&tracing->calls, function_of(tracing, parent), function_of(tracing, i),
                         is_by_line ? tree->nodes[parent].group : 0);
        if (tracing->node_calls[i] == NUMBER_NONE)
            return false;
    }
    return true;
}

static bool make_room(struct tracing *tracing)
{
    const struct call_tree *tree = tracing->tree;
    struct call_graph *graph = tracing->graph;
    graph->function_count = tracing->functions.count;
    graph->call_count = tracing->calls.count;
    graph->functions = calloc((size_t)graph->function_count + 1, sizeof *graph->functions);
    graph->calls = calloc((size_t)graph->call_count + 1, sizeof *graph->calls);
    graph->lines = calloc((size_t)tree->end_count + 1, sizeof *graph->lines);
    tracing->functions_on_way = calloc((size_t)graph->function_count + 1, sizeof(uint32_t));
    tracing->calls_on_way = calloc((size_t)graph->call_count + 1, sizeof(uint32_t));
    return graph->functions && graph->calls && graph->lines && tracing->functions_on_way &&
           tracing->calls_on_way;
}

/* The nodes come callers first. */
static void link_children(struct tracing *tracing)
{
    for (uint32_t i = tracing->tree->node_count; i-- > 1;) {
        uint32_t parent = tracing->tree->nodes[i].parent;
        tracing->sibling[i] = tracing->child[parent];
        tracing->child[parent] = i;
    }
}

/* --- figures --- */

static void sum_up(struct tracing *tracing)
{
    const struct call_tree *tree = tracing->tree;
    for (uint32_t i = 0; i < tree->end_count; i++)
        figures_add(&tracing->totals[tree->ends[i].node], &tree->ends[i].figures);
    for (uint32_t i = tree->node_count; i-- > 1;)
        figures_add(&tracing->totals[tree->nodes[i].parent], &tracing->totals[i]);
}

static bool add_lines(struct tracing *tracing)
{
    const struct call_tree *tree = tracing->tree;
    struct call_graph *graph = tracing->graph;
    for (uint32_t i = 0; i < tree->end_count; i++) {
        const struct call_node *node = &tree->nodes[tree->ends[i].node];
        uint32_t function = function_of(tracing, tree->ends[i].node);
        uint32_t number = numbering_of(&tracing->lines, function, node->group, 0);
        if (number == NUMBER_NONE)
            return false;
        struct graph_line *line = &graph->lines[number];
        line->function = function;
        line->frame = node->frame;
        figures_add(&line->self, &tree->ends[i].figures);
        figures_add(&graph->functions[function].self, &tree->ends[i].figures);
        figures_add(&graph->calls[tracing->node_calls[tree->ends[i].node]].self,
                    &tree->ends[i].figures);
    }
    graph->line_count = tracing->lines.count;
    return true;
}

static void enter(struct tracing *tracing, uint32_t node)
{
    uint32_t function = function_of(tracing, node);
    uint32_t number = tracing->node_calls[node];
    uint32_t parent = tracing->tree->nodes[node].parent;
    struct graph_function *details = &tracing->graph->functions[function];
    struct graph_call *call = &tracing->graph->calls[number];
    bool is_first_call = tracing->calls_on_way[number]++ == 0;
    bool is_first = tracing->functions_on_way[function]++ == 0;
    details->frame = tracing->tree->nodes[node].frame;
    call->caller = function_of(tracing, parent);
    call->callee = function;
    call->frame = tracing->tree->nodes[parent].frame;
    if (is_first)
        figures_add(&details->total, &tracing->totals[node]);
    bool is_each_counted =
        tracing->counting == CALLS_BY_FUNCTION || tracing->counting == CALLS_BY_SITE;
    if (is_each_counted ? is_first_call : is_first)
        figures_add(&call->figures, &tracing->totals[node]);
}

static void leave(struct tracing *tracing, uint32_t node)
{
    tracing->functions_on_way[function_of(tracing, node)]--;
    tracing->calls_on_way[tracing->node_calls[node]]--;
}

static void walk(struct tracing *tracing)
{
    uint32_t node = tracing->child[0];
    while (node) {
        enter(tracing, node);
        uint32_t next = tracing->child[node];
        while (node && !next) {
            leave(tracing, node);
            next = tracing->sibling[node];
            if (!next)
                node = tracing->tree->nodes[node].parent;
        }
        node = next;
    }
}

/* --- order --- */

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* NO_FUNCTION + 1 wraps around to 0: the outside comes first. */
static int compare_calls(const void *a, const void *b, void *context)
{
    const struct frame *frames = context;
    const struct graph_call *left = a;
    const struct graph_call *right = b;
    int result = compare(left->caller + 1, right->caller + 1);
    if (!result && left->caller != NO_FUNCTION)
        result = compare(frames[left->frame].line, frames[right->frame].line);
    if (!result)
        result = compare(left->frame, right->frame);
    return result ? result : compare(left->callee, right->callee);
}

static int compare_lines(const void *a, const void *b, void *context)
{
    const struct frame *frames = context;
    const struct graph_line *left = a;
    const struct graph_line *right = b;
    int result = compare(left->function, right->function);
    if (!result)
        result = compare(frames[left->frame].line, frames[right->frame].line);
    return result ? result : compare(left->frame, right->frame);
}

static void sort(struct call_graph *graph)
{
    struct frame *frames = graph->tree->stacks->frames;
    qsort_r(graph->calls, graph->call_count, sizeof *graph->calls, compare_calls, frames);
    qsort_r(graph->lines, graph->line_count, sizeof *graph->lines, compare_lines, frames);
}

/* --- the graph --- */

static bool begin(struct tracing *tracing)
{
    size_t room = (size_t)tracing->tree->node_count + 1;
    tracing->totals = calloc(room, sizeof *tracing->totals);
    tracing->child = calloc(room, sizeof *tracing->child);
    tracing->sibling = calloc(room, sizeof *tracing->sibling);
    tracing->node_calls = calloc(room, sizeof *tracing->node_calls);
    return tracing->totals && tracing->child && tracing->sibling && tracing->node_calls &&
           number_functions(tracing) && number_calls(tracing) && make_room(tracing);
}

static void finish(struct tracing *tracing)
{
    numbering_finish(&tracing->functions);
    numbering_finish(&tracing->calls);
    numbering_finish(&tracing->lines);
    free(tracing->totals);
    free(tracing->child);
    free(tracing->sibling);
    free(tracing->node_calls);
    free(tracing->functions_on_way);
    free(tracing->calls_on_way);
}

bool call_graph_init(struct call_graph *graph, const struct call_tree *tree,
                     enum call_counting counting, struct error *error)
{
    *graph = (struct call_graph){.tree = tree};
    struct tracing tracing = {.graph = graph, .tree = tree, .counting = counting};
    bool is_ok = begin(&tracing);
    if (is_ok) {
        link_children(&tracing);
        sum_up(&tracing);
        is_ok = add_lines(&tracing);
    }
    if (is_ok) {
        walk(&tracing);
        sort(graph);
    }
    finish(&tracing);
    if (is_ok)
        return true;
    call_graph_finish(graph);
    return error_out_of_memory(error);
}

void call_graph_finish(struct call_graph *graph)
{
    free(graph->functions);
    free(graph->lines);
    free(graph->function_of);
    free(graph->calls);
    *graph = (struct call_graph){0};
}
