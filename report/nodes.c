/* SPDX-License-Identifier: BSD-2-Clause */
/* nodes.c -- The tree of call stacks of a trace, each address in it kept once. */
#include "nodes.h"

#include "hash.h"
#include "large.h"

#include <stdlib.h>

enum {
    SLOTS_FIRST = 1024
};

uint32_t address_module(const struct address *address)
{
    return address->module_bits & NODE_MODULE_MASK;
}

bool nodes_init(struct nodes *nodes, uint32_t room)
{
    *nodes = (struct nodes){.room = room};
    nodes->items = large_alloc(((size_t)room + 1) * sizeof *nodes->items);
    return nodes->items;
}

void nodes_finish(struct nodes *nodes)
{
    free(nodes->items);
    free(nodes->addresses);
    free(nodes->slots);
    *nodes = (struct nodes){0};
}

/* --- addresses --- */

static uint32_t *slot_of(const struct nodes *nodes, const struct trace_node *node, uint64_t seed)
{
    uint32_t mask = nodes->slot_count - 1;
    uint64_t hash = hash_mix(hash_mix(seed, node->offset), node->module_bits);
    for (uint32_t at = (uint32_t)(hash >> 32) & mask;; at = (at + 1) & mask) {
        uint32_t *slot = &nodes->slots[at];
        if (!*slot)
            return slot;
        const struct address *address = &nodes->addresses[*slot - 1];
        if (address->offset == node->offset && address->module_bits == node->module_bits)
            return slot;
    }
}

/* Half of the slots may be taken. */
static bool make_room(struct nodes *nodes, uint64_t seed)
{
    if (nodes->address_count < nodes->slot_count / 2)
        return true;
    if (nodes->slot_count > UINT32_MAX / 2)
        return false;
    uint32_t wanted = nodes->slot_count ? nodes->slot_count * 2 : SLOTS_FIRST;
    struct address *addresses = realloc(nodes->addresses, wanted / 2 * sizeof *addresses);
    if (!addresses)
        return false;
    nodes->addresses = addresses;
    uint32_t *slots = calloc(wanted, sizeof *slots);
    if (!slots)
        return false;
    free(nodes->slots);
    nodes->slots = slots;
    nodes->slot_count = wanted;
    for (uint32_t i = 0; i < nodes->address_count; i++) {
        const struct trace_node node = {.offset = addresses[i].offset,
                                        .module_bits = addresses[i].module_bits};
        *slot_of(nodes, &node, seed) = i + 1;
    }
    return true;
}

/* --- nodes --- */

static bool append(struct nodes *nodes, const struct trace_node *node, uint64_t seed)
{
    if (nodes->count == nodes->room || !make_room(nodes, seed))
        return false;
    uint32_t *slot = slot_of(nodes, node, seed);
    if (!*slot) {
        nodes->addresses[nodes->address_count] = (struct address){node->offset, node->module_bits};
        *slot = ++nodes->address_count;
    }
    if (node->parent >= nodes->count && !nodes->bad)
        nodes->bad = nodes->count;
    nodes->items[nodes->count++] = (struct node){node->parent, *slot - 1};
    return true;
}

bool nodes_append(struct nodes *nodes, const struct trace_node *added, uint32_t count)
{
    uint64_t seed = hash_seed();
    uint32_t i = 0;
    if (!nodes->count && count && nodes->room) { /* the root has no address */
        nodes->items[nodes->count++] = (struct node){0, UINT32_MAX};
        i = 1;
    }
    while (i < count && append(nodes, &added[i], seed))
        i++;
    return i == count;
}

void nodes_restore(const struct nodes *nodes, uint32_t first, uint32_t count,
                   struct trace_node *ret_nodes)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct node *node = &nodes->items[first + i];
        ret_nodes[i] = (struct trace_node){0};
        if (first + i == 0)
            continue;
        const struct address *address = &nodes->addresses[node->address];
        ret_nodes[i] = (struct trace_node){
            .offset = address->offset, .parent = node->parent, .module_bits = address->module_bits};
    }
}
