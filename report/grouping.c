/* SPDX-License-Identifier: BSD-2-Clause */
/* grouping.c -- Which call sites are one line of a table. */
#include "grouping.h"

#include <stdlib.h>

/* --- groups of frames --- */

static uint64_t word(const void *pointer)
{
    return (uintptr_t)pointer;
}

/* Equal strings are equal pointers, so addresses will do as keys. What has no name of the wanted
 * kind falls back to the next best one: the module, in the end the address. */
static void group_key(const struct frame *frame, enum group_by group_by, uint64_t key[3])
{
    bool is_by_address = (group_by == GROUP_BY_LINE && !frame->file) ||
                         (group_by == GROUP_BY_FUNCTION && !frame->function);
    key[0] = key[1] = key[2] = 0;
    if (frame->is_special) {
        key[0] = word(frame->function);
    } else if (is_by_address || group_by == GROUP_BY_TRACEBACK) {
        /* A call stack tells lines apart, and functions where one line holds several. */
        key[0] = frame->file ? word(frame->file) : word(frame->module);
        key[1] = frame->file ? frame->line : frame->offset;
        key[2] = word(frame->function);
    } else if (group_by == GROUP_BY_LINE) {
        key[0] = word(frame->file);
        key[1] = frame->line;
    } else if (group_by == GROUP_BY_FUNCTION) {
        key[0] = word(frame->function);
        key[1] = frame->file ? word(frame->file) : word(frame->module);
    } else if (group_by == GROUP_BY_FILE) {
        key[0] = frame->file ? word(frame->file) : word(frame->module);
    } else {
        key[0] = word(frame->module);
    }
}

bool grouping_extend_frames(struct grouping *grouping)
{
    const struct stacks *stacks = grouping->stacks;
    uint32_t *groups =
        realloc(grouping->frame_groups, ((size_t)stacks->frame_count + 1) * sizeof *groups);
    if (!groups)
        return false;
    grouping->frame_groups = groups;
    for (; grouping->frame_count < stacks->frame_count; grouping->frame_count++) {
        uint64_t key[3];
        group_key(&stacks->frames[grouping->frame_count], grouping->group_by, key);
        uint32_t group = numbering_of(&grouping->groups, key[0], key[1], key[2]);
        groups[grouping->frame_count] = group;
        if (group == NUMBER_NONE)
            return false;
    }
    return true;
}

/* --- groups of stacks --- */

/* Stacks are numbered from the outermost frame inwards: a stack is (the stack outside, group of the
 * frame). Runtime frames outside of everything (the start of the program, of a thread) are not
 * shown; 0 is the stack of which nothing is. */
static uint32_t append_frame(struct grouping *grouping, uint32_t outer, uint32_t frame)
{
    return numbering_of(&grouping->outwards, outer, grouping->frame_groups[frame], 1);
}

static uint32_t extend_stack(struct grouping *grouping, uint32_t outer, uint32_t frame)
{
    const struct frame *details = &grouping->stacks->frames[frame];
    bool is_hidden = details->is_start || (!outer && details->is_runtime && !details->is_special);
    if (is_hidden && !grouping->stacks->is_system)
        return 0;
    return append_frame(grouping, outer, frame);
}

static bool group_node(struct grouping *grouping, uint32_t node)
{
    const struct stacks *stacks = grouping->stacks;
    const struct place *place = &stacks->places[stacks->node_places[node]];
    const struct charge *charge = &stacks->charges[node];
    uint32_t parent = stacks->trace->nodes[node].parent;
    uint32_t number = parent ? grouping->outer[parent] : 0;
    for (uint32_t i = place->first + place->count; i-- > place->first;) {
        number = extend_stack(grouping, number, i);
        if (number == NUMBER_NONE)
            return false;
        if (charge->node == node && charge->frame == i) /* which is seen whatever it is */
            grouping->charged[node] = number ? number : append_frame(grouping, 0, i);
    }
    if (charge->node == node && grouping->charged[node] == NUMBER_NONE)
        return false;
    grouping->outer[node] = number;
    if (charge->node != node)
        grouping->charged[node] = grouping->charged[charge->node];
    return true;
}

static bool grow_nodes(struct grouping *grouping)
{
    size_t room = (size_t)grouping->stacks->node_count + 1;
    uint32_t *outer = realloc(grouping->outer, room * sizeof *outer);
    if (outer)
        grouping->outer = outer;
    uint32_t *charged = realloc(grouping->charged, room * sizeof *charged);
    if (charged)
        grouping->charged = charged;
    if (!outer || !charged)
        return false;
    for (; grouping->node_count < grouping->stacks->node_count; grouping->node_count++)
        outer[grouping->node_count] = NUMBER_NONE;
    return true;
}

static bool group_stacks(struct grouping *grouping)
{
    if (!grow_nodes(grouping) || numbering_of(&grouping->outwards, 0, 0, 0) != 0)
        return false;
    for (uint32_t i = 1; i < grouping->node_count; i++)
        if (grouping->outer[i] == NUMBER_NONE && stacks_have(grouping->stacks, i) &&
            !group_node(grouping, i))
            return false;
    return true;
}

/* --- all --- */

void grouping_begin(struct grouping *grouping, const struct stacks *stacks, enum group_by group_by)
{
    *grouping = (struct grouping){.stacks = stacks, .group_by = group_by};
}

bool grouping_extend(struct grouping *grouping)
{
    return grouping_extend_frames(grouping) &&
           (grouping->group_by != GROUP_BY_TRACEBACK || group_stacks(grouping));
}

void grouping_finish(struct grouping *grouping)
{
    free(grouping->frame_groups);
    free(grouping->outer);
    free(grouping->charged);
    numbering_finish(&grouping->groups);
    numbering_finish(&grouping->outwards);
    *grouping = (struct grouping){0};
}

uint32_t grouping_count(const struct grouping *grouping)
{
    return grouping->group_by == GROUP_BY_TRACEBACK ? grouping->outwards.count
                                                    : grouping->groups.count;
}

uint32_t grouping_of(const struct grouping *grouping, uint32_t node)
{
    return grouping->group_by == GROUP_BY_TRACEBACK
               ? grouping->charged[node]
               : grouping->frame_groups[grouping->stacks->charges[node].frame];
}
