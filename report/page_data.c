/* SPDX-License-Identifier: BSD-2-Clause */
/* page_data.c -- A trace as the page wants it: JSON by columns. */
#include "page_data.h"

#include "call_tree.h"
#include "completeness.h"
#include "history.h"
#include "label.h"
#include "moment.h"
#include "numbering.h"
#include "page_history.h"
#include "page_series.h"
#include "page_sources.h"
#include "page_times.h"
#include "report_json.h"
#include "shortened.h"
#include "text.h"
#include "times.h"

#include <stdlib.h>
#include <string.h>

/* Of a tree of call stacks: browsers have no more memory than for some of them. */
enum {
    NODES_MAX = 1000000
};

enum frame_flag {
    FRAME_INLINED = 1,
    FRAME_SPECIAL = 2,
    FRAME_RUNTIME = 4
};

/* The tables of one domain. */
struct tables {
    struct json *json;
    const struct call_tree *tree;
    struct numbering strings; /* address of a string */
    struct numbering frames;  /* group of frames, module */
    uint32_t *nodes;          /* per frame one of its nodes */
    uint32_t *node_frames;    /* per node its frame */
};

/* --- what there is --- */

static bool intern(struct tables *tables, const char *text)
{
    return !text || numbering_of(&tables->strings, (uintptr_t)text, 0, 0) != NUMBER_NONE;
}

static bool number_all(struct tables *tables)
{
    const struct call_tree *tree = tables->tree;
    for (uint32_t i = 1; i < tree->node_count; i++) {
        const struct frame *frame = call_tree_frame(tree, i);
        uint32_t known = tables->frames.count;
        uint32_t number =
            numbering_of(&tables->frames, tree->nodes[i].group, (uintptr_t)frame->module, 0);
        if (number == NUMBER_NONE)
            return false;
        tables->node_frames[i] = number;
        if (number < known)
            continue;
        tables->nodes[number] = i;
        if (!intern(tables, frame->function) || !intern(tables, frame->file) ||
            !intern(tables, frame->module))
            return false;
    }
    return true;
}

/* --- columns --- */

typedef void column_value(struct tables *tables, uint32_t number);

static void write_column(struct tables *tables, const char *name, uint32_t first, uint32_t count,
                         column_value *value)
{
    json_name(tables->json, name);
    json_open_array(tables->json);
    for (uint32_t i = first; i < count; i++)
        value(tables, i);
    json_close_array(tables->json);
}

static const struct frame *frame_of(struct tables *tables, uint32_t number)
{
    return call_tree_frame(tables->tree, tables->nodes[number]);
}

/* 0: none; else its number and 1. All that are asked for have one. */
static void write_string(struct tables *tables, const char *text)
{
    uint32_t number = text ? numbering_of(&tables->strings, (uintptr_t)text, 0, 0) : NUMBER_NONE;
    json_unsigned(tables->json, number == NUMBER_NONE ? 0 : (uint64_t)number + 1);
}

static void frame_function(struct tables *tables, uint32_t number)
{
    write_string(tables, frame_of(tables, number)->function);
}

static void frame_file(struct tables *tables, uint32_t number)
{
    write_string(tables, frame_of(tables, number)->file);
}

static void frame_module(struct tables *tables, uint32_t number)
{
    write_string(tables, frame_of(tables, number)->module);
}

static void frame_line(struct tables *tables, uint32_t number)
{
    json_unsigned(tables->json, frame_of(tables, number)->line);
}

/* Only where there is no line to tell it by. */
static void frame_offset(struct tables *tables, uint32_t number)
{
    const struct frame *frame = frame_of(tables, number);
    json_unsigned(tables->json, frame->file || frame->is_special ? 0 : frame->offset);
}

static void frame_flags(struct tables *tables, uint32_t number)
{
    const struct frame *frame = frame_of(tables, number);
    json_unsigned(tables->json, (frame->is_inlined ? FRAME_INLINED : 0u) |
                                    (frame->is_special ? FRAME_SPECIAL : 0u) |
                                    (frame->is_runtime ? FRAME_RUNTIME : 0u));
}

/* How much further in the list than its caller: mostly small numbers. */
static void node_step(struct tables *tables, uint32_t node)
{
    json_unsigned(tables->json, node - tables->tree->nodes[node].parent);
}

static void node_frame(struct tables *tables, uint32_t node)
{
    json_unsigned(tables->json, tables->node_frames[node]);
}

static void write_strings(struct tables *tables)
{
    json_name(tables->json, "strings");
    json_open_array(tables->json);
    for (uint32_t i = 0; i < tables->strings.count; i++)
        json_string(tables->json, (const char *)(uintptr_t)tables->strings.keys[i].words[0]);
    json_close_array(tables->json);
}

