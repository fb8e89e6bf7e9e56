/* SPDX-License-Identifier: BSD-2-Clause */
/* export_callgrind.c -- A callgrind profile, for callgrind_annotate and KCachegrind.
 *
 * Both take the calls of a function, added up, for its inclusive cost. That is why a stack's call
 * of a function is written where the function is first entered only, and why the outermost
 * functions are called by one that stands for what is outside, as in callgrind's own files. Inlined
 * functions are functions here, with calls and files of their own. */
#include "export.h"

#include "call_graph.h"
#include "label.h"
#include "numbering.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OUTSIDE_NAME "(below main)"

struct grind {
    FILE *out;
    const struct call_graph *graph;
    enum measure measures[MEASURE_COUNT_OF];
    size_t measure_count;
    struct numbering objects; /* address of the path */
    struct numbering files;
    bool *is_named; /* per function */
};

/* --- names --- */

/* A name is written once, with a number that stands for it from then on. */
static bool write_name(struct grind *grind, const char *position, struct numbering *numbering,
                       const char *text)
{
    uint32_t known = numbering->count;
    uint32_t number = numbering_of(numbering, (uintptr_t)text, 0, 0);
    if (number == NUMBER_NONE)
        return false;
    fprintf(grind->out, "%s=(%" PRIu32 ")", position, number + 1);
    if (number == known) {
        fputc(' ', grind->out);
        text_write(grind->out, text);
    }
    fputc('\n', grind->out);
    return true;
}

/* Number 1 is the outside. */
static bool write_function(struct grind *grind, const char *position, uint32_t function)
{
    char *name = NULL;
    fprintf(grind->out, "%s=(%" PRIu32 ")", position, function + 2);
    if (!grind->is_named[function]) {
        name = label_function(
            &grind->graph->tree->stacks->frames[grind->graph->functions[function].frame]);
        fputc(' ', grind->out);
        text_write(grind->out, name ? name : "");
    }
    fputc('\n', grind->out);
    bool is_ok = grind->is_named[function] || name;
    grind->is_named[function] = true;
    free(name);
    return is_ok;
}

static const struct frame *frame_at(const struct grind *grind, uint32_t frame)
{
    return &grind->graph->tree->stacks->frames[frame];
}

/* As valgrind's own tools write it. */
static const char unknown[] = "???";

static const char *file_of(const struct frame *frame)
{
    return frame->file ? frame->file : unknown;
}

static const char *object_of(const struct frame *frame)
{
    return *frame->module ? frame->module : unknown;
}

/* --- costs --- */

static uint64_t cost(const struct figures *figures, enum measure measure)
{
    int64_t value = figures_rank(figures, measure);
    return value > 0 ? (uint64_t)value : 0;
}

static bool has_cost(const struct grind *grind, const struct figures *figures)
{
    for (size_t i = 0; i < grind->measure_count; i++)
        if (cost(figures, grind->measures[i]))
            return true;
    return false;
}

static void write_costs(struct grind *grind, const struct figures *figures)
{
    for (size_t i = 0; i < grind->measure_count; i++)
        fprintf(grind->out, " %" PRIu64, cost(figures, grind->measures[i]));
    fputc('\n', grind->out);
}

/* --- functions --- */

static bool write_call(struct grind *grind, const struct graph_call *call)
{
    const struct frame *callee = frame_at(grind, grind->graph->functions[call->callee].frame);
    uint32_t line = call->frame == NO_FRAME ? 0 : frame_at(grind, call->frame)->line;
    if (!has_cost(grind, &call->figures))
        return true;
    /* Both may be left out if they are the caller's, but not all readers know. */
    if (!write_name(grind, "cob", &grind->objects, object_of(callee)) ||
        !write_name(grind, "cfi", &grind->files, file_of(callee)) ||
        !write_function(grind, "cfn", call->callee))
        return false;
    uint64_t count = call->figures.alloc_count ? call->figures.alloc_count : 1;
    fprintf(grind->out, "calls=%" PRIu64 " %" PRIu32 "\n%" PRIu32, count, callee->line, line);
    write_costs(grind, &call->figures);
    return true;
}

static bool begin_function(struct grind *grind, uint32_t function)
{
    const struct frame *frame = frame_at(grind, grind->graph->functions[function].frame);
    fputc('\n', grind->out);
    return write_name(grind, "ob", &grind->objects, object_of(frame)) &&
           write_name(grind, "fl", &grind->files, file_of(frame)) &&
           write_function(grind, "fn", function);
}

