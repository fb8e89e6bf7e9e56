/* SPDX-License-Identifier: BSD-2-Clause */
/* ranges.c -- Ranges of addresses that do not overlap, and what each piece was once part of.
 *
 * A treap: a search tree by address whose nodes have random priorities, none above its parent's.
 * Splitting and merging such trees along one path is all that is needed, and neither recurses. */
#include "ranges.h"

#include "arena.h"
#include "text.h"

enum {
    FIRST_ROOM = 128,
    NODES_PER_CALL = 4 /* two cuts, or a range and its origin */
};

enum node_kind {
    NODE_FREE,
    NODE_RANGE,
    NODE_ORIGIN
};

struct range_node {
    uint64_t start;
    uint64_t end;
    uint32_t kind;
    uint32_t origin;   /* of an origin: its counters */
    uint32_t left;     /* of a free node: the next one; of an origin: its pieces */
    uint32_t right;    /* of an origin: 1 when it has been cut */
    uint32_t priority; /* the highest is at the root */
    uint32_t reserved;
};

/* --- nodes --- */

static bool grow(struct ranges *ranges)
{
    uint32_t room = ranges->room ? 2 * ranges->room : FIRST_ROOM;
    struct range_node *nodes = room ? arena_map(room * sizeof *nodes) : NULL;
    if (!nodes)
        return false;
    if (ranges->room)
        memcpy(nodes, ranges->nodes, ranges->room * sizeof *nodes);
    arena_unmap(ranges->nodes, ranges->room * sizeof *nodes);
    ranges->nodes = nodes;
    ranges->room = room;
    ranges->used = ranges->used ? ranges->used : 1;
    return true;
}

static bool has_room(struct ranges *ranges)
{
    return (ranges->used && ranges->used + NODES_PER_CALL <= ranges->room) || grow(ranges);
}

static uint32_t create_node(struct ranges *ranges, struct range_node node)
{
    uint32_t index = ranges->free;
    if (index)
        ranges->free = ranges->nodes[index].left;
    else
        index = ranges->used++;
    ranges->random = ranges->random * 1664525u + 1013904223u;
    node.priority = ranges->random >> 8;
    ranges->nodes[index] = node;
    return index;
}

static void drop_node(struct ranges *ranges, uint32_t index)
{
    ranges->nodes[index] = (struct range_node){.kind = NODE_FREE, .left = ranges->free};
    ranges->free = index;
}

/* --- trees --- */

/* What begins before address goes to *left, the rest to *right. */
static void split(struct ranges *ranges, uint32_t root, uint64_t address, uint32_t *left,
                  uint32_t *right)
{
    while (root) {
        struct range_node *node = &ranges->nodes[root];
        if (node->start < address) {
            *left = root;
            left = &node->right;
            root = node->right;
        } else {
            *right = root;
            right = &node->left;
            root = node->left;
        }
    }
    *left = *right = 0;
}

/* All of a lies before all of b. */
static uint32_t merge(struct ranges *ranges, uint32_t a, uint32_t b)
{
    uint32_t root = 0;
    uint32_t *place = &root;
    while (a && b) {
        bool is_a = ranges->nodes[a].priority > ranges->nodes[b].priority;
        *place = is_a ? a : b;
        place = is_a ? &ranges->nodes[a].right : &ranges->nodes[b].left;
        if (is_a)
            a = *place;
        else
            b = *place;
    }
    *place = a ? a : b;
    return root;
}

static void insert(struct ranges *ranges, uint32_t index)
{
    uint32_t before, after;
    split(ranges, ranges->root, ranges->nodes[index].start, &before, &after);
    ranges->nodes[index].left = ranges->nodes[index].right = 0;
    ranges->root = merge(ranges, merge(ranges, before, index), after);
}

/* The last one that begins before address. */
static uint32_t find_before(const struct ranges *ranges, uint64_t address)
{
    uint32_t found = 0;
    for (uint32_t index = ranges->root; index;) {
        const struct range_node *node = &ranges->nodes[index];
        if (node->start < address)
            found = index;
        index = node->start < address ? node->right : node->left;
    }
    return found;
}

