/* SPDX-License-Identifier: BSD-2-Clause */
/* export_pstats.c -- Statistics that Python's pstats loads: for its browser, snakeviz, gprof2dot
 * and others.
 *
 * Of time, calls are samples, and seconds are seconds. Of memory, calls are allocations, and
 * seconds are bytes. What pstats takes for a function is a line of one here, since it prints lines:
 * percall is then the average size of what a line allocated. It is a dictionary in Python's marshal
 * format, {(file, line, name): (cc, nc, tt, ct, callers)}. */
#include "export.h"

#include "call_graph.h"
#include "label.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The digits of marshal's long integers. */
enum {
    LONG_DIGIT_BITS = 15,
    LONG_DIGIT_MASK = (1 << LONG_DIGIT_BITS) - 1
};

struct stats {
    FILE *out;
    double unit; /* of what is counted in pstats' seconds */
    const struct call_graph *graph;
    enum measure measure;
    bool is_time;    /* its functions are functions, not lines */
    bool has_failed; /* out of memory */
};

/* --- marshal --- */

static void write_bytes(FILE *out, uint64_t number, int count)
{
    for (int i = 0; i < count; i++)
        fputc((int)(number >> 8 * i & 0xff), out);
}

static void write_tuple_head(FILE *out, uint32_t count)
{
    fputc('(', out);
    write_bytes(out, count, 4);
}

static void write_number(FILE *out, int64_t number)
{
    uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
    int digits = 0;
    if (number >= INT32_MIN && number <= INT32_MAX) {
        fputc('i', out);
        write_bytes(out, (uint64_t)number, 4);
        return;
    }
    for (uint64_t rest = left; rest; rest >>= LONG_DIGIT_BITS)
        digits++;
    fputc('l', out);
    write_bytes(out, (uint64_t)(number < 0 ? -digits : digits), 4);
    for (; left; left >>= LONG_DIGIT_BITS)
        write_bytes(out, left & LONG_DIGIT_MASK, 2);
}

static void write_double(FILE *out, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    fputc('g', out);
    write_bytes(out, bits, sizeof bits);
}

static void write_text(struct stats *stats, const char *text)
{
    char *escaped = export_escaped(text);
    size_t length = escaped ? strlen(escaped) : 0;
    stats->has_failed = stats->has_failed || !escaped || length > INT32_MAX;
    fputc('u', stats->out);
    write_bytes(stats->out, length, 4);
    if (escaped)
        fwrite(escaped, 1, length, stats->out);
    free(escaped);
}

/* --- the statistics --- */

static void write_key(struct stats *stats, uint32_t function)
{
    const struct call_graph *graph = stats->graph;
    const struct frame *frame = &graph->tree->stacks->frames[graph->functions[function].frame];
    char *name = label_function(frame);
    const char *otherwise = stats->is_time ? "~" : frame->module;
    write_tuple_head(stats->out, 3);
    write_text(stats, frame->file ? frame->file : otherwise);
    write_number(stats->out, stats->is_time ? frame->function_line : frame->line);
    write_text(stats, name ? name : "");
    stats->has_failed = stats->has_failed || !name;
    free(name);
}

/* cc, nc, tt, ct: calls, calls with recursion, time without and with what is called. Calls are the
 * line's own, so that pstats' sum of them is right. */
static void write_figures(struct stats *stats, const struct figures *self,
                          const struct figures *total)
{
    struct amount own = figures_amount(self, stats->measure);
    write_number(stats->out, own.count);
    write_number(stats->out, own.count);
    write_double(stats->out, (double)own.size_bytes * stats->unit);
    write_double(stats->out,
                 (double)figures_amount(total, stats->measure).size_bytes * stats->unit);
}

static bool is_shown(const struct stats *stats, const struct figures *total)
{
    struct amount amount = figures_amount(total, stats->measure);
    return amount.size_bytes || amount.count;
}

/* calls: those of one callee, by caller. */
static void write_callers(struct stats *stats, const struct graph_call *const *calls,
                          uint32_t count)
{
    fputc('{', stats->out);
    for (uint32_t i = 0; i < count; i++) {
        if (calls[i]->caller == NO_FUNCTION || !is_shown(stats, &calls[i]->figures))
            continue;
        write_key(stats, calls[i]->caller);
        write_tuple_head(stats->out, 4);
        write_figures(stats, &calls[i]->self, &calls[i]->figures);
    }
    fputc('0', stats->out);
}

static int compare_calls(const void *a, const void *b)
{
    const struct graph_call *left = *(const struct graph_call *const *)a;
    const struct graph_call *right = *(const struct graph_call *const *)b;
    if (left->callee != right->callee)
        return left->callee < right->callee ? -1 : 1;
    return (left > right) - (left < right);
}

/* The calls by callee, to be freed. */
static const struct graph_call **sort_by_callee(const struct call_graph *graph)
{
    const struct graph_call **calls = calloc((size_t)graph->call_count + 1, sizeof *calls);
    for (uint32_t i = 0; calls && i < graph->call_count; i++)
        calls[i] = &graph->calls[i];
    if (calls)
        qsort(calls, graph->call_count, sizeof *calls, compare_calls);
    return calls;
}

static void write_functions(struct stats *stats, const struct graph_call **calls)
{
    const struct call_graph *graph = stats->graph;
    uint32_t call = 0;
    fputc('{', stats->out);
    for (uint32_t i = 0; i < graph->function_count && !stats->has_failed; i++) {
        const struct graph_function *function = &graph->functions[i];
        uint32_t first = call;
        while (call < graph->call_count && calls[call]->callee == i)
            call++;
        if (!is_shown(stats, &function->total))
            continue;
        write_key(stats, i);
        write_tuple_head(stats->out, 5);
        write_figures(stats, &function->self, &function->total);
        write_callers(stats, calls + first, call - first);
    }
    fputc('0', stats->out);
}

static bool write_graph(struct stats *stats)
{
    const struct graph_call **calls = sort_by_callee(stats->graph);
    if (calls)
        write_functions(stats, calls);
    free(calls);
    return calls && !stats->has_failed;
}

static bool write_pstats(FILE *out, const struct export *export, struct error *error)
{
    struct call_tree tree;
    struct call_graph graph;
    if (!export_tree(export, &tree, GRAIN_LINE, error))
        return false;
    bool is_time = trace_is_timed(export->stacks->trace);
    bool is_ok =
        call_graph_init(&graph, &tree, is_time ? CALLS_BY_FUNCTION : CALLS_OF_LINES, error);
    if (is_ok) {
        bool is_live = !export_knows(export->stacks->trace, MEASURE_TOTAL);
        struct stats stats = {
            .out = out, .graph = &graph, .unit = is_time ? 1e-9 : 1, .is_time = is_time};
        stats.measure = export->measure_count ? export->measures[0]
                        : is_live             ? MEASURE_LIVE
                                              : MEASURE_TOTAL;
        is_ok = write_graph(&stats) || error_out_of_memory(error);
        call_graph_finish(&graph);
    }
    call_tree_finish(&tree);
    return is_ok;
}

const struct export_format export_pstats = {
    .name = "pstats",
    .summary = "for Python's pstats: calls are allocations (of time: samples), seconds bytes",
    .next = "python3 -m pstats %s",
    .is_binary = true,
    .has_time = true,
    .write = write_pstats,
};
