/* SPDX-License-Identifier: BSD-2-Clause */
/* label.c -- What frames and groups are called. */
#include "label.h"

#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_FRAMES_MAX = 4100,
    CALLERS_SHOWN = 3,
    CALLERS_LOOKED_AT = 16
};

static char *format_address(const struct frame *frame, uint64_t offset)
{
    char *text = NULL;
    const char *module = frame->module[0] ? text_basename(frame->module) : "<no module>";
    return asprintf(&text, "%s+0x%" PRIx64, module, offset) < 0 ? NULL : text;
}

static const char *path_label(const char *path, enum label_style style)
{
    return style == LABEL_SHORT ? text_short_path(path) : path;
}

char *label_line(const struct frame *frame, enum label_style style)
{
    char *text = NULL;
    if (frame->is_special)
        return strdup(frame->function);
    if (!frame->file)
        return format_address(frame, frame->offset);
    if (asprintf(&text, "%s:%" PRIu32, path_label(frame->file, style), frame->line) < 0)
        return NULL;
    return text;
}

char *label_function(const struct frame *frame)
{
    if (frame->function)
        return strdup(frame->function);
    return format_address(frame, frame->function_offset ? frame->function_offset : frame->offset);
}

char *label_short_function(const struct frame *frame)
{
    char name[512];
    if (!frame->function || frame->is_special)
        return label_function(frame);
    return strdup(text_short_function(frame->function, name, sizeof name));
}

/* With its debug symbols at hand, libc calls strdup __GI___strdup. */
char *label_via(const struct frame *frame)
{
    char name[512];
    if (!frame->function || frame->is_special)
        return label_function(frame);
    const char *text = text_short_function(frame->function, name, sizeof name);
    static const char *const prefixes[] = {"__GI_", "_IO_", "__", "_"};
    if (!text_starts_with(text_basename(frame->module), "libc.so"))
        return strdup(text);
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (text_starts_with(text, prefixes[i]) && text[strlen(prefixes[i])])
            text += strlen(prefixes[i]);
    return strdup(text);
}

static void describe_frame(FILE *out, const struct frame *frame)
{
    char *function = label_short_function(frame);
    if (frame->is_special) {
        fprintf(out, "  %s", frame->function);
    } else if (frame->file) {
        fprintf(out, "  File \"%s\", line %" PRIu32 ", in %s", text_short_path(frame->file),
                frame->line, function ? function : "?");
    } else {
        const char *module = frame->module[0] ? text_short_path(frame->module) : "<no module>";
        fprintf(out, "  Module \"%s\", offset 0x%" PRIx64, module, frame->offset);
        if (frame->function)
            fprintf(out, ", in %s", function ? function : "?");
    }
    if (frame->is_inlined)
        fputs(" (inlined)", out);
    free(function);
}

