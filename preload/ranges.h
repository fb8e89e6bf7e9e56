/* SPDX-License-Identifier: BSD-2-Clause */
/* ranges.h -- Ranges of addresses that do not overlap, and what each piece was once part of.
 *
 * A range that is cut keeps its origin: the two pieces have the same one, which counts them, so
 * that it is known when the last byte of what was once mapped is gone. A tree, balanced by chance,
 * in one array of the recorder's own memory. The caller has the lock. */
#ifndef MEMTRACE_RANGES_H
#define MEMTRACE_RANGES_H

#include <stdbool.h>
#include <stdint.h>

struct range_node;

struct ranges {
    struct range_node *nodes; /* element 0 is none */
    uint32_t room;
    uint32_t used; /* nodes that have ever been in use are below */
    uint32_t free;
    uint32_t root;
    uint32_t random;
};

/* A piece that is taken out for good. */
struct range_piece {
    uint64_t start;
    uint64_t end;
    uint32_t counters;
    bool is_last;  /* no other piece of the same origin is left */
    bool is_whole; /* it was never cut */
};

/* Adds a range where there is none. False: no memory. */
bool ranges_add(struct ranges *ranges, uint64_t start, uint64_t end, uint32_t counters);

/* Takes out all that lies between start and end, cutting what sticks out: *ret_pieces, 0 is none,
 * is to be given to one of the two below. False: no memory, and nothing has changed. */
bool ranges_detach(struct ranges *ranges, uint64_t start, uint64_t end, uint32_t *ret_pieces);
/* The next one of the pieces; false when there are no more. */
bool ranges_next_piece(struct ranges *ranges, uint32_t *pieces, struct range_piece *ret_piece);
/* Puts the pieces back; nothing may have been added there since. */
void ranges_put_back(struct ranges *ranges, uint32_t pieces);

/* Calls visit for everything that has been added and is not gone: how many of that were made by a
 * call site, and what is left of them. In no order; counts and sizes come apart. */
void ranges_visit(const struct ranges *ranges,
                  void (*visit)(uint32_t counters, uint64_t count, uint64_t size_bytes, void *data),
                  void *data);

/* Pieces that were detached by threads that are there no more are gone. */
void ranges_drop_detached(struct ranges *ranges);

/* Forgets all. */
void ranges_clear(struct ranges *ranges);

#endif
