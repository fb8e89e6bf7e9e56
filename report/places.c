/* SPDX-License-Identifier: BSD-2-Clause */
/* places.c -- Which modules and source files of two traces are the same, wherever they lie. */
#include "places.h"

#include "moved.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_MODULE UINT32_MAX

/* --- texts --- */

struct naming_text *naming_intern(struct naming *naming, const char *text)
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

void naming_forget(struct naming *naming)
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
        return naming_intern(naming, hex);
    }
    if (asprintf(&text, "%s %" PRIu64 " %" PRIu64, trace->module_paths[index], module->file_bytes,
                 module->file_mtime_ns) >= 0)
        build = naming_intern(naming, text);
    free(text);
    return build;
}

/* A module that has moved keeps its number by its build-id, one that was built anew by its path. */
static bool number_module(struct naming *naming, struct naming_side *side, uint32_t index)
{
    struct naming_text *path = naming_intern(naming, side->stacks->trace->module_paths[index]);
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
        struct naming_text *text = naming_intern(naming, file);
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
            naming_intern(naming, new.paths[i])->id = old.numbers[matches[i]];
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

bool places_match(struct naming *naming)
{
    struct naming_side *sides = naming->sides;
    if (!number_modules(naming, &sides[0]))
        return false;
    if (sides[0].stacks == sides[1].stacks)
        return true;
    return number_modules(naming, &sides[1]) && match_modules(naming) &&
           (naming->is_tracemalloc || match_files(naming)) &&
           find_changed(naming, &sides[0], &sides[1]) && find_changed(naming, &sides[1], &sides[0]);
}