/* No range lies on both sides of address any more. */
static void cut(struct ranges *ranges, uint64_t address)
{
    uint32_t index = find_before(ranges, address);
    if (!index || ranges->nodes[index].end <= address)
        return;
    struct range_node rest = ranges->nodes[index];
    rest.start = address;
    ranges->nodes[index].end = address;
    ranges->nodes[rest.origin].left++;
    ranges->nodes[rest.origin].right = 1;
    insert(ranges, create_node(ranges, rest));
}

/* --- the interface --- */

bool ranges_add(struct ranges *ranges, uint64_t start, uint64_t end, uint32_t counters)
{
    if (!has_room(ranges))
        return false;
    uint32_t origin = create_node(
        ranges, (struct range_node){.kind = NODE_ORIGIN, .origin = counters, .left = 1});
    insert(
        ranges,
        create_node(ranges, (struct range_node){
                                .start = start, .end = end, .kind = NODE_RANGE, .origin = origin}));
    return true;
}

bool ranges_detach(struct ranges *ranges, uint64_t start, uint64_t end, uint32_t *ret_pieces)
{
    uint32_t before, after, inside;
    *ret_pieces = 0;
    if (!ranges->root || start >= end)
        return true;
    if (!has_room(ranges))
        return false;
    cut(ranges, start);
    cut(ranges, end);
    split(ranges, ranges->root, start, &before, &after);
    split(ranges, after, end, &inside, &after);
    ranges->root = merge(ranges, before, after);
    *ret_pieces = inside;
    return true;
}

static struct range_piece piece_of(const struct ranges *ranges, const struct range_node *node)
{
    const struct range_node *origin = &ranges->nodes[node->origin];
    return (struct range_piece){.start = node->start,
                                .end = node->end,
                                .counters = origin->origin,
                                .is_last = origin->left == 1,
                                .is_whole = !origin->right};
}

/* The root goes, whatever its address. */
static uint32_t take_root(struct ranges *ranges, uint32_t *pieces)
{
    uint32_t index = *pieces;
    *pieces = merge(ranges, ranges->nodes[index].left, ranges->nodes[index].right);
    return index;
}

bool ranges_next_piece(struct ranges *ranges, uint32_t *pieces, struct range_piece *ret_piece)
{
    if (!*pieces)
        return false;
    uint32_t index = take_root(ranges, pieces);
    uint32_t origin = ranges->nodes[index].origin;
    *ret_piece = piece_of(ranges, &ranges->nodes[index]);
    if (--ranges->nodes[origin].left == 0)
        drop_node(ranges, origin);
    drop_node(ranges, index);
    return true;
}

void ranges_put_back(struct ranges *ranges, uint32_t pieces)
{
    while (pieces)
        insert(ranges, take_root(ranges, &pieces));
}

void ranges_visit(const struct ranges *ranges,
                  void (*visit)(uint32_t counters, uint64_t count, uint64_t size_bytes, void *data),
                  void *data)
{
    for (uint32_t index = 1; index < ranges->used; index++) {
        const struct range_node *node = &ranges->nodes[index];
        if (node->kind == NODE_ORIGIN)
            visit(node->origin, 1, 0, data);
        else if (node->kind == NODE_RANGE)
            visit(ranges->nodes[node->origin].origin, 0, node->end - node->start, data);
    }
}

void ranges_drop_detached(struct ranges *ranges)
{
    for (uint32_t index = 1; index < ranges->used; index++) {
        struct range_node *node = &ranges->nodes[index];
        if (node->kind != NODE_RANGE || find_before(ranges, node->start + 1) == index)
            continue;
        if (--ranges->nodes[node->origin].left == 0)
            drop_node(ranges, node->origin);
        drop_node(ranges, index);
    }
}

void ranges_clear(struct ranges *ranges)
{
    arena_unmap(ranges->nodes, ranges->room * sizeof *ranges->nodes);
    *ranges = (struct ranges){.random = ranges->random};
}
