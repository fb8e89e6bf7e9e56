/* SPDX-License-Identifier: BSD-2-Clause */
/* grouping.h -- Which call sites are one line of a table: those of a line, a function, a file …
 *
 * Frames are few and sites are many. So each frame gets the number of its group; what group a site
 * is in is then a look-up. Call stacks get their numbers as they are asked for. Numbers stay when
 * more stacks become known. */
#ifndef MEMTRACE_GROUPING_H
#define MEMTRACE_GROUPING_H

#include "numbering.h"
#include "stacks.h"

enum group_by {
    GROUP_BY_LINE,
    GROUP_BY_FUNCTION,
    GROUP_BY_FILE,
    GROUP_BY_MODULE,
    GROUP_BY_TRACEBACK,
    GROUP_BY_THREAD, /* of threads, not of sites: no grouping knows it */
    GROUP_BY_COUNT
};

struct stack_slot;

struct grouping {
    const struct stacks *stacks;
    enum group_by group_by;
    uint32_t *frame_groups;         /* per frame */
    struct numbering groups;        /* of frames */
    struct stack_slot *stack_slots; /* by traceback: one for each group of stacks */
    uint32_t frame_count;
    uint32_t stack_count;
    uint32_t stack_slot_count; /* a power of two, or 0 */
};

void grouping_begin(struct grouping *grouping, const struct stacks *stacks, enum group_by group_by);
/* Takes in what the stacks know now. False when out of memory. By traceback, frames are told apart
 * where stacks may differ in them. */
bool grouping_extend(struct grouping *grouping);
void grouping_finish(struct grouping *grouping);

/* Less than this are the numbers of all groups that are known. */
uint32_t grouping_count(const struct grouping *grouping);
/* The group of a call site, whose names are known. NUMBER_NONE when out of memory. */
uint32_t grouping_of(struct grouping *grouping, uint32_t node, const struct charge *charge);

#endif
