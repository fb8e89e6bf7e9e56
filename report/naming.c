/* SPDX-License-Identifier: BSD-2-Clause */
/* naming.c -- Numbers for the frames and stacks of two traces, equal where both mean the same. */
#include "naming.h"

#include "places.h"
#include "tracemalloc.h"

#include <stdlib.h>
#include <string.h>

/* --- frames --- */

enum key_kind {
    KEY_SPECIAL,
    KEY_LINE,
    KEY_ADDRESS,
    KEY_FUNCTION_IN_FILE,
    KEY_FUNCTION_IN_MODULE,
    KEY_FILE,
    KEY_MODULE
};

/* A frame's number in the making. */
struct key {
    enum key_kind kind;
    uint64_t words[2];
    struct naming_key name;
};

static bool set_text(struct naming *naming, struct key *key, const char *text, unsigned word,
                     unsigned shift)
{
    struct naming_text *known = naming_intern(naming, text);
    if (!known)
        return false;
    if (!key->name.text)
        key->name.text = known->text;
    else
        key->name.more = known->text;
    key->words[word] |= (uint64_t)known->id << shift;
    return true;
}

static bool key_of_module(struct naming *naming, const struct naming_side *side,
                          const struct frame *frame, struct key *key)
{
    if (!set_text(naming, key, frame->module, 0, 0))
        return false;
    key->kind = KEY_MODULE;
    key->words[0] = side->modules[frame->module_index];
    return true;
}

static bool key_of_function(struct naming *naming, const struct naming_side *side,
                            const struct frame *frame, struct key *key)
{
    const char *place = frame->file ? frame->file : frame->module;
    if (!set_text(naming, key, place, 0, 0) || !set_text(naming, key, frame->function, 1, 0))
        return false;
    key->kind = frame->file ? KEY_FUNCTION_IN_FILE : KEY_FUNCTION_IN_MODULE;
    if (!frame->file)
        key->words[0] = side->modules[frame->module_index];
    return true;
}

static bool key_of_address(struct naming *naming, const struct naming_side *side,
                           const struct frame *frame, struct key *key)
{
    if (side->is_changed[frame->module_index] && frame->function)
        return key_of_function(naming, side, frame, key);
    if (!set_text(naming, key, frame->module, 0, 0))
        return false;
    key->kind = KEY_ADDRESS;
    key->words[0] = side->builds[frame->module_index];
    key->words[1] = key->name.number = frame->offset;
    return true;
}

static bool key_of_line(struct naming *naming, const struct frame *frame, bool with_function,
                        struct key *key)
{
    key->kind = KEY_LINE;
    key->name.number = frame->line;
    key->words[0] = frame->line;
    if (!set_text(naming, key, frame->file, 0, 32))
        return false;
    return !with_function || !frame->function || set_text(naming, key, frame->function, 1, 0);
}

static bool key_as_tracemalloc(struct naming *naming, const struct frame *frame,
                               enum group_by group_by, struct key *key)
{
    char *file = tracemalloc_file(frame);
    bool is_ok = file && set_text(naming, key, file, 0, 32);
    free(file);
    key->kind = KEY_LINE;
    key->name.number = group_by == GROUP_BY_FILE ? 0 : tracemalloc_line(frame);
    key->words[0] |= key->name.number;
    return is_ok;
}

static bool key_of(struct naming *naming, const struct naming_side *side, const struct frame *frame,
                   enum group_by group_by, struct key *key)
{
    *key = (struct key){.kind = KEY_SPECIAL, .name.more = ""};
    if (naming->is_tracemalloc)
        return key_as_tracemalloc(naming, frame, group_by, key);
    if (frame->is_special)
        return set_text(naming, key, frame->function, 0, 0);
    if (group_by == GROUP_BY_MODULE || (group_by == GROUP_BY_FILE && !frame->file))
        return key_of_module(naming, side, frame, key);
    if (group_by == GROUP_BY_FILE) {
        key->kind = KEY_FILE;
        return set_text(naming, key, frame->file, 0, 0);
    }
    if (group_by == GROUP_BY_FUNCTION && frame->function)
        return key_of_function(naming, side, frame, key);
    if (group_by == GROUP_BY_FUNCTION || !frame->file)
        return key_of_address(naming, side, frame, key);
    return key_of_line(naming, frame, group_by == GROUP_BY_TRACEBACK, key);
}

