/* SPDX-License-Identifier: BSD-2-Clause */
/* export_dot.c -- A call graph for Graphviz, as gprof2dot draws it: functions with less than half a
 * percent and calls with less than a tenth are left out, and the more there is the redder. */
#include "export.h"

#include "call_graph.h"
#include "label.h"
#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTION_SHARE_MIN 0.005
#define CALL_SHARE_MIN 0.001

enum {
    NAME_COLUMNS = 80
};

struct drawing {
    FILE *out;
    const struct call_graph *graph;
    enum measure measure;
    int64_t total;
};

static double share(const struct drawing *drawing, const struct figures *figures)
{
    int64_t value = figures_rank(figures, drawing->measure);
    return drawing->total > 0 && value > 0 ? (double)value / (double)drawing->total : 0;
}

/* --- colours: from a dark blue by green and yellow to red --- */

struct color {
    int red, green, blue;
};

static double hue_part(double low, double high, double hue)
{
    hue -= floor(hue);
    if (hue < 1.0 / 6)
        return low + (high - low) * hue * 6;
    if (hue < 1.0 / 2)
        return high;
    return hue < 2.0 / 3 ? low + (high - low) * (2.0 / 3 - hue) * 6 : low;
}

static struct color color_of(double weight)
{
    double hue = 2.0 / 3 * (1 - weight);
    double saturation = 0.8 + 0.2 * weight;
    double lightness = 0.25 + 0.25 * weight;
    double high = lightness * (1 + saturation);
    double low = 2 * lightness - high;
    return (struct color){
        .red = (int)lround(255 * hue_part(low, high, hue + 1.0 / 3)),
        .green = (int)lround(255 * hue_part(low, high, hue)),
        .blue = (int)lround(255 * hue_part(low, high, hue - 1.0 / 3)),
    };
}

static void write_color(struct drawing *drawing, double weight)
{
    struct color color = color_of(weight < 1 ? weight : 1);
    fprintf(drawing->out, "\"#%02x%02x%02x\"", color.red, color.green, color.blue);
}

/* --- text --- */

/* In a quoted string only quotes and backslashes mean something. */
static bool write_escaped(FILE *out, const char *text, size_t columns)
{
    char *shown = NULL;
    size_t shown_bytes = 0;
    FILE *memory = open_memstream(&shown, &shown_bytes);
    if (!memory)
        return false;
    text_write_cut(memory, text, columns);
    bool is_ok = fclose(memory) == 0;
    for (const char *at = shown; is_ok && *at; at++) {
        if (*at == '"' || *at == '\\')
            fputc('\\', out);
        fputc(*at, out);
    }
    free(shown);
    return is_ok;
}

static void write_amount(struct drawing *drawing, const struct figures *figures)
{
    int64_t value = figures_rank(figures, drawing->measure);
    const struct trace *trace = drawing->graph->tree->stacks->trace;
    if (export_measure(trace, drawing->measure)->is_in_bytes)
        fputs(text_size((double)value).text, drawing->out);
    else if (trace_is_timed(trace) && drawing->measure == MEASURE_TOTAL)
        fputs(text_duration((uint64_t)value).text, drawing->out);
    else
        fputs(text_count(value > 0 ? (uint64_t)value : 0).text, drawing->out);
    fprintf(drawing->out, " %.2f%%", 100 * share(drawing, figures));
}

/* --- the graph --- */

static bool is_drawn(const struct drawing *drawing, uint32_t function)
{
    return function != NO_FUNCTION &&
           share(drawing, &drawing->graph->functions[function].total) >= FUNCTION_SHARE_MIN;
}

