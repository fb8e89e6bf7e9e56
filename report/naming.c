/* SPDX-License-Identifier: BSD-2-Clause */
/* naming.c -- Numbers for the frames and stacks of two traces, equal where both mean the same. */
#include "naming.h"

#include "moved.h"
#include "tracemalloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_MODULE UINT32_MAX

struct naming_text {
    char *text;
    uint32_t id;     /* of a file that has moved: that of the old one */
    uint8_t sides;   /* of a file: a bit for each side that has it */
    uint32_t module; /* of a path or a build-id: whose it is, or NO_MODULE */
    UT_hash_handle hh;
};

/* --- texts --- */

static struct naming_text *intern(struct naming *naming, const char *text)
{
    struct naming_text *found = NULL;
    HASH_FIND_STR(naming->texts, text, found);
    if (found)
        return found;
    found = calloc(1, sizeof *found);
    char *copy = strdup(text);
    if (!found || !copy) {
        free(found);
        free(copy);
        return NULL;
    }
    *found = (struct naming_text){.text = copy, .id = naming->text_count, .module = NO_MODULE};
    HASH_ADD_KEYPTR(hh, naming->texts, copy, strlen(copy), found);
    if (!found->hh.tbl) { /* no memory for the table */
        free(copy);
        free(found);
        return NULL;
    }
    naming->text_count++;
    return found;
}

static void forget_texts(struct naming *naming)
{
    struct naming_text *text;
    struct naming_text *next;
    HASH_ITER(hh, naming->texts, text, next)
    {
        HASH_DEL(naming->texts, text);
        free(text->text);
        free(text);
    }
}

/* --- modules --- */

/* What is byte by byte the same has the same of these. */
static struct naming_text *intern_build(struct naming *naming, const struct trace *trace,
                                        uint32_t index)
{
    const struct trace_module *module = &trace->modules[index];
    struct naming_text *build = NULL;
    char *text = NULL;
    if (module->build_id_bytes) {
        char hex[2 * TRACE_BUILD_ID_MAX + 16] = "build-id ";
        for (uint32_t i = 0; i < module->build_id_bytes; i++)
            snprintf(hex + 9 + 2 * i, 3, "%02x", module->build_id[i]);
        return intern(naming, hex);
    }
    if (asprintf(&text, "%s %" PRIu64 " %" PRIu64, trace->module_paths[index], module->file_bytes,
                 module->file_mtime_ns) >= 0)
        build = intern(naming, text);
    free(text);
    return build;
}

/* A module that has moved keeps its number by its build-id, one that was built anew by its path. */
static bool number_module(struct naming *naming, struct naming_side *side, uint32_t index)
{
    struct naming_text *path = intern(naming, side->stacks->trace->module_paths[index]);
    struct naming_text *build = intern_build(naming, side->stacks->trace, index);
    if (!path || !build)
        return false;
    uint32_t module = build->module != NO_MODULE  ? build->module
                      : path->module != NO_MODULE ? path->module
                                                  : naming->module_count++;
    if (path->module == NO_MODULE)
        path->module = module;
    if (build->module == NO_MODULE)
        build->module = module;
    side->modules[index] = module;
    side->builds[index] = build->id;
    return true;
}

static bool number_modules(struct naming *naming, struct naming_side *side)
{
    size_t room = (size_t)side->stacks->trace->module_count + 1;
    side->modules = calloc(room, sizeof *side->modules);
    side->builds = calloc(room, sizeof *side->builds);
    side->is_changed = calloc(room, sizeof *side->is_changed);
    if (!side->modules || !side->builds || !side->is_changed)
        return false;
    for (uint32_t i = 0; i < side->stacks->trace->module_count; i++)
        if (!number_module(naming, side, i))
            return false;
    return true;
}

/* --- what has moved --- */

/* Things with a path that only one side has. */
struct strays {
    const char **paths;
    uint32_t *numbers; /* what they are to their side */
    uint32_t count;
};

static bool strays_init(struct strays *strays, size_t room)
{
    *strays = (struct strays){.paths = calloc(room + 1, sizeof *strays->paths),
                              .numbers = calloc(room + 1, sizeof *strays->numbers)};
    return strays->paths && strays->numbers;
}

static void strays_finish(struct strays *strays)
{
    free(strays->paths);
    free(strays->numbers);
}