/* Functions as they are called in a row of text; null where that is their whole name. */
static bool write_short_names(struct tables *tables)
{
    bool is_ok = true;
    json_name(tables->json, "short");
    json_open_array(tables->json);
    for (uint32_t i = 0; is_ok && i < tables->frames.count; i++) {
        const struct frame *frame = frame_of(tables, i);
        char *name = label_short_function(frame);
        is_ok = name;
        if (is_ok && frame->function && strcmp(name, frame->function) == 0)
            json_null(tables->json);
        else if (is_ok)
            json_string(tables->json, name);
        free(name);
    }
    json_close_array(tables->json);
    return is_ok;
}

static bool write_frames(struct tables *tables)
{
    uint32_t count = tables->frames.count;
    json_name(tables->json, "frames");
    json_open_object(tables->json);
    write_column(tables, "function", 0, count, frame_function);
    write_column(tables, "file", 0, count, frame_file);
    write_column(tables, "line", 0, count, frame_line);
    write_column(tables, "module", 0, count, frame_module);
    write_column(tables, "offset", 0, count, frame_offset);
    write_column(tables, "flags", 0, count, frame_flags);
    bool is_ok = write_short_names(tables);
    json_close_object(tables->json);
    return is_ok;
}

/* The root is in neither column: its number is 0. */
static void write_nodes(struct tables *tables)
{
    json_name(tables->json, "nodes");
    json_open_object(tables->json);
    write_column(tables, "step", 1, tables->tree->node_count, node_step);
    write_column(tables, "frame", 1, tables->tree->node_count, node_frame);
    json_close_object(tables->json);
}

/* --- figures --- */

static const struct figure_column {
    const char *name;
    size_t offset;
    bool is_of_end; /* not known of an earlier moment */
    bool is_total;  /* nor of the peak */
} memory_columns[] = {
    {"live_bytes", offsetof(struct figures, live_bytes), false, false},
    {"live_count", offsetof(struct figures, live_count), false, false},
    {"alloc_bytes", offsetof(struct figures, alloc_bytes), false, true},
    {"alloc_count", offsetof(struct figures, alloc_count), false, true},
    {"freed_bytes", offsetof(struct figures, freed_bytes), false, true},
    {"free_count", offsetof(struct figures, free_count), false, true},
    {"peak_bytes", offsetof(struct figures, peak_bytes), true, true},
    {"peak_count", offsetof(struct figures, peak_count), true, true},
    {"temporary_count", offsetof(struct figures, temporary_count), true, true},
};

/* See times.h. */
static const struct figure_column cpu_columns[] = {
    {"time_ns", offsetof(struct figures, alloc_bytes), false, true},
    {"samples", offsetof(struct figures, alloc_count), false, true},
    {"kernel_ns", offsetof(struct figures, freed_bytes), false, true},
};

static const struct figure_column wall_columns[] = {
    {"time_ns", offsetof(struct figures, alloc_bytes), false, true},
    {"samples", offsetof(struct figures, alloc_count), false, true},
    {"off_ns", offsetof(struct figures, peak_bytes), true, true},
};

static size_t columns_of(const struct trace *trace, const struct figure_column **ret_columns)
{
    if (!trace_is_timed(trace)) {
        *ret_columns = memory_columns;
        return sizeof memory_columns / sizeof *memory_columns;
    }
    bool is_cpu = trace->domain == DOMAIN_CPU;
    *ret_columns = is_cpu ? cpu_columns : wall_columns;
    return is_cpu ? sizeof cpu_columns / sizeof *cpu_columns
                  : sizeof wall_columns / sizeof *wall_columns;
}

static int64_t figure_at(const struct figures *figures, size_t offset)
{
    int64_t value;
    memcpy(&value, (const char *)figures + offset, sizeof value);
    return value;
}

static void write_ends(struct json *json, const struct call_tree *tree)
{
    const struct trace *trace = tree->stacks->trace;
    const struct figure_column *columns;
    size_t column_count = columns_of(trace, &columns);
    uint32_t last = 0;
    json_name(json, "ends");
    json_open_object(json);
    json_name(json, "step");
    json_open_array(json);
    for (uint32_t i = 0; i < tree->end_count; i++) {
        json_unsigned(json, tree->ends[i].node - last);
        last = tree->ends[i].node;
    }
    json_close_array(json);
    for (size_t i = 0; i < column_count; i++) {
        if ((columns[i].is_of_end && !trace_knows_all(trace)) ||
            (columns[i].is_total && !trace_knows_totals(trace)))
            continue;
        json_name(json, columns[i].name);
        json_open_array(json);
        for (uint32_t k = 0; k < tree->end_count; k++)
            json_signed(json, figure_at(&tree->ends[k].figures, columns[i].offset));
        json_close_array(json);
    }
    json_close_object(json);
}

/* --- a domain --- */