static bool write_function(struct drawing *drawing, uint32_t number)
{
    const struct graph_function *function = &drawing->graph->functions[number];
    const struct frame *frame = &drawing->graph->tree->stacks->frames[function->frame];
    char *name = label_short_function(frame);
    char *whole = label_function(frame);
    fprintf(drawing->out, "\tf%" PRIu32 " [color=", number);
    write_color(drawing, share(drawing, &function->total));
    fputs(", label=\"", drawing->out);
    bool is_ok = name && whole && write_escaped(drawing->out, name, NAME_COLUMNS);
    fputs("\\n", drawing->out);
    write_amount(drawing, &function->total);
    fputs("\\n(", drawing->out);
    write_amount(drawing, &function->self);
    fprintf(drawing->out, ")\\n%" PRIu64 "×\", tooltip=\"", function->total.alloc_count);
    is_ok = is_ok && write_escaped(drawing->out, whole, SIZE_MAX);
    if (frame->file) {
        fputs(" ", drawing->out);
        is_ok = is_ok && write_escaped(drawing->out, frame->file, SIZE_MAX);
    }
    fputs("\"];\n", drawing->out);
    free(name);
    free(whole);
    return is_ok;
}

static void write_call(struct drawing *drawing, const struct graph_call *call)
{
    double weight = share(drawing, &call->figures);
    double width = fmax(4 * weight, 0.5);
    fprintf(drawing->out, "\tf%" PRIu32 " -> f%" PRIu32 " [color=", call->caller, call->callee);
    write_color(drawing, weight);
    fputs(", fontcolor=", drawing->out);
    write_color(drawing, weight);
    fprintf(drawing->out, ", penwidth=\"%.2f\", arrowsize=\"%.2f\", label=\"", width,
            0.5 * sqrt(width));
    write_amount(drawing, &call->figures);
    fprintf(drawing->out, "\\n%" PRIu64 "×\"];\n", call->figures.alloc_count);
}

static bool write_graph(struct drawing *drawing)
{
    const struct call_graph *graph = drawing->graph;
    bool is_ok = true;
    fputs("digraph {\n"
          "\tgraph [fontname=\"Arial\", nodesep=\"0.125\", ranksep=\"0.25\", labelloc=\"t\", "
          "label=\"",
          drawing->out);
    is_ok = write_escaped(drawing->out, text_basename(graph->tree->stacks->trace->program),
                          NAME_COLUMNS);
    fprintf(drawing->out,
            ": %s\"];\n"
            "\tnode [fontname=\"Arial\", fontsize=\"10\", fontcolor=\"white\", shape=\"box\", "
            "style=\"filled\", height=\"0\", width=\"0\"];\n"
            "\tedge [fontname=\"Arial\", fontsize=\"10\", labeldistance=\"4\"];\n",
            export_measure(graph->tree->stacks->trace, drawing->measure)->title);
    for (uint32_t i = 0; is_ok && i < graph->function_count; i++)
        if (is_drawn(drawing, i))
            is_ok = write_function(drawing, i);
    for (uint32_t i = 0; i < graph->call_count; i++) {
        const struct graph_call *call = &graph->calls[i];
        if (is_drawn(drawing, call->caller) && is_drawn(drawing, call->callee) &&
            share(drawing, &call->figures) >= CALL_SHARE_MIN)
            write_call(drawing, call);
    }
    fputs("}\n", drawing->out);
    return is_ok;
}

static bool write_dot(FILE *out, const struct export *export, struct error *error)
{
    struct call_tree tree;
    struct call_graph graph;
    if (!export_tree(export, &tree, GRAIN_LINE, error))
        return false;
    bool is_ok = call_graph_init(&graph, &tree, CALLS_BY_FUNCTION, error);
    if (is_ok) {
        struct drawing drawing = {
            .out = out, .graph = &graph, .measure = export_one_measure(export, &tree.total)};
        drawing.total = figures_rank(&tree.total, drawing.measure);
        is_ok = write_graph(&drawing) || error_out_of_memory(error);
        call_graph_finish(&graph);
    }
    call_tree_finish(&tree);
    return is_ok;
}

const struct export_format export_dot = {
    .name = "dot",
    .summary = "a call graph for Graphviz, as gprof2dot draws it",
    .next = "dot -Tsvg %s > calls.svg",
    .has_time = true,
    .write = write_dot,
};
