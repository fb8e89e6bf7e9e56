/* SPDX-License-Identifier: BSD-2-Clause */
/* nodes.h -- The tree of call stacks of a trace, each address in it kept once.
 *
 * A program has few places that call something and may have call stacks by the million: a node
 * takes half of its size in the file. */
#ifndef MEMTRACE_NODES_H
#define MEMTRACE_NODES_H

#include "../preload/trace_format.h"

#include <stdbool.h>
#include <stdint.h>

/* One frame of a call stack; the stack is the path from here to the root along parent. */
struct node {
    uint32_t parent;  /* the caller; 0 ends the stack */
    uint32_t address; /* in nodes.addresses; the root has none */
};

struct address { /* as struct trace_node has it */
    uint64_t offset;
    uint32_t module_bits;
};

struct nodes {
    struct node *items;        /* [0] is the root of all stacks */
    struct address *addresses; /* in the order in which they first come */
    uint32_t *slots;           /* open addressing: the index of an address + 1, or 0 */
    uint32_t count;
    uint32_t room;
    uint32_t address_count;
    uint32_t slot_count; /* a power of two */
    uint32_t bad;        /* the first node that does not come after its parent, 0: none */
};

/* Room for so many. False when out of memory, as with append. */
bool nodes_init(struct nodes *nodes, uint32_t room);
bool nodes_append(struct nodes *nodes, const struct trace_node *added, uint32_t count);
void nodes_finish(struct nodes *nodes);

/* Some of them as in the file. */
void nodes_restore(const struct nodes *nodes, uint32_t first, uint32_t count,
                   struct trace_node *ret_nodes);

uint32_t address_module(const struct address *address); /* or NODE_MODULE_SPECIAL */

#endif
