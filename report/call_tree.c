/* SPDX-License-Identifier: BSD-2-Clause */
/* call_tree.c -- Call stacks with inlined frames, merged where they begin alike. */
#include "call_tree.h"

#include "grouping.h"
#include "numbering.h"
#include "sites.h"

#include <stdlib.h>
#include <string.h>

/* Nodes of the tree are numbered from the outermost frame inwards: one is (its caller, what its
 * frame counts as). The nodes of the trace come callers first, so each is looked at once. */
struct planting {
    struct call_tree *tree;
    bool is_by_address; /* every frame is its own; else its group tells: */
    struct grouping grouping;
    struct numbering numbering;
    uint32_t *outer;   /* per node of the trace: that of its whole stack */
    uint32_t *charged; /* per node of the trace: that of its stack from the charged frame on */
    uint32_t *depths;  /* per node of the tree */
    uint32_t room;     /* for nodes of the tree */
};

/* --- nodes --- */

static bool make_room(struct planting *planting)
{
    struct call_tree *tree = planting->tree;
    if (planting->numbering.count < planting->room)
        return true;
    uint32_t wanted = planting->room ? planting->room * 2 : 1024;
    struct call_node *nodes = realloc(tree->nodes, (size_t)wanted * sizeof *nodes);
    tree->nodes = nodes ? nodes : tree->nodes;
    uint32_t *depths = realloc(planting->depths, (size_t)wanted * sizeof *depths);
    planting->depths = depths ? depths : planting->depths;
    if (!nodes || !depths || wanted < planting->room)
        return false;
    planting->room = wanted;
    return true;
}

/* The node for frame called by parent; NUMBER_NONE when out of memory. */
static uint32_t add_node(struct planting *planting, uint32_t parent, uint32_t frame)
{
    uint32_t known = planting->numbering.count;
    uint32_t group = planting->is_by_address ? frame : planting->grouping.frame_groups[frame];
    if (parent == NUMBER_NONE || !make_room(planting))
        return NUMBER_NONE;
    uint32_t number = numbering_of(&planting->numbering, parent, group, 1);
    if (number == known) {
        planting->tree->nodes[number] = (struct call_node){parent, group, frame};
        planting->depths[number] = planting->depths[parent] + 1;
    }
    return number;
}

static uint32_t extend(struct planting *planting, uint32_t outer, uint32_t frame)
{
    if (stack_ends_before(planting->tree->stacks, frame, !outer))
        return 0;
    return add_node(planting, outer, frame);
}

static bool plant(struct planting *planting, uint32_t node)
{
    const struct stacks *stacks = planting->tree->stacks;
    const struct place *place = stack_place(stacks, node);
    const struct charge charge = stack_charge(stacks, node);
    uint32_t number = planting->outer[stacks->trace->nodes[node].parent];
    for (uint32_t i = place->first + place->count; i-- > place->first;) {
        number = extend(planting, number, i);
        if (charge.node == node && charge.frame == i)
            planting->charged[node] = number ? number : add_node(planting, 0, i);
    }
    planting->outer[node] = number;
    if (charge.node != node)
        planting->charged[node] = planting->charged[charge.node];
    return number != NUMBER_NONE && planting->charged[node] != NUMBER_NONE;
}

static bool plant_all(struct planting *planting)
{
    const struct stacks *stacks = planting->tree->stacks;
    size_t room = (size_t)stacks->trace->node_count + 1;
    planting->outer = calloc(room, sizeof *planting->outer);
    planting->charged = calloc(room, sizeof *planting->charged);
    if (!planting->outer || !planting->charged || !make_room(planting) ||
        numbering_of(&planting->numbering, 0, 0, 0) == NUMBER_NONE)
        return false;
    planting->tree->nodes[0] = (struct call_node){0, UINT32_MAX, NO_FRAME};
    planting->depths[0] = 0;
    for (uint32_t i = 1; i < stacks->trace->node_count; i++)
        if (stacks_have(stacks, i) && !plant(planting, i))
            return false;
    planting->tree->node_count = planting->numbering.count;
    return true;
}

/* --- figures --- */

static void add_site(struct planting *planting, uint32_t *end_of, uint32_t site,
                     const struct figures *figures)
{
    struct call_tree *tree = planting->tree;
    uint32_t node = planting->charged[site];
    tree->site_ends[site] = 0;
    figures_add(&tree->total, figures);
    if (end_of[node] == UINT32_MAX) {
        end_of[node] = tree->end_count;
        tree->ends[tree->end_count++] = (struct call_stack){.node = node};
        if (planting->depths[node] > tree->depth_max)
            tree->depth_max =
                planting->depths[node] < CALL_DEPTH_MAX ? planting->depths[node] : CALL_DEPTH_MAX;
    }
    figures_add(&tree->ends[end_of[node]].figures, figures);
}