static bool remember_name(struct naming *naming, uint32_t number, const struct naming_key *name)
{
    if (number >= naming->name_room) {
        size_t room = naming->name_room ? naming->name_room * 2 : 1024;
        struct naming_key *names = realloc(naming->names, room * sizeof *names);
        if (!names)
            return false;
        naming->names = names;
        naming->name_room = room;
    }
    naming->names[number] = *name;
    return true;
}

/* Per frame its number, to be freed. */
static uint32_t *number_frames(struct naming *naming, const struct naming_side *side,
                               enum group_by group_by)
{
    const struct stacks *stacks = side->stacks;
    uint32_t *numbers = malloc(((size_t)stacks->frame_count + 1) * sizeof *numbers);
    for (uint32_t i = 0; numbers && i < stacks->frame_count; i++) {
        struct key key;
        uint32_t known = naming->keys.count;
        numbers[i] = NUMBER_NONE;
        if (key_of(naming, side, &stacks->frames[i], group_by, &key))
            numbers[i] = numbering_of(&naming->keys, key.kind, key.words[0], key.words[1]);
        if (numbers[i] == NUMBER_NONE ||
            (numbers[i] == known && !remember_name(naming, known, &key.name))) {
            free(numbers);
            numbers = NULL;
        }
    }
    return numbers;
}

/* --- stacks --- */

/* A stack is (the stack outside, frame); 0 is the one of which nothing is shown. */
static uint32_t append_frame(struct naming *naming, uint32_t outer, uint32_t number)
{
    return numbering_of(&naming->stacks, outer, number, 1);
}

/* Numbers the node's whole stack, which the nodes that it calls go on from, and the stack from the
 * charged frame outwards; that one is shown whatever it is. */
static bool number_node(struct naming *naming, struct naming_side *side, const uint32_t *frames,
                        uint32_t *wholes, uint32_t node)
{
    const struct place *place = stack_place(side->stacks, node);
    const struct charge charge = stack_charge(side->stacks, node);
    uint32_t number = wholes[side->stacks->trace->nodes[node].parent];
    for (uint32_t i = place->first + place->count; i-- > place->first;) {
        bool is_end = stack_ends_before(side->stacks, i, !number);
        number = is_end ? 0 : append_frame(naming, number, frames[i]);
        if (number == NUMBER_NONE)
            return false;
        if (charge.node == node && charge.frame == i)
            side->nodes[node] = number ? number : append_frame(naming, 0, frames[i]);
    }
    wholes[node] = number;
    if (charge.node != node)
        side->nodes[node] = side->nodes[charge.node];
    return side->nodes[node] != NUMBER_NONE;
}

static bool number_nodes(struct naming *naming, struct naming_side *side, const uint32_t *frames)
{
    size_t room = (size_t)side->stacks->node_count + 1;
    uint32_t *wholes = calloc(room, sizeof *wholes);
    side->nodes = calloc(room, sizeof *side->nodes);
    bool is_ok =
        wholes && side->nodes && numbering_of(&naming->stacks, 0, 0, 0) == 0; /* of nothing */
    for (uint32_t i = 1; is_ok && i < side->stacks->node_count; i++)
        is_ok = number_node(naming, side, frames, wholes, i);
    free(wholes);
    return is_ok;
}

static bool number_side(struct naming *naming, struct naming_side *side)
{
    bool is_by_stack = naming->group_by == GROUP_BY_TRACEBACK;
    uint32_t *frames = number_frames(naming, side, GROUP_BY_TRACEBACK);
    side->frames = is_by_stack ? frames : number_frames(naming, side, naming->group_by);
    bool is_ok = frames && side->frames && number_nodes(naming, side, frames);
    if (!is_by_stack)
        free(frames);
    return is_ok;
}

/* --- all --- */

bool naming_init(struct naming *naming, const struct stacks *old, const struct stacks *new,
                 enum group_by group_by, bool is_tracemalloc, struct error *error)
{
    *naming = (struct naming){
        .group_by = group_by, .is_tracemalloc = is_tracemalloc, .sides = {{old}, {new}}};
    struct naming_side *sides = naming->sides;
    bool is_ok = places_match(naming) && number_side(naming, &sides[0]);
    if (is_ok && old != new)
        is_ok = number_side(naming, &sides[1]);
    else if (is_ok)
        sides[1] = sides[0];
    if (is_ok)
        return true;
    naming_finish(naming);
    return error_out_of_memory(error);
}

static void finish_side(struct naming_side *side)
{
    free(side->modules);
    free(side->builds);
    free(side->is_changed);
    free(side->frames);
    free(side->nodes);
}

