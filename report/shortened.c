/* SPDX-License-Identifier: BSD-2-Clause */
/* shortened.c -- Call trees cut to a size that a browser takes. */
#include "shortened.h"

#include "numbering.h"

#include <math.h>
#include <stdlib.h>

enum {
    BUCKETS = 1024,
    BUCKETS_PER_OCTAVE = 8
};

/* A tree on its way: nodes are left, or not; where not, ends hang on the last caller that is, by
 * nodes of their own. */
struct cutting {
    struct call_tree *tree;
    uint16_t *buckets;           /* per node: the logarithm of its weight */
    uint32_t *callers;           /* per node itself, or the last caller that is left */
    uint32_t *numbers;           /* per node that is left its new one */
    struct numbering shortcuts;  /* caller, group of the charged frame */
    struct call_node *cut_nodes; /* per shortcut */
    uint32_t *end_nodes;         /* per end its new node */
    uint32_t left_count;         /* nodes, the root among them */
};

/* --- what is left --- */

static double share(double part, double whole)
{
    return whole > 0 && part > 0 ? part / whole : 0;
}

/* The largest share that a stack has of anything. */
static double weight_of(const struct figures *figures, const struct figures *total)
{
    double weight = share((double)figures->alloc_bytes, (double)total->alloc_bytes);
    weight = fmax(weight, share((double)figures->alloc_count, (double)total->alloc_count));
    weight = fmax(weight, share((double)figures->live_bytes, (double)total->live_bytes));
    weight = fmax(weight, share((double)figures->peak_bytes, (double)total->peak_bytes));
    return fmax(weight, share((double)figures->temporary_count, (double)total->temporary_count));
}

static uint16_t bucket_of(double weight)
{
    double place = BUCKETS - 1 - 4 * BUCKETS_PER_OCTAVE + log2(weight) * BUCKETS_PER_OCTAVE;
    return place > 0 ? (uint16_t)fmin(place, BUCKETS - 1) : 0;
}

/* Callers never weigh less than what they call. */
static bool weigh(struct cutting *cutting)
{
    const struct call_tree *tree = cutting->tree;
    double *weights = calloc(tree->node_count, sizeof *weights);
    cutting->buckets = malloc(tree->node_count * sizeof *cutting->buckets);
    bool is_ok = weights && cutting->buckets;
    for (uint32_t i = 0; is_ok && i < tree->end_count; i++)
        weights[tree->ends[i].node] += weight_of(&tree->ends[i].figures, &tree->total);
    for (uint32_t i = tree->node_count; is_ok && i-- > 1;)
        weights[tree->nodes[i].parent] += weights[i];
    for (uint32_t i = 0; is_ok && i < tree->node_count; i++)
        cutting->buckets[i] = bucket_of(weights[i]);
    free(weights);
    return is_ok;
}

/* The lightest nodes that may be left, when there is room for so many. */
static uint32_t threshold_for(const struct cutting *cutting, uint32_t room)
{
    uint32_t counts[BUCKETS] = {0};
    uint32_t sum = 0;
    for (uint32_t i = 0; i < cutting->tree->node_count; i++)
        counts[cutting->buckets[i]]++;
    for (uint32_t bucket = BUCKETS; bucket-- > 0;) {
        if (counts[bucket] > room - sum)
            return bucket + 1;
        sum += counts[bucket];
    }
    return 0;
}

static bool add_shortcut(struct cutting *cutting, uint32_t end)
{
    const struct call_tree *tree = cutting->tree;
    uint32_t node = tree->ends[end].node;
    uint32_t caller = cutting->callers[node];
    uint32_t known = cutting->shortcuts.count;
    if (caller == node) {
        cutting->end_nodes[end] = cutting->numbers[node];
        return true;
    }
    uint32_t number = numbering_of(&cutting->shortcuts, caller, tree->nodes[node].group, 0);
    if (number == NUMBER_NONE)
        return false;
    if (number == known)
        cutting->cut_nodes[number] = (struct call_node){.parent = cutting->numbers[caller],
                                                        .group = tree->nodes[node].group,
                                                        .frame = tree->nodes[node].frame};
    cutting->end_nodes[end] = cutting->left_count + number;
    return true;
}

