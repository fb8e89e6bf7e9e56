/* SPDX-License-Identifier: BSD-2-Clause */
/* grouping.c -- Which call sites are one line of a table. */
#include "grouping.h"

#include "hash.h"

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
        if (group_by == GROUP_BY_FUNCTION && frame->function_offset)
            key[1] = frame->function_offset;
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

bool grouping_extend(struct grouping *grouping)
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

/* One of the stacks of a group. */
struct stack_slot {
    uint64_t hash;
    uint32_t node; /* 0: free */
    uint32_t group;
};

enum {
    SLOTS_FIRST = 1024
};

/* What is shown of a stack: so many frames from the charged one outwards, itself in any case. */
struct shown {
    uint64_t hash; /* of their groups */
    uint32_t count;
};

static struct shown shown_of(const struct grouping *grouping, const struct charge *charge)
{
    const struct stacks *stacks = grouping->stacks;
    struct stack_walk walk = stack_walk_from(stacks, charge);
    uint64_t hash = hash_seed();
    struct shown shown = {hash, 0};
    uint32_t frame;
    for (uint32_t count = 1; (frame = stack_walk_next(&walk)) != NO_FRAME; count++) {
        bool is_end = stack_ends_before(stacks, frame, false);
        if (is_end && count > 1)
            break;
        hash = hash_mix(hash, grouping->frame_groups[frame]);
        if (count == 1 || !stack_ends_before(stacks, frame, true))
            shown = (struct shown){hash, count};
        if (is_end)
            break;
    }
    return shown;
}

static bool is_equal(const struct grouping *grouping, const struct charge *charge, uint32_t count,
                     uint32_t other_node)
{
    const uint32_t *groups = grouping->frame_groups;
    struct charge other_charge = stack_charge(grouping->stacks, other_node);
    struct stack_walk walk = stack_walk_from(grouping->stacks, charge);
    struct stack_walk other = stack_walk_from(grouping->stacks, &other_charge);
    if (shown_of(grouping, &other_charge).count != count)
        return false;
    for (; count; count--) {
        if (walk.node == other.node && walk.next == other.next)
            return true; /* from here on they are one */
        if (groups[stack_walk_next(&walk)] != groups[stack_walk_next(&other)])
            return false;
    }
    return true;
}

static struct stack_slot *free_slot(struct stack_slot *slots, uint32_t slot_count, uint64_t hash)
{
    uint32_t at = (uint32_t)(hash >> 32) & (slot_count - 1);
    while (slots[at].node)
        at = (at + 1) & (slot_count - 1);
    return &slots[at];
}

/* Two thirds of the slots may be taken. */
static bool make_room(struct grouping *grouping)
{
    if ((uint64_t)grouping->stack_count * 3 < (uint64_t)grouping->stack_slot_count * 2)
        return true;
    if (grouping->stack_slot_count > UINT32_MAX / 4)
        return false;
    uint32_t wanted = grouping->stack_slot_count ? grouping->stack_slot_count * 2 : SLOTS_FIRST;
    struct stack_slot *slots = calloc(wanted, sizeof *slots);
    if (!slots)
        return false;
    for (uint32_t i = 0; i < grouping->stack_slot_count; i++) {
        const struct stack_slot *slot = &grouping->stack_slots[i];
        if (slot->node)
            *free_slot(slots, wanted, slot->hash) = *slot;
    }
    free(grouping->stack_slots);
    grouping->stack_slots = slots;
    grouping->stack_slot_count = wanted;
    return true;
}

static uint32_t group_of_stack(struct grouping *grouping, uint32_t node,
                               const struct charge *charge)
{
    if (!make_room(grouping))
        return NUMBER_NONE;
    struct shown shown = shown_of(grouping, charge);
    uint32_t mask = grouping->stack_slot_count - 1;
    for (uint32_t at = (uint32_t)(shown.hash >> 32) & mask;; at = (at + 1) & mask) {
        struct stack_slot *slot = &grouping->stack_slots[at];
        if (!slot->node)
            *slot = (struct stack_slot){shown.hash, node, grouping->stack_count++};
        else if (slot->hash != shown.hash || !is_equal(grouping, charge, shown.count, slot->node))
            continue;
        return slot->group;
    }
}

/* --- all --- */

void grouping_begin(struct grouping *grouping, const struct stacks *stacks, enum group_by group_by)
{
    *grouping = (struct grouping){.stacks = stacks, .group_by = group_by};
}

void grouping_finish(struct grouping *grouping)
{
    free(grouping->frame_groups);
    free(grouping->stack_slots);
    numbering_finish(&grouping->groups);
    *grouping = (struct grouping){0};
}

uint32_t grouping_count(const struct grouping *grouping)
{
    return grouping->group_by == GROUP_BY_TRACEBACK ? grouping->stack_count
                                                    : grouping->groups.count;
}

uint32_t grouping_of(struct grouping *grouping, uint32_t node, const struct charge *charge)
{
    return grouping->group_by == GROUP_BY_TRACEBACK ? group_of_stack(grouping, node, charge)
                                                    : grouping->frame_groups[charge->frame];
}