/* Ends are sorted by node, and so found again. */
static void link_sites(struct planting *planting, const uint32_t *end_of)
{
    struct call_tree *tree = planting->tree;
    for (uint32_t i = 1; i < tree->stacks->trace->node_count; i++)
        if (tree->site_ends[i] != NO_END)
            tree->site_ends[i] = end_of[planting->charged[i]];
}

static int compare_ends(const void *a, const void *b)
{
    uint32_t left = ((const struct call_stack *)a)->node;
    uint32_t right = ((const struct call_stack *)b)->node;
    return (left > right) - (left < right);
}

static bool add_all_sites(struct planting *planting, const struct sites *sites,
                          const struct filters *filters)
{
    struct call_tree *tree = planting->tree;
    size_t end_bytes = (size_t)tree->node_count * sizeof(uint32_t);
    size_t site_bytes = ((size_t)sites->trace->node_count + 1) * sizeof(uint32_t);
    uint32_t *end_of = malloc(end_bytes);
    tree->site_ends = malloc(site_bytes);
    tree->ends = calloc((size_t)sites->trace->owner_count + 1, sizeof *tree->ends);
    bool is_ok = end_of && tree->ends && tree->site_ends;
    if (is_ok) {
        struct sites_walk walk = sites_walk(sites);
        struct site site;
        memset(end_of, 0xff, end_bytes);
        memset(tree->site_ends, 0xff, site_bytes);
        while (sites_walk_next(&walk, &site))
            if (filters_keep(filters, tree->stacks, site.node))
                add_site(planting, end_of, site.node, &site.figures);
        qsort(tree->ends, tree->end_count, sizeof *tree->ends, compare_ends);
        for (uint32_t i = 0; i < tree->end_count; i++)
            end_of[tree->ends[i].node] = i;
        link_sites(planting, end_of);
    }
    free(end_of);
    return is_ok;
}

static bool add_sites(struct planting *planting, const struct filters *filters)
{
    struct sites sites;
    bool is_ok = sites_init(&sites, planting->tree->stacks->trace) &&
                 add_all_sites(planting, &sites, filters);
    sites_finish(&sites);
    return is_ok;
}

/* --- the tree --- */

/* What starts a program was planted before it was known that it is not shown; and where filters
 * drop a stack, its nodes are of no use. */
static bool prune(struct call_tree *tree)
{
    uint32_t *kept = calloc((size_t)tree->node_count + 1, sizeof *kept); /* number, 0: not */
    uint32_t count = 1;
    if (!kept)
        return false;
    for (uint32_t i = 0; i < tree->end_count; i++)
        for (uint32_t node = tree->ends[i].node; node && !kept[node];
             node = tree->nodes[node].parent)
            kept[node] = 1;
    for (uint32_t i = 1; i < tree->node_count; i++) {
        if (!kept[i])
            continue;
        kept[i] = count++;
        tree->nodes[kept[i]] = tree->nodes[i];
        tree->nodes[kept[i]].parent = kept[tree->nodes[i].parent];
    }
    for (uint32_t i = 0; i < tree->end_count; i++)
        tree->ends[i].node = kept[tree->ends[i].node];
    tree->node_count = count;
    free(kept);
    return true;
}

bool call_tree_init(struct call_tree *tree, const struct stacks *stacks,
                    const struct filters *filters, enum call_grain grain, struct error *error)
{
    *tree = (struct call_tree){.stacks = stacks};
    struct planting planting = {.tree = tree, .is_by_address = grain == GRAIN_ADDRESS};
    grouping_begin(&planting.grouping, stacks,
                   grain == GRAIN_FUNCTION ? GROUP_BY_FUNCTION : GROUP_BY_TRACEBACK);
    bool is_ok = (planting.is_by_address || grouping_extend(&planting.grouping)) &&
                 plant_all(&planting) && add_sites(&planting, filters) && prune(tree);
    tree->group_count =
        planting.is_by_address ? stacks->frame_count : planting.grouping.groups.count;
    grouping_finish(&planting.grouping);
    numbering_finish(&planting.numbering);
    free(planting.outer);
    free(planting.charged);
    free(planting.depths);
    if (is_ok)
        return true;
    call_tree_finish(tree);
    return error_out_of_memory(error);
}

void call_tree_finish(struct call_tree *tree)
{
    free(tree->nodes);
    free(tree->ends);
    free(tree->site_ends);
    *tree = (struct call_tree){0};
}

const struct frame *call_tree_frame(const struct call_tree *tree, uint32_t node)
{
    return &tree->stacks->frames[tree->nodes[node].frame];
}

uint32_t call_tree_path(const struct call_tree *tree, uint32_t node, uint32_t *nodes)
{
    uint32_t count = 0;
    for (; node && count < tree->depth_max; node = tree->nodes[node].parent)
        nodes[count++] = node;
    return count;
}