void naming_finish(struct naming *naming)
{
    finish_side(&naming->sides[0]);
    if (naming->sides[1].stacks != naming->sides[0].stacks)
        finish_side(&naming->sides[1]);
    naming_forget(naming);
    numbering_finish(&naming->keys);
    numbering_finish(&naming->stacks);
    free(naming->names);
    *naming = (struct naming){0};
}

/* --- order --- */

static int compare_names(const void *a, const void *b, void *context)
{
    const struct naming_key *names = context;
    const struct naming_key *left = &names[*(const uint32_t *)a];
    const struct naming_key *right = &names[*(const uint32_t *)b];
    int result = strcmp(left->text, right->text);
    if (!result)
        result = (left->number > right->number) - (left->number < right->number);
    return result ? result : strcmp(left->more, right->more);
}

static uint32_t *count_up(size_t count)
{
    uint32_t *numbers = malloc((count + 1) * sizeof *numbers);
    for (size_t i = 0; numbers && i < count; i++)
        numbers[i] = (uint32_t)i;
    return numbers;
}

uint32_t *naming_rank_frames(const struct naming *naming)
{
    uint32_t count = naming->keys.count;
    uint32_t *sorted = count_up(count);
    uint32_t *ranks = sorted ? malloc(((size_t)count + 1) * sizeof *ranks) : NULL;
    if (ranks && count)
        qsort_r(sorted, count, sizeof *sorted, compare_names, naming->names);
    for (uint32_t i = 0; ranks && i < count; i++)
        ranks[sorted[i]] = i;
    free(sorted);
    return ranks;
}

/* Stacks are a tree: in the order of depth-first search, callees by name, each comes where a
 * comparison frame by frame would put it. */
struct tree {
    const struct naming *naming;
    const uint32_t *frame_ranks;
    uint32_t *sorted; /* stacks by (the one outside, the frame's rank) */
    uint32_t *first;  /* per stack where its callees begin in there; one more at the end */
};

static int compare_branches(const void *a, const void *b, void *context)
{
    const struct tree *tree = context;
    const struct number_key *keys = tree->naming->stacks.keys;
    const uint64_t *left = keys[*(const uint32_t *)a].words;
    const uint64_t *right = keys[*(const uint32_t *)b].words;
    if (left[0] != right[0])
        return left[0] < right[0] ? -1 : 1;
    uint32_t left_rank = tree->frame_ranks[left[1]];
    uint32_t right_rank = tree->frame_ranks[right[1]];
    return (left_rank > right_rank) - (left_rank < right_rank);
}

/* Stack 0 is the root, outside of all others; it is its own in the keys, and left out here. */
static void sort_branches(struct tree *tree, uint32_t count)
{
    const struct number_key *keys = tree->naming->stacks.keys;
    uint32_t at = 0;
    for (uint32_t i = 1; i < count; i++)
        tree->sorted[i - 1] = i;
    qsort_r(tree->sorted, count - 1, sizeof *tree->sorted, compare_branches, tree);
    for (uint32_t i = 0; i <= count; i++) {
        while (at < count - 1 && keys[tree->sorted[at]].words[0] < i)
            at++;
        tree->first[i] = at;
    }
}

static void rank_depth_first(const struct tree *tree, uint32_t *pending, uint32_t *ranks)
{
    uint32_t pending_count = 1;
    uint32_t rank = 0;
    pending[0] = 0;
    while (pending_count) {
        uint32_t stack = pending[--pending_count];
        ranks[stack] = rank++;
        for (uint32_t i = tree->first[stack + 1]; i-- > tree->first[stack];)
            pending[pending_count++] = tree->sorted[i];
    }
}

uint32_t *naming_rank_stacks(const struct naming *naming)
{
    uint32_t count = naming->stacks.count;
    size_t room = (size_t)count + 2;
    uint32_t *frame_ranks = naming_rank_frames(naming);
    uint32_t *pending = malloc(room * sizeof *pending);
    uint32_t *ranks = calloc(room, sizeof *ranks);
    struct tree tree = {.naming = naming,
                        .frame_ranks = frame_ranks,
                        .sorted = calloc(room, sizeof *tree.sorted),
                        .first = calloc(room, sizeof *tree.first)};
    bool is_ok = frame_ranks && pending && ranks && tree.sorted && tree.first;
    if (is_ok && count) {
        sort_branches(&tree, count);
        rank_depth_first(&tree, pending, ranks);
    }
    free(tree.sorted);
    free(tree.first);
    free(pending);
    free(frame_ranks);
    if (is_ok)
        return ranks;
    free(ranks);
    return NULL;
}