static bool begin_outside(struct grind *grind)
{
    fputc('\n', grind->out);
    if (!write_name(grind, "fl", &grind->files, unknown))
        return false;
    fputs("fn=(1) " OUTSIDE_NAME "\n", grind->out);
    return true;
}

/* Lines and calls come in the order of their functions. */
static bool write_functions(struct grind *grind)
{
    const struct call_graph *graph = grind->graph;
    uint32_t call = 0;
    uint32_t line = 0;
    bool is_ok = graph->call_count == 0 || begin_outside(grind);
    for (; is_ok && call < graph->call_count && graph->calls[call].caller == NO_FUNCTION; call++)
        is_ok = write_call(grind, &graph->calls[call]);
    for (uint32_t i = 0; is_ok && i < graph->function_count; i++) {
        is_ok = begin_function(grind, i);
        for (; line < graph->line_count && graph->lines[line].function == i; line++) {
            if (!has_cost(grind, &graph->lines[line].self))
                continue;
            fprintf(grind->out, "%" PRIu32, frame_at(grind, graph->lines[line].frame)->line);
            write_costs(grind, &graph->lines[line].self);
        }
        for (; is_ok && call < graph->call_count && graph->calls[call].caller == i; call++)
            is_ok = write_call(grind, &graph->calls[call]);
    }
    return is_ok;
}

/* --- the whole --- */

/* The first event is what both sort by. */
static void choose_measures(struct grind *grind, const struct export *export)
{
    enum measure all[MEASURE_COUNT_OF];
    size_t count = export_all_measures(export, all);
    enum measure first = export_one_measure(export, &grind->graph->tree->total);
    grind->measures[grind->measure_count++] = first;
    for (size_t i = 0; i < count; i++)
        if (all[i] != first)
            grind->measures[grind->measure_count++] = all[i];
}

static const struct export_measure *measure_of(const struct grind *grind, size_t i)
{
    return export_measure(grind->graph->tree->stacks->trace, grind->measures[i]);
}

static void write_head(struct grind *grind)
{
    const struct trace *trace = grind->graph->tree->stacks->trace;
    fprintf(grind->out,
            "# callgrind format\nversion: 1\ncreator: memtrace\npid: %" PRIu32 "\ncmd: ",
            trace->header.pid);
    text_write(grind->out, trace->program);
    fputs("\npart: 1\npositions: line\n", grind->out);
    for (size_t i = 0; i < grind->measure_count; i++)
        fprintf(grind->out, "event: %s : %s (%s)\n", measure_of(grind, i)->event,
                measure_of(grind, i)->title, measure_of(grind, i)->unit);
    fputs("events:", grind->out);
    for (size_t i = 0; i < grind->measure_count; i++)
        fprintf(grind->out, " %s", measure_of(grind, i)->event);
    fputs("\nsummary:", grind->out);
    write_costs(grind, &grind->graph->tree->total);
}

static bool write_graph(FILE *out, const struct export *export, const struct call_graph *graph)
{
    struct grind grind = {.out = out, .graph = graph};
    choose_measures(&grind, export);
    write_head(&grind);
    grind.is_named = calloc((size_t)graph->function_count + 1, sizeof *grind.is_named);
    bool is_ok = grind.is_named && write_functions(&grind);
    fputs("\ntotals:", out);
    write_costs(&grind, &graph->tree->total);
    numbering_finish(&grind.objects);
    numbering_finish(&grind.files);
    free(grind.is_named);
    return is_ok;
}

static bool write_callgrind(FILE *out, const struct export *export, struct error *error)
{
    struct call_tree tree;
    struct call_graph graph;
    if (!export_tree(export, &tree, GRAIN_LINE, error))
        return false;
    bool is_ok = call_graph_init(&graph, &tree, CALLS_BY_LINE, error);
    if (is_ok) {
        is_ok = write_graph(out, export, &graph) || error_out_of_memory(error);
        call_graph_finish(&graph);
    }
    call_tree_finish(&tree);
    return is_ok;
}

const struct export_format export_callgrind = {
    .name = "callgrind",
    .summary = "for callgrind_annotate and KCachegrind, one event per measure",
    .next = "callgrind_annotate --inclusive=yes --tree=both %s",
    .has_time = true,
    .write = write_callgrind,
};