static void strays_add(struct strays *strays, const char *path, uint32_t number)
{
    strays->paths[strays->count] = path;
    strays->numbers[strays->count++] = number;
}

/* Per new one the old one that it is; to be freed. */
static uint32_t *strays_match(const struct strays *old, const struct strays *new)
{
    uint32_t *matches = malloc(((size_t) new->count + 1) * sizeof *matches);
    if (matches && moved_match(old->paths, old->count, new->paths, new->count, matches))
        return matches;
    free(matches);
    return NULL;
}

/* Modules of a side whose number the other does not have. */
static bool find_stray_modules(const struct naming *naming, uint32_t index, struct strays *strays)
{
    const struct naming_side *side = &naming->sides[index];
    const struct naming_side *other = &naming->sides[!index];
    const struct trace *trace = side->stacks->trace;
    bool *is_known = calloc((size_t)naming->module_count + 1, sizeof *is_known);
    bool is_ok = is_known && strays_init(strays, trace->module_count);
    for (uint32_t i = 0; is_ok && i < other->stacks->trace->module_count; i++)
        is_known[other->modules[i]] = true;
    for (uint32_t i = 1; is_ok && i < trace->module_count; i++) {
        if (!is_known[side->modules[i]])
            strays_add(strays, trace->module_paths[i], side->modules[i]);
        is_known[side->modules[i]] = true;
    }
    free(is_known);
    return is_ok;
}

static uint32_t find_program(const struct naming_side *side, const struct strays *strays)
{
    const char *program = side->stacks->trace->executable;
    for (uint32_t i = 0; *program && i < strays->count; i++)
        if (strcmp(strays->paths[i], program) == 0)
            return i;
    return MOVED_NONE;
}

/* The program itself is the program itself, whatever it is called. */
static void match_programs(const struct naming *naming, const struct strays *old,
                           const struct strays *new, uint32_t *matches)
{
    uint32_t old_program = find_program(&naming->sides[0], old);
    uint32_t new_program = find_program(&naming->sides[1], new);
    if (old_program != MOVED_NONE && new_program != MOVED_NONE)
        matches[new_program] = old_program;
}

static bool renumber_modules(struct naming *naming, const struct strays *old,
                             const struct strays *new, const uint32_t *matches)
{
    struct naming_side *side = &naming->sides[1];
    uint32_t *numbers = calloc((size_t)naming->module_count + 1, sizeof *numbers);
    for (uint32_t i = 0; numbers && i < naming->module_count; i++)
        numbers[i] = i;
    for (uint32_t i = 0; numbers && i < new->count; i++)
        if (matches[i] != MOVED_NONE)
            numbers[new->numbers[i]] = old->numbers[matches[i]];
    for (uint32_t i = 1; numbers && i < side->stacks->trace->module_count; i++)
        side->modules[i] = numbers[side->modules[i]];
    bool is_ok = numbers;
    free(numbers);
    return is_ok;
}

static bool match_modules(struct naming *naming)
{
    struct strays old = {0};
    struct strays new = {0};
    uint32_t *matches = NULL;
    bool is_ok = find_stray_modules(naming, 0, &old) && find_stray_modules(naming, 1, &new) &&
                 (matches = strays_match(&old, &new));
    if (is_ok) {
        match_programs(naming, &old, &new, matches);
        is_ok = renumber_modules(naming, &old, &new, matches);
    }
    free(matches);
    strays_finish(&old);
    strays_finish(&new);
    return is_ok;
}

static bool find_files(struct naming *naming, uint32_t side)
{
    const struct stacks *stacks = naming->sides[side].stacks;
    const char *last = NULL;
    for (uint32_t i = 0; i < stacks->frame_count; i++) {
        const char *file = stacks->frames[i].file;
        if (!file || file == last)
            continue;
        struct naming_text *text = intern(naming, file);
        if (!text)
            return false;
        text->sides |= (uint8_t)(1u << side);
        last = file;
    }
    return true;
}