/* Leaves nodes from a weight on; all tables follow from that. */
static bool cut(struct cutting *cutting, uint32_t threshold)
{
    const struct call_tree *tree = cutting->tree;
    cutting->left_count = 1;
    cutting->callers[0] = cutting->numbers[0] = 0;
    for (uint32_t i = 1; i < tree->node_count; i++) {
        bool is_left = cutting->buckets[i] >= threshold;
        cutting->callers[i] = is_left ? i : cutting->callers[tree->nodes[i].parent];
        cutting->numbers[i] = is_left ? cutting->left_count++ : 0;
    }
    numbering_finish(&cutting->shortcuts);
    for (uint32_t i = 0; i < tree->end_count; i++)
        if (!add_shortcut(cutting, i))
            return false;
    return true;
}

/* What is left leads to what is cut, and how much that is turns out only then. */
static bool choose(struct cutting *cutting, uint32_t node_max)
{
    for (uint32_t room = node_max / 2; room; room /= 4) {
        if (!cut(cutting, threshold_for(cutting, room)))
            return false;
        if (cutting->left_count + cutting->shortcuts.count <= node_max)
            return true;
    }
    return cut(cutting, BUCKETS);
}

/* --- the tree --- */

/* There is room: every shortcut stands for a node that is not left. */
static void take_nodes(const struct cutting *cutting)
{
    struct call_tree *tree = cutting->tree;
    for (uint32_t i = 1; i < tree->node_count; i++) {
        if (cutting->callers[i] != i)
            continue;
        tree->nodes[cutting->numbers[i]] = tree->nodes[i];
        tree->nodes[cutting->numbers[i]].parent = cutting->numbers[tree->nodes[i].parent];
    }
    for (uint32_t i = 0; i < cutting->shortcuts.count; i++)
        tree->nodes[cutting->left_count + i] = cutting->cut_nodes[i];
    tree->node_count = cutting->left_count + cutting->shortcuts.count;
}

/* Stacks that now end at the same node are one; ends stay in the order of their nodes. */
static void take_ends(const struct cutting *cutting, struct call_stack *ends, uint32_t *places)
{
    struct call_tree *tree = cutting->tree;
    uint32_t count = 0;
    for (uint32_t i = 0; i < tree->end_count; i++)
        places[cutting->end_nodes[i]] = 1;
    for (uint32_t node = 0; node < tree->node_count; node++) {
        if (!places[node])
            continue;
        ends[count].node = node;
        places[node] = count++;
    }
    for (uint32_t i = 0; i < tree->end_count; i++)
        figures_add(&ends[places[cutting->end_nodes[i]]].figures, &tree->ends[i].figures);
    for (uint32_t i = 1; i < tree->stacks->trace->node_count; i++)
        if (tree->site_ends[i] != NO_END)
            tree->site_ends[i] = places[cutting->end_nodes[tree->site_ends[i]]];
    free(tree->ends);
    tree->ends = ends;
    tree->end_count = count;
}

static bool take(const struct cutting *cutting)
{
    struct call_tree *tree = cutting->tree;
    struct call_stack *ends = calloc((size_t)tree->end_count + 1, sizeof *ends);
    uint32_t *places = calloc(tree->node_count, sizeof *places);
    bool is_ok = ends && places;
    if (is_ok) {
        take_nodes(cutting);
        take_ends(cutting, ends, places);
    } else {
        free(ends);
    }
    free(places);
    return is_ok;
}

static bool make_room(struct cutting *cutting)
{
    const struct call_tree *tree = cutting->tree;
    cutting->callers = malloc(tree->node_count * sizeof *cutting->callers);
    cutting->numbers = malloc(tree->node_count * sizeof *cutting->numbers);
    cutting->cut_nodes = malloc(((size_t)tree->end_count + 1) * sizeof *cutting->cut_nodes);
    cutting->end_nodes = malloc(((size_t)tree->end_count + 1) * sizeof *cutting->end_nodes);
    return cutting->callers && cutting->numbers && cutting->cut_nodes && cutting->end_nodes;
}

bool call_tree_shorten(struct call_tree *tree, uint32_t node_max, bool *ret_is_shortened)
{
    struct cutting cutting = {.tree = tree};
    *ret_is_shortened = tree->node_count > node_max;
    if (!*ret_is_shortened)
        return true;
    bool is_ok =
        weigh(&cutting) && make_room(&cutting) && choose(&cutting, node_max) && take(&cutting);
    numbering_finish(&cutting.shortcuts);
    free(cutting.buckets);
    free(cutting.callers);
    free(cutting.numbers);
    free(cutting.cut_nodes);
    free(cutting.end_nodes);
    return is_ok;
}
