/* SPDX-License-Identifier: BSD-2-Clause */
/* filter.c -- Which stacks to keep: tracemalloc's inclusive and exclusive patterns. */
#include "filter.h"

#include "text.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static const char *take_subject(const char *text, enum filter_subject *ret_subject)
{
    static const char *const names[] = {"file:", "function:", "module:"};
    *ret_subject = FILTER_FILE;
    for (int i = 0; i < 3; i++) {
        if (!text_starts_with(text, names[i]))
            continue;
        *ret_subject = (enum filter_subject)i;
        return text + strlen(names[i]);
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
    filter.pattern = strdup(take_subject(text, &filter.subject));
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
    return fnmatch(pattern, path, 0) == 0 || fnmatch(pattern, text_short_path(path), 0) == 0 ||
           (!strchr(pattern, '/') && fnmatch(pattern, text_basename(path), 0) == 0);
}

static bool function_matches(const char *pattern, const char *function)
{
    char name[512];
    return fnmatch(pattern, function, 0) == 0 ||
           fnmatch(pattern, text_short_function(function, name, sizeof name), 0) == 0;
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

static bool stack_matches(const struct filters *filters, const struct filter *filter,
                          const struct stacks *stacks, uint32_t node)
{
    struct stack_walk walk = stack_walk(stacks, node);
    uint32_t frame;
    if (!filters->is_all_frames)
        return frame_matches(filter, &stacks->frames[stacks->charges[node].frame]);
    while ((frame = stack_walk_next(&walk)) != NO_FRAME)
        if (frame_matches(filter, &stacks->frames[frame]))
            return true;
    return false;
}

bool filters_keep(const struct filters *filters, const struct stacks *stacks, uint32_t node)
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