static bool write_tables(struct json *json, const struct call_tree *tree)
{
    struct tables tables = {.json = json, .tree = tree};
    size_t room = (size_t)tree->node_count + 1;
    tables.nodes = malloc(room * sizeof *tables.nodes);
    tables.node_frames = malloc(room * sizeof *tables.node_frames);
    bool is_ok = tables.nodes && tables.node_frames && number_all(&tables);
    if (is_ok) {
        write_strings(&tables);
        is_ok = write_frames(&tables);
        write_nodes(&tables);
    }
    numbering_finish(&tables.strings);
    numbering_finish(&tables.frames);
    free(tables.nodes);
    free(tables.node_frames);
    return is_ok;
}

static bool write_domain(struct json *json, const struct page_trace *page,
                         const struct history *history, struct page_sources *sources,
                         struct error *error)
{
    struct call_tree tree;
    bool is_shortened;
    if (!call_tree_init(&tree, page->stacks, page->filters, GRAIN_LINE, error))
        return false;
    if (!call_tree_shorten(&tree, NODES_MAX, &is_shortened)) {
        call_tree_finish(&tree);
        return error_out_of_memory(error);
    }
    json_open_object(json);
    json_member_string(json, "domain",
                       page->trace->domain == DOMAIN_OFF_CPU ? "wall"
                                                             : label_domain(page->trace->domain));
    json_member_bool(json, "is_shortened", is_shortened);
    bool is_ok = write_tables(json, &tree);
    write_ends(json, &tree);
    if (is_ok && trace_knows_all(page->trace))
        is_ok = page_history_write(json, history, &tree);
    json_close_object(json);
    is_ok = is_ok && (!page->has_source || page_sources_add(sources, &tree));
    call_tree_finish(&tree);
    return is_ok || error_out_of_memory(error);
}

/* Turns to a domain, if there is something to show of it. Waiting is a part of wall-clock time, as
 * CPU time is, which comes first. */
static bool choose_domain(struct trace *trace, uint32_t domain)
{
    struct figures total;
    if (domain == DOMAIN_OFF_CPU) {
        if (!times_are_there(trace, TIMES_WALL))
            return false;
        times_show(trace, TIMES_WALL);
        return true;
    }
    total = trace_domain_total(trace, domain);
    trace->domain = domain;
    return domain == DOMAIN_HEAP || !figures_are_zero(&total);
}

static bool write_domains(struct json *json, const struct page_trace *page,
                          const struct history *history, struct page_sources *sources,
                          struct error *error)
{
    uint32_t shown = page->trace->domain;
    bool is_ok = true;
    json_name(json, "domains");
    json_open_array(json);
    for (uint32_t domain = 0; is_ok && domain < DOMAIN_COUNT; domain++)
        if (choose_domain(page->trace, domain))
            is_ok = write_domain(json, page, history, sources, error);
    page->trace->domain = shown;
    json_close_array(json);
    return is_ok;
}

/* --- the trace as a whole --- */

/* What the summary in the terminal says below its figures. */
static void write_notes(struct json *json, const struct trace *trace)
{
    static void (*const notes[])(const struct trace *, char *, size_t) = {
        completeness_describe_clear, completeness_describe_pauses, completeness_describe_peak,
        completeness_describe_reading};
    json_name(json, "notes");
    json_open_array(json);
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        char note[REASON_BYTES];
        notes[i](trace, note, sizeof note);
        if (*note)
            json_string(json, note);
    }
    json_close_array(json);
}

static void write_words(struct json *json, const struct page_trace *page)
{
    char words[REASON_BYTES] = "";
    const struct trace *trace = page->trace;
    json_member_string(json, "name", page->name);
    completeness_describe_end(trace, words, sizeof words);
    json_member_string(json, "end", words);
    if (!trace_knows_all(trace)) {
        instant_describe(trace, words, sizeof words);
        json_member_string(json, "as_of", words);
    }
    json_member_bool(json, "is_running", trace->is_running);
    json_member_bool(json, "is_snapshot", trace->is_snapshot);
    json_member_bool(json, "is_filtered", page->filters->count || page->filters->suppressions);
    json_member_bool(json, "is_system", page->stacks->is_system);
    json_member_bool(json, "has_source", page->has_source);
    json_member_unsigned(json, "machine", trace->header.machine);
    json_member_unsigned(json, "depth_limit", trace->header.depth_limit);
}

bool page_data_write(struct json *json, const struct page_trace *page, struct error *error)
{
    struct history history;
    struct page_sources sources = {0};
    if (!history_init(&history, page->trace, error))
        return false;
    json_open_object(json);
    write_words(json, page);
    report_json_write_trace(json, page->stacks);
    write_notes(json, page->trace);
    bool is_ok = page_times_write(json, page->trace) || error_out_of_memory(error);
    is_ok = is_ok && page_series_write(json, page->trace, error) &&
            write_domains(json, page, &history, &sources, error);
    if (is_ok && page->has_source && !page_sources_write(json, &sources))
        is_ok = error_out_of_memory(error);
    json_close_object(json);
    page_sources_finish(&sources);
    history_finish(&history);
    return is_ok;
}