char *label_frame(const struct frame *frame)
{
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *out = open_memstream(&text, &text_bytes);
    if (!out)
        return NULL;
    describe_frame(out, frame);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static char *label_file(const struct frame *frame, enum label_style style)
{
    if (frame->is_special)
        return strdup(frame->function);
    if (frame->file)
        return strdup(path_label(frame->file, style));
    return strdup(frame->module[0] ? frame->module : "<no module>");
}

static char *label_module(const struct frame *frame, enum label_style style)
{
    if (frame->is_special)
        return strdup(frame->function);
    return strdup(frame->module[0] ? path_label(frame->module, style) : "<no module>");
}

/* Innermost first. */
static char *label_stack(const struct stacks *stacks, uint32_t node, enum label_style style)
{
    char *text = NULL;
    size_t text_bytes = 0;
    uint32_t *frames = malloc(KEY_FRAMES_MAX * sizeof *frames);
    FILE *out = frames ? open_memstream(&text, &text_bytes) : NULL;
    if (out) {
        size_t count = stack_visible(stacks, node, frames, KEY_FRAMES_MAX);
        for (size_t i = 0; i < count; i++) {
            char *line = label_line(&stacks->frames[frames[i]], style);
            fprintf(out, "%s%s", i ? " < " : "", line ? line : "?");
            free(line);
        }
        if (fclose(out) != 0) {
            free(text);
            text = NULL;
        }
    }
    free(frames);
    return text;
}

char *label_thread(const struct trace *trace, uint32_t thread)
{
    const struct trace_thread *details = &trace->threads[thread];
    char *text = NULL;
    int length = (int)strnlen(details->name, sizeof details->name);
    if (thread == 0)
        return strdup("<exited threads>");
    if (asprintf(&text, "%.*s (%" PRIu32 ")", length, details->name, details->tid) < 0)
        return NULL;
    return text;
}

char *label_frame_group(const struct frame *frame, enum group_by group_by, enum label_style style)
{
    return group_by == GROUP_BY_FILE ? label_file(frame, style) : label_module(frame, style);
}

char *label_site(const struct stacks *stacks, enum group_by group_by, uint32_t frame, uint32_t node,
                 enum label_style style)
{
    const struct frame *details = &stacks->frames[frame];
    switch (group_by) {
    case GROUP_BY_FUNCTION:
        return label_function(details);
    case GROUP_BY_FILE:
    case GROUP_BY_MODULE:
        return label_frame_group(details, group_by, style);
    case GROUP_BY_TRACEBACK:
        return style == LABEL_FULL ? label_stack(stacks, node, style) : label_line(details, style);
    default:
        return label_line(details, style);
    }
}

char *label_group(const struct statistics *statistics, const struct statistic *item,
                  enum label_style style)
{
    const struct stacks *stacks = statistics->stacks;
    if (statistics->group_by == GROUP_BY_THREAD)
        return label_thread(stacks->trace, item->thread);
    return label_site(stacks, statistics->group_by, item->frame, item->node, style);
}

/* --- callers --- */

static bool is_same_function(const struct stacks *stacks, uint32_t a, uint32_t b)
{
    const char *function = stacks->frames[a].function;
    return function && function == stacks->frames[b].function;
}

static void write_callers(FILE *out, const struct stacks *stacks, uint32_t node)
{
    uint32_t frames[CALLERS_LOOKED_AT];
    size_t count = stack_visible(stacks, node, frames, CALLERS_LOOKED_AT);
    size_t shown = 0;
    size_t i;
    for (i = 0; i < count && shown < CALLERS_SHOWN; i++) {
        if (i && is_same_function(stacks, frames[i], frames[i - 1]))
            continue; /* recursion, or a function split by the compiler */
        char *name = label_short_function(&stacks->frames[frames[i]]);
        fprintf(out, "%s%s", shown++ ? " < " : "", name ? name : "?");
        free(name);
    }
    if (i < count)
        fputs(" < …", out);
}

char *label_callers(const struct stacks *stacks, uint32_t node, uint32_t via, bool is_via_mixed)
{
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *out = open_memstream(&text, &text_bytes);
    if (!out)
        return NULL;
    write_callers(out, stacks, node);
    if (via != NO_FRAME) {
        char *name = label_via(&stacks->frames[via]);
        fprintf(out, " (via %s%s)", name ? name : "?", is_via_mixed ? ", …" : "");
        free(name);
    }
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* --- words --- */

const char *label_group_by(enum group_by group_by)
{
    static const char *const words[GROUP_BY_COUNT] = {"line",   "function",  "file",
                                                      "module", "traceback", "thread"};
    return words[group_by];
}

const char *label_measure(enum measure measure)
{
    static const char *const words[MEASURE_COUNT_OF] = {"live", "peak", "total", "count",
                                                        "temporary"};
    return words[measure];
}

const char *label_domain(uint32_t domain)
{
    static const char *const words[DOMAIN_COUNT] = {"heap", "pool", "mapped", "cpu", "off-cpu"};
    return domain < DOMAIN_COUNT ? words[domain] : "unknown";
}

bool label_to_group_by(const char *word, enum group_by *ret_group_by)
{
    for (int i = 0; i < GROUP_BY_COUNT; i++) {
        if (strcmp(word, label_group_by((enum group_by)i)) != 0)
            continue;
        *ret_group_by = (enum group_by)i;
        return true;
    }
    return false;
}

bool label_to_measure(const char *word, enum measure *ret_measure)
{
    for (int i = 0; i < MEASURE_COUNT_OF; i++) {
        if (strcmp(word, label_measure((enum measure)i)) != 0)
            continue;
        *ret_measure = (enum measure)i;
        return true;
    }
    return false;
}

bool label_to_domain(const char *word, uint32_t *ret_domain)
{
    for (uint32_t i = 0; i < MEMORY_DOMAIN_COUNT; i++) {
        if (strcmp(word, label_domain(i)) != 0)
            continue;
        *ret_domain = i;
        return true;
    }
    return false;
}