static bool match_files(struct naming *naming)
{
    struct strays old = {0};
    struct strays new = {0};
    uint32_t *matches = NULL;
    bool is_ok = find_files(naming, 0) && find_files(naming, 1) &&
                 strays_init(&old, naming->text_count) && strays_init(&new, naming->text_count);
    for (struct naming_text *text = naming->texts; is_ok && text; text = text->hh.next)
        if (text->sides == 1 || text->sides == 2)
            strays_add(text->sides == 1 ? &old : &new, text->text, text->id);
    is_ok = is_ok && (matches = strays_match(&old, &new));
    for (uint32_t i = 0; is_ok && i < new.count; i++)
        if (matches[i] != MOVED_NONE)
            intern(naming, new.paths[i])->id = old.numbers[matches[i]];
    free(matches);
    strays_finish(&old);
    strays_finish(&new);
    return is_ok;
}

/* A module is changed if the other side has it, but not this build of it. */
static bool find_changed(struct naming *naming, struct naming_side *side,
                         const struct naming_side *other)
{
    struct numbering builds = {0};
    bool *is_known = calloc((size_t)naming->module_count + 1, sizeof *is_known);
    bool is_ok = is_known;
    for (uint32_t i = 0; is_ok && i < other->stacks->trace->module_count; i++) {
        is_known[other->modules[i]] = true;
        is_ok = numbering_of(&builds, other->modules[i], other->builds[i], 0) != NUMBER_NONE;
    }
    uint32_t known_builds = builds.count;
    for (uint32_t i = 1; is_ok && i < side->stacks->trace->module_count; i++) {
        uint32_t number = numbering_of(&builds, side->modules[i], side->builds[i], 0);
        is_ok = number != NUMBER_NONE;
        side->is_changed[i] = is_known[side->modules[i]] && number >= known_builds;
        naming->is_changed = naming->is_changed || side->is_changed[i];
    }
    numbering_finish(&builds);
    free(is_known);
    return is_ok;
}

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
    struct naming_text *known = intern(naming, text);
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

/* A grouping has numbered the stacks of one side by its own frames; a stack comes after the one
 * outside of it. */
static uint32_t *translate_stacks(struct naming *naming, const struct grouping *grouping,
                                  const uint32_t *frames)
{
    uint32_t count = grouping->outwards.count;
    uint32_t *group_frames = calloc((size_t)grouping->groups.count + 1, sizeof *group_frames);
    uint32_t *translated = calloc((size_t)count + 1, sizeof *translated);
    bool is_ok =
        group_frames && translated && numbering_of(&naming->stacks, 0, 0, 0) == 0; /* of nothing */
    for (uint32_t i = 0; is_ok && i < grouping->stacks->frame_count; i++)
        group_frames[grouping->frame_groups[i]] = frames[i];
    for (uint32_t i = 1; is_ok && i < count; i++) {
        const uint64_t *words = grouping->outwards.keys[i].words;
        translated[i] =
            numbering_of(&naming->stacks, translated[words[0]], group_frames[words[1]], 1);
        is_ok = translated[i] != NUMBER_NONE;
    }
    free(group_frames);
    if (is_ok)
        return translated;
    free(translated);
    return NULL;
}

static bool number_nodes(struct naming *naming, struct naming_side *side, const uint32_t *frames)
{
    struct grouping grouping;
    uint32_t *translated = NULL;
    uint32_t node_count = side->stacks->trace->node_count;
    grouping_begin(&grouping, side->stacks, GROUP_BY_TRACEBACK);
    side->nodes = calloc((size_t)node_count + 1, sizeof *side->nodes);
    bool is_ok = side->nodes && grouping_extend(&grouping) &&
                 (translated = translate_stacks(naming, &grouping, frames));
    for (uint32_t i = 1; is_ok && i < node_count; i++)
        if (stacks_have(side->stacks, i))
            side->nodes[i] = translated[grouping_of(&grouping, i)];
    free(translated);
    grouping_finish(&grouping);
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
    bool is_ok = number_modules(naming, &sides[0]);
    if (old == new)
        is_ok = is_ok && number_side(naming, &sides[0]);
    else
        is_ok = is_ok && number_modules(naming, &sides[1]) && match_modules(naming) &&
                (is_tracemalloc || match_files(naming)) &&
                find_changed(naming, &sides[0], &sides[1]) &&
                find_changed(naming, &sides[1], &sides[0]) && number_side(naming, &sides[0]) &&
                number_side(naming, &sides[1]);
    if (is_ok && old == new)
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
    forget_texts(naming);
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
