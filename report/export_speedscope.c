/* SPDX-License-Identifier: BSD-2-Clause */
/* export_speedscope.c -- speedscope's own JSON: one profile per measure, over the same frames. */
#include "export.h"

#include "json.h"
#include "label.h"
#include "text.h"

#include <stdlib.h>

struct scope {
    struct json json;
    const struct export *export;
    const struct call_tree *tree;
    uint32_t *numbers; /* per group of frames: 1 + its place in the list, 0: not in it yet */
    uint32_t *path;
};

/* --- frames --- */

/* By its name alone speedscope's table tells one from another. */
static bool write_frame(struct scope *scope, const struct frame *frame)
{
    char *name = export_grain(scope->export) == GRAIN_LINE ? export_frame_name(frame)
                                                           : label_function(frame);
    char *escaped = name ? export_escaped(name) : NULL;
    char *file = export_escaped(frame->file ? frame->file : frame->module);
    json_open_object(&scope->json);
    json_member_string(&scope->json, "name", escaped ? escaped : "");
    if (file && *file)
        json_member_string(&scope->json, "file", file);
    if (frame->file && export_grain(scope->export) == GRAIN_LINE)
        json_member_unsigned(&scope->json, "line", frame->line);
    json_close_object(&scope->json);
    bool is_ok = escaped && file;
    free(name);
    free(escaped);
    free(file);
    return is_ok;
}

static bool write_frames(struct scope *scope)
{
    const struct call_tree *tree = scope->tree;
    uint32_t count = 0;
    bool is_ok = true;
    json_name(&scope->json, "frames");
    json_open_array(&scope->json);
    for (uint32_t i = 1; is_ok && i < tree->node_count; i++) {
        uint32_t *number = &scope->numbers[tree->nodes[i].group];
        if (*number)
            continue;
        *number = ++count;
        is_ok = write_frame(scope, call_tree_frame(tree, i));
    }
    json_close_array(&scope->json);
    return is_ok;
}

/* --- profiles --- */

static void write_stack(struct scope *scope, uint32_t node)
{
    uint32_t count = call_tree_path(scope->tree, node, scope->path);
    json_open_array(&scope->json);
    for (uint32_t i = count; i-- > 0;)
        json_unsigned(&scope->json, scope->numbers[scope->tree->nodes[scope->path[i]].group] - 1);
    json_close_array(&scope->json);
}

static void write_samples(struct scope *scope, enum measure measure)
{
    json_name(&scope->json, "samples");
    json_open_array(&scope->json);
    for (uint32_t i = 0; i < scope->tree->end_count; i++)
        if (figures_rank(&scope->tree->ends[i].figures, measure) > 0)
            write_stack(scope, scope->tree->ends[i].node);
    json_close_array(&scope->json);
}

/* Returns their sum. */
static int64_t write_weights(struct scope *scope, enum measure measure)
{
    int64_t sum = 0;
    json_name(&scope->json, "weights");
    json_open_array(&scope->json);
    for (uint32_t i = 0; i < scope->tree->end_count; i++) {
        int64_t weight = figures_rank(&scope->tree->ends[i].figures, measure);
        if (weight <= 0)
            continue;
        json_signed(&scope->json, weight);
        sum += weight;
    }
    json_close_array(&scope->json);
    return sum;
}

static void write_profile(struct scope *scope, enum measure measure)
{
    const struct trace *trace = scope->export->stacks->trace;
    const struct export_measure *details = export_measure(trace, measure);
    bool is_time = trace_is_timed(trace) && measure == MEASURE_TOTAL;
    json_open_object(&scope->json);
    json_member_string(&scope->json, "type", "sampled");
    json_member_string(&scope->json, "name", details->title);
    json_member_string(&scope->json, "unit",
                       details->is_in_bytes ? "bytes"
                       : is_time            ? "nanoseconds"
                                            : "none");
    write_samples(scope, measure);
    int64_t sum = write_weights(scope, measure);
    json_member_signed(&scope->json, "startValue", 0);
    json_member_signed(&scope->json, "endValue", sum);
    json_close_object(&scope->json);
}

/* The one that is shown first is the one that a format with only one would hold. */
static void write_profiles(struct scope *scope)
{
    const struct export *export = scope->export;
    enum measure measures[MEASURE_COUNT_OF];
    enum measure first = export_one_measure(export, &scope->tree->total);
    size_t count = export_all_measures(export, measures);
    size_t active = 0;
    json_name(&scope->json, "profiles");
    json_open_array(&scope->json);
    for (size_t i = 0; i < count; i++) {
        write_profile(scope, measures[i]);
        if (measures[i] == first)
            active = i;
    }
    json_close_array(&scope->json);
    json_member_unsigned(&scope->json, "activeProfileIndex", active);
}

static bool write_document(struct scope *scope)
{
    struct json *json = &scope->json;
    json_open_object(json);
    json_member_string(json, "$schema", "https://www.speedscope.app/file-format-schema.json");
    json_member_string(json, "exporter", "memtrace");
    json_member_string(json, "name", text_basename(scope->export->stacks->trace->program));
    json_name(json, "shared");
    json_open_object(json);
    bool is_ok = write_frames(scope);
    json_close_object(json);
    write_profiles(scope);
    json_close_object(json);
    json_end(json);
    return is_ok;
}

static bool write_speedscope(FILE *out, const struct export *export, struct error *error)
{
    struct call_tree tree;
    if (!export_tree(export, &tree, export_grain(export), error))
        return false;
    struct scope scope = {.json = json_begin(out), .export = export, .tree = &tree};
    scope.numbers = calloc((size_t)tree.group_count + 1, sizeof *scope.numbers);
    scope.path = malloc(((size_t)tree.depth_max + 1) * sizeof *scope.path);
    bool is_ok = scope.numbers && scope.path && write_document(&scope);
    free(scope.numbers);
    free(scope.path);
    call_tree_finish(&tree);
    return is_ok || error_out_of_memory(error);
}

const struct export_format export_speedscope = {
    .name = "speedscope",
    .summary = "JSON for speedscope, one profile per measure",
    .next = "speedscope %s",
    .groups = EXPORT_BY_LINE_OR_FUNCTION,
    .has_time = true,
    .write = write_speedscope,
};
