/* SPDX-License-Identifier: BSD-2-Clause */
/* naming.h -- Numbers for the frames and stacks of two traces, equal where both mean the same.
 *
 * Addresses tell nothing across processes. A frame is the same as another if it has the same file
 * and line, or the same function; without a line, if it is the same offset in the same build of a
 * module, told by its build-id, wherever the file may lie. Where a module has been built anew, its
 * functions stand for their addresses. Sources and modules that only one side has are the other's
 * of the same name, if it is clear which: trees move, and what is compared may lie in two. */
#ifndef MEMTRACE_NAMING_H
#define MEMTRACE_NAMING_H

#include "grouping.h"
#include "hash.h"

/* What an equal frame is called, and how it sorts: by these, one after the other. */
struct naming_key {
    const char *text; /* a file, a module, a special name */
    uint64_t number;  /* a line or an offset */
    const char *more; /* a function, or "" */
};

struct naming_side {
    const struct stacks *stacks;
    uint32_t *modules; /* per module: a number for all that are the same, whatever the build */
    uint32_t *builds;  /* per module: a number for what is byte by byte the same */
    bool *is_changed;  /* per module: the other side has it, but built anew */
    uint32_t *frames;  /* per frame its number */
    uint32_t *nodes;   /* per node the number of its stack, from the charged frame outwards */
};

struct naming_text;

struct naming {
    enum group_by group_by; /* what makes frames equal; stacks are by traceback */
    bool is_tracemalloc;    /* a file's name and a line, and nothing else */
    bool is_changed;        /* some module has been built anew */
    struct naming_side sides[2];
    struct naming_text *texts; /* every string once, by content */
    uint32_t text_count;
    uint32_t module_count;
    struct numbering keys;    /* of frames */
    struct numbering stacks;  /* (the stack outside, frame); 0: nothing */
    struct naming_key *names; /* parallel to keys */
    size_t name_room;
};

/* The two sides may be the same; names are looked up once then. */
bool naming_init(struct naming *naming, const struct stacks *old, const struct stacks *new,
                 enum group_by group_by, bool is_tracemalloc, struct error *error);
void naming_finish(struct naming *naming);

/* Per number of a frame (keys.count) or of a stack (stacks.count) its place in the order of names;
 * stacks compare from the outermost frame inwards. To be freed, NULL when out of memory. */
uint32_t *naming_rank_frames(const struct naming *naming);
uint32_t *naming_rank_stacks(const struct naming *naming);

#endif
