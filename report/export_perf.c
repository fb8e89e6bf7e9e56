/* SPDX-License-Identifier: BSD-2-Clause */
/* export_perf.c -- Text as perf script prints it: one sample per call stack, its period the figure.
 *
 * stackcollapse-perf.pl and what follows it add up periods. Viewers that only count samples show
 * the stacks, but not how much each has. */
#include "export.h"

#include "label.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct script {
    FILE *out;
    const struct call_tree *tree;
    enum measure measure;
    char *command;
    char **lines; /* per group of frames, NULL: not made yet */
    uint32_t *path;
    uint64_t sample_count;
};

static void replace_spaces(char *text)
{
    for (char *at = text; at && (at = strchr(at, ' '));)
        *at = '_';
}

static void write_head(struct script *script, int64_t value)
{
    const struct trace *trace = script->tree->stacks->trace;
    uint64_t number = script->sample_count++;
    fprintf(script->out, "%s %" PRIu32 "/%" PRIu32 " %" PRIu64 ".%06" PRIu64 ": %" PRId64 " %s: \n",
            script->command, trace->header.pid, trace->header.pid, number / 1000000,
            number % 1000000, value, export_measure(trace, script->measure)->word);
}

/* The line of a frame. A module's path ends at a space; an inlined call has none. */
static char *make_line(const struct trace *trace, const struct frame *frame)
{
    bool has_module = !frame->is_special && frame->module_index < trace->module_count;
    uint64_t address =
        has_module ? trace->modules[frame->module_index].load_bias + frame->offset : 0;
    char *plain = label_function(frame);
    char *function = plain ? export_escaped(plain) : NULL;
    char *module = export_escaped(frame->is_inlined ? "inlined"
                                  : *frame->module  ? frame->module
                                                    : "[unknown]");
    char *line = NULL;
    replace_spaces(module);
    if (function && module &&
        asprintf(&line, "\t%16" PRIx64 " %s (%s)\n", address, function, module) < 0)
        line = NULL;
    free(plain);
    free(function);
    free(module);
    return line;
}

static bool write_frame(struct script *script, uint32_t node)
{
    char **line = &script->lines[script->tree->nodes[node].group];
    if (!*line)
        *line = make_line(script->tree->stacks->trace, call_tree_frame(script->tree, node));
    fputs(*line ? *line : "", script->out);
    return *line;
}

static bool write_samples(struct script *script)
{
    const struct call_tree *tree = script->tree;
    bool is_ok = true;
    for (uint32_t i = 0; is_ok && i < tree->end_count; i++) {
        int64_t value = figures_rank(&tree->ends[i].figures, script->measure);
        if (value <= 0)
            continue;
        uint32_t count = call_tree_path(tree, tree->ends[i].node, script->path);
        write_head(script, value);
        for (uint32_t k = 0; is_ok && k < count; k++)
            is_ok = write_frame(script, script->path[k]);
        fputc('\n', script->out);
    }
    return is_ok;
}

static bool write_perf(FILE *out, const struct export *export, struct error *error)
{
    struct call_tree tree;
    if (!export_tree(export, &tree, GRAIN_ADDRESS, error))
        return false;
    struct script script = {
        .out = out, .tree = &tree, .measure = export_one_measure(export, &tree.total)};
    script.command = export_escaped(text_basename(export->stacks->trace->program));
    replace_spaces(script.command);
    script.lines = calloc((size_t)tree.group_count + 1, sizeof *script.lines);
    script.path = malloc(((size_t)tree.depth_max + 1) * sizeof *script.path);
    bool is_ok = script.command && script.lines && script.path && write_samples(&script);
    for (uint32_t i = 0; script.lines && i < tree.group_count; i++)
        free(script.lines[i]);
    free(script.command);
    free(script.lines);
    free(script.path);
    call_tree_finish(&tree);
    return is_ok || error_out_of_memory(error);
}

const struct export_format export_perf = {
    .name = "perf",
    .summary = "text as perf script prints it, for stackcollapse-perf.pl",
    .next = "stackcollapse-perf.pl %s",
    .has_time = true,
    .write = write_perf,
};
