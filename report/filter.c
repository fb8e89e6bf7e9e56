/* SPDX-License-Identifier: BSD-2-Clause */
/* filter.c -- Which stacks to keep: tracemalloc's inclusive and exclusive patterns. */
#include "filter.h"

#include "pattern.h"
#include "sites.h"
#include "text.h"
#include "tracemalloc.h"

#include <stdlib.h>
#include <string.h>

static const char *take_subject(const char *text, struct filter *filter)
{
    static const char *const names[] = {"file:", "function:", "module:"};
    bool is_any = text_starts_with(text, "any-");
    const char *name = text + (is_any ? strlen("any-") : 0);
    for (int i = 0; i < 3; i++) {
        if (!text_starts_with(name, names[i]))
            continue;
        filter->subject = (enum filter_subject)i;
        filter->is_all_frames = is_any;
        return name + strlen(names[i]);
    }
    return text;
}

/* Takes ":12" off the end of a file's pattern. */
static void take_line(struct filter *filter)
{
    uint64_t line;
    char *colon = strrchr(filter->pattern, ':');
    if (filter->subject != FILTER_FILE || !colon || colon == filter->pattern ||
        !text_to_number(colon + 1, UINT32_MAX, &line))
        return;
    filter->line = (uint32_t)line;
    *colon = 0;
}

bool filters_add(struct filters *filters, const char *text, bool is_exclusive, struct error *error)
{
    if (filters->count == FILTERS_MAX)
        return error_set(error, "more than %d filters", FILTERS_MAX);
    struct filter filter = {.is_exclusive = is_exclusive};
    filter.pattern = strdup(take_subject(text, &filter));
    if (!filter.pattern)
        return error_out_of_memory(error);
    take_line(&filter);
    filters->filters[filters->count++] = filter;
    return true;
}

void filters_finish(struct filters *filters)
{
    for (size_t i = 0; i < filters->count; i++)
        free(filters->filters[i].pattern);
    *filters = (struct filters){0};
}

/* "demo.c" means any demo.c: a pattern without a slash is also held against the last component. */
static bool path_matches(const char *pattern, const char *path)
{
    return pattern_matches(pattern, path) || pattern_matches(pattern, text_short_path(path)) ||
           (!strchr(pattern, '/') && pattern_matches(pattern, text_basename(path)));
}

static bool function_matches(const char *pattern, const char *function)
{
    char name[512];
    return pattern_matches(pattern, function) ||
           pattern_matches(pattern, text_short_function(function, name, sizeof name));
}

static bool frame_matches(const struct filter *filter, const struct frame *frame)
{
    switch (filter->subject) {
    case FILTER_FILE:
        return path_matches(filter->pattern, frame->file ? frame->file : "") &&
               (!filter->line || filter->line == frame->line);
    case FILTER_FUNCTION:
        return function_matches(filter->pattern, frame->function ? frame->function : "");
    case FILTER_MODULE:
        return path_matches(filter->pattern, frame->module);
    }
    return false;
}

/* As tracemalloc's Filter. */
static bool frame_matches_to_the_letter(const struct filter *filter, const struct frame *frame)
{
    if (filter->subject != FILTER_FILE)
        return frame_matches(filter, frame);
    char *file = tracemalloc_file(frame);
    bool is_match = file && pattern_matches(filter->pattern, file) &&
                    (!filter->line || filter->line == tracemalloc_line(frame));
    free(file);
    return is_match;
}

static bool any_matches_to_the_letter(const struct filter *filter, const struct stacks *stacks,
                                      uint32_t node)
{
    uint32_t *frames = malloc(STACK_NODES_MAX * sizeof *frames);
    size_t count = frames ? stack_visible(stacks, node, frames, STACK_NODES_MAX) : 0;
    bool is_match = false;
    for (size_t i = 0; i < count && !is_match; i++)
        is_match = frame_matches_to_the_letter(filter, &stacks->frames[frames[i]]);
    free(frames);
    return is_match;
}

static bool any_matches(const struct filter *filter, const struct stacks *stacks, uint32_t node)
{
    struct stack_walk walk = stack_walk(stacks, node);
    uint32_t frame;
    while ((frame = stack_walk_next(&walk)) != NO_FRAME)
        if (frame_matches(filter, &stacks->frames[frame]))
            return true;
    return false;
}

static bool stack_matches(const struct filters *filters, const struct filter *filter,
                          const struct stacks *stacks, uint32_t node)
{
    const struct frame *charged = &stacks->frames[stack_charge(stacks, node).frame];
    bool is_any = filters->is_all_frames || filter->is_all_frames;
    if (filters->is_tracemalloc)
        return is_any ? any_matches_to_the_letter(filter, stacks, node)
                      : frame_matches_to_the_letter(filter, charged);
    return is_any ? any_matches(filter, stacks, node) : frame_matches(filter, charged);
}

static bool patterns_keep(const struct filters *filters, const struct stacks *stacks, uint32_t node)
{
    bool has_inclusive = false;
    bool is_included = false;
    for (size_t i = 0; i < filters->count; i++) {
        const struct filter *filter = &filters->filters[i];
        bool is_match = stack_matches(filters, filter, stacks, node);
        if (filter->is_exclusive && is_match)
            return false;
        if (!filter->is_exclusive) {
            has_inclusive = true;
            is_included = is_included || is_match;
        }
    }
    return !has_inclusive || is_included;
}

static struct suppression *find_suppression(const struct filters *filters,
                                            const struct stacks *stacks, uint32_t node)
{
    return filters->suppressions ? suppressions_find(filters->suppressions, stacks, node) : NULL;
}

bool filters_keep(const struct filters *filters, const struct stacks *stacks, uint32_t node)
{
    return patterns_keep(filters, stacks, node) && !find_suppression(filters, stacks, node);
}

static void count_suppressed(const struct filters *filters, const struct stacks *stacks,
                             const struct site *site)
{
    if (site->figures.live_count <= 0 || !patterns_keep(filters, stacks, site->node))
        return;
    struct suppression *found = find_suppression(filters, stacks, site->node);
    if (!found)
        return;
    found->block_count += (uint64_t)site->figures.live_count;
    found->size_bytes += (uint64_t)site->figures.live_bytes;
}

bool filters_count_suppressed(const struct filters *filters, const struct stacks *stacks)
{
    struct sites sites;
    struct site site;
    if (!filters->suppressions)
        return true;
    bool is_ok = sites_init(&sites, stacks->trace);
    struct sites_walk walk = sites_walk(&sites);
    while (is_ok && sites_walk_next(&walk, &site))
        count_suppressed(filters, stacks, &site);
    sites_finish(&sites);
    return is_ok;
}
