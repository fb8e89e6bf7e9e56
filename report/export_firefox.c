/* SPDX-License-Identifier: BSD-2-Clause */
/* export_firefox.c -- A profile for the Firefox Profiler, in its processed format.
 *
 * Each measure is a thread, whose samples are the call stacks and weigh what the figures say. They
 * have no time; they stand in a row, a millisecond apart. Tables are written by columns, all of the
 * same length. The table of strings has the names of the functions first, then the files, then the
 * libraries. */
#include "export.h"

#include "json.h"
#include "label.h"
#include "numbering.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The last version of the format in which every thread has tables of its own. Viewers bring it up
 * to date. */
enum {
    FORMAT_VERSION = 47,
    GECKO_VERSION = 24,
    RESOURCE_LIBRARY = 1
};

/* Numbers in the file are those of the numberings. */
struct fox {
    struct json json;
    const struct call_tree *tree;
    struct numbering frames;    /* group of frames */
    struct numbering functions; /* name and file or module; or a frame without a name */
    struct numbering files;     /* address of the path */
    struct numbering libraries; /* the same */
    uint32_t *nodes;            /* per frame one of its nodes */
    uint32_t *node_frames;      /* per node its frame */
    uint32_t *frame_functions;  /* per frame */
    uint32_t *function_frames;  /* per function one of its frames */
    uint32_t *stacks;           /* per node, of the thread at hand: its place in the table + 1 */
    uint32_t stack_count;
    bool has_failed; /* out of memory */
};

/* Of a frame, of a function: what a column of its table holds. */
typedef void column_value(struct fox *fox, uint32_t number);

static const struct frame *frame_of(const struct fox *fox, uint32_t number)
{
    return call_tree_frame(fox->tree, fox->nodes[number]);
}

static const struct frame *frame_of_function(const struct fox *fox, uint32_t number)
{
    return frame_of(fox, fox->function_frames[number]);
}

/* --- what there is --- */

static uint32_t number_of(struct fox *fox, struct numbering *numbering, uint64_t a, uint64_t b)
{
    uint32_t number = numbering_of(numbering, a, b, 0);
    fox->has_failed = fox->has_failed || number == NUMBER_NONE;
    return fox->has_failed ? 0 : number;
}

static bool has_library(const struct frame *frame)
{
    return !frame->is_special && *frame->module;
}

static void add_function(struct fox *fox, uint32_t frame_number)
{
    const struct frame *frame = frame_of(fox, frame_number);
    const char *where = frame->file ? frame->file : frame->module;
    uint32_t known = fox->functions.count;
    uint32_t number =
        frame->function
            ? number_of(fox, &fox->functions, (uintptr_t)frame->function, (uintptr_t)where)
            : number_of(fox, &fox->functions, frame->offset, (uintptr_t)where);
    fox->frame_functions[frame_number] = number;
    if (number < known)
        return;
    fox->function_frames[number] = frame_number;
    if (frame->file)
        number_of(fox, &fox->files, (uintptr_t)frame->file, 0);
    if (has_library(frame))
        number_of(fox, &fox->libraries, (uintptr_t)frame->module, frame->module_index);
}

static void number_all(struct fox *fox)
{
    const struct call_tree *tree = fox->tree;
    for (uint32_t i = 1; i < tree->node_count && !fox->has_failed; i++) {
        uint32_t known = fox->frames.count;
        uint32_t number = number_of(fox, &fox->frames, tree->nodes[i].group, 0);
        fox->node_frames[i] = number;
        if (number < known || fox->has_failed)
            continue;
        fox->nodes[number] = i;
        add_function(fox, number);
    }
}

/* --- columns --- */

static void write_column(struct fox *fox, const char *name, uint32_t count, column_value *value)
{
    json_name(&fox->json, name);
    json_open_array(&fox->json);
    for (uint32_t i = 0; i < count; i++)
        value(fox, i);
    json_close_array(&fox->json);
}

static void open_table(struct fox *fox, const char *name, uint32_t length)
{
    json_name(&fox->json, name);
    json_open_object(&fox->json);
    json_member_unsigned(&fox->json, "length", length);
}

static void no_value(struct fox *fox, uint32_t number)
{
    (void)number;
    json_null(&fox->json);
}

static void zero(struct fox *fox, uint32_t number)
{
    (void)number;
    json_unsigned(&fox->json, 0);
}

static void is_false(struct fox *fox, uint32_t number)
{
    (void)number;
    json_bool(&fox->json, false);
}

static void own_number(struct fox *fox, uint32_t number)
{
    json_unsigned(&fox->json, number);
}

/* --- frames and functions --- */

static void frame_address(struct fox *fox, uint32_t number)
{
    const struct frame *frame = frame_of(fox, number);
    if (has_library(frame))
        json_unsigned(&fox->json, frame->offset);
    else
        json_signed(&fox->json, -1);
}

static void frame_line(struct fox *fox, uint32_t number)
{
    const struct frame *frame = frame_of(fox, number);
    if (frame->file)
        json_unsigned(&fox->json, frame->line);
    else
        json_null(&fox->json);
}

static void frame_function(struct fox *fox, uint32_t number)
{
    json_unsigned(&fox->json, fox->frame_functions[number]);
}

static void write_frames(struct fox *fox)
{
    uint32_t count = fox->frames.count;
    open_table(fox, "frameTable", count);
    write_column(fox, "address", count, frame_address);
    write_column(fox, "inlineDepth", count, zero);
    write_column(fox, "category", count, zero);
    write_column(fox, "subcategory", count, zero);
    write_column(fox, "func", count, frame_function);
    write_column(fox, "nativeSymbol", count, no_value);
    write_column(fox, "innerWindowID", count, zero);
    write_column(fox, "implementation", count, no_value);
    write_column(fox, "line", count, frame_line);
    write_column(fox, "column", count, no_value);
    json_close_object(&fox->json);
}

static void function_resource(struct fox *fox, uint32_t number)
{
    const struct frame *frame = frame_of_function(fox, number);
    if (has_library(frame))
        json_unsigned(&fox->json, number_of(fox, &fox->libraries, (uintptr_t)frame->module,
                                            frame->module_index));
    else
        json_signed(&fox->json, -1);
}

static void function_file(struct fox *fox, uint32_t number)
{
    const struct frame *frame = frame_of_function(fox, number);
    if (frame->file)
        json_unsigned(&fox->json, fox->functions.count +
                                      number_of(fox, &fox->files, (uintptr_t)frame->file, 0));
    else
        json_null(&fox->json);
}

static void write_functions(struct fox *fox)
{
    uint32_t count = fox->functions.count;
    open_table(fox, "funcTable", count);
    write_column(fox, "name", count, own_number);
    write_column(fox, "isJS", count, is_false);
    write_column(fox, "relevantForJS", count, is_false);
    write_column(fox, "resource", count, function_resource);
    write_column(fox, "fileName", count, function_file);
    write_column(fox, "lineNumber", count, no_value);
    write_column(fox, "columnNumber", count, no_value);
    json_close_object(&fox->json);
}

/* --- libraries and strings --- */

static void library_name(struct fox *fox, uint32_t number)
{
    json_unsigned(&fox->json, fox->functions.count + fox->files.count + number);
}

static void library_type(struct fox *fox, uint32_t number)
{
    (void)number;
    json_unsigned(&fox->json, RESOURCE_LIBRARY);
}

static void write_libraries(struct fox *fox)
{
    uint32_t count = fox->libraries.count;
    open_table(fox, "resourceTable", count);
    write_column(fox, "lib", count, own_number);
    write_column(fox, "name", count, library_name);
    write_column(fox, "host", count, no_value);
    write_column(fox, "type", count, library_type);
    json_close_object(&fox->json);
    open_table(fox, "nativeSymbols", 0);
    write_column(fox, "libIndex", 0, zero);
    write_column(fox, "address", 0, zero);
    write_column(fox, "name", 0, zero);
    write_column(fox, "functionSize", 0, zero);
    json_close_object(&fox->json);
}

static void write_text(struct fox *fox, const char *text)
{
    char *escaped = export_escaped(text);
    json_string(&fox->json, escaped ? escaped : "");
    fox->has_failed = fox->has_failed || !escaped;
    free(escaped);
}

static void write_strings(struct fox *fox)
{
    json_name(&fox->json, "stringArray");
    json_open_array(&fox->json);
    for (uint32_t i = 0; i < fox->functions.count; i++) {
        char *name = label_function(frame_of_function(fox, i));
        write_text(fox, name ? name : "");
        fox->has_failed = fox->has_failed || !name;
        free(name);
    }
    for (uint32_t i = 0; i < fox->files.count; i++)
        write_text(fox, (const char *)(uintptr_t)fox->files.keys[i].words[0]);
    for (uint32_t i = 0; i < fox->libraries.count; i++)
        write_text(fox, text_basename((const char *)(uintptr_t)fox->libraries.keys[i].words[0]));
    json_close_array(&fox->json);
}

static void write_build_id(struct fox *fox, const struct trace_module *module)
{
    char text[2 * TRACE_BUILD_ID_MAX + 1] = "";
    for (uint32_t i = 0; i < module->build_id_bytes && i < TRACE_BUILD_ID_MAX; i++)
        snprintf(text + 2 * (size_t)i, 3, "%02x", module->build_id[i]);
    json_member_string(&fox->json, "codeId", text);
}

static void write_libs(struct fox *fox)
{
    struct json *json = &fox->json;
    json_name(json, "libs");
    json_open_array(json);
    for (uint32_t i = 0; i < fox->libraries.count; i++) {
        const uint64_t *key = fox->libraries.keys[i].words;
        char *path = export_escaped((const char *)(uintptr_t)key[0]);
        const char *shown = path ? path : "";
        fox->has_failed = fox->has_failed || !path;
        json_open_object(json);
        json_member_string(json, "arch", "");
        json_member_string(json, "name", text_basename(shown));
        json_member_string(json, "path", shown);
        json_member_string(json, "debugName", text_basename(shown));
        json_member_string(json, "debugPath", shown);
        json_member_string(json, "breakpadId", "");
        write_build_id(fox, &fox->tree->stacks->trace->modules[key[1]]);
        json_close_object(json);
        free(path);
    }
    json_close_array(json);
}

/* --- stacks and samples --- */

static int64_t weight_of(const struct fox *fox, uint32_t end, enum measure measure)
{
    int64_t weight = figures_rank(&fox->tree->ends[end].figures, measure);
    return weight > 0 ? weight : 0;
}

/* Only what is on a stack that has something is in the thread's table; callers come first. */
static void number_stacks(struct fox *fox, enum measure measure)
{
    const struct call_tree *tree = fox->tree;
    memset(fox->stacks, 0, ((size_t)tree->node_count + 1) * sizeof *fox->stacks);
    fox->stack_count = 0;
    for (uint32_t i = 0; i < tree->end_count; i++)
        for (uint32_t node = weight_of(fox, i, measure) ? tree->ends[i].node : 0;
             node && !fox->stacks[node]; node = tree->nodes[node].parent)
            fox->stacks[node] = 1;
    for (uint32_t i = 1; i < tree->node_count; i++)
        if (fox->stacks[i])
            fox->stacks[i] = ++fox->stack_count;
}

static void write_stacks(struct fox *fox)
{
    const struct call_tree *tree = fox->tree;
    open_table(fox, "stackTable", fox->stack_count);
    json_name(&fox->json, "frame");
    json_open_array(&fox->json);
    for (uint32_t i = 1; i < tree->node_count; i++)
        if (fox->stacks[i])
            json_unsigned(&fox->json, fox->node_frames[i]);
    json_close_array(&fox->json);
    json_name(&fox->json, "prefix");
    json_open_array(&fox->json);
    for (uint32_t i = 1; i < tree->node_count; i++) {
        if (fox->stacks[i] && tree->nodes[i].parent)
            json_unsigned(&fox->json, fox->stacks[tree->nodes[i].parent] - 1);
        else if (fox->stacks[i])
            json_null(&fox->json);
    }
    json_close_array(&fox->json);
    write_column(fox, "category", fox->stack_count, zero);
    write_column(fox, "subcategory", fox->stack_count, zero);
    json_close_object(&fox->json);
}

static void write_samples(struct fox *fox, enum measure measure)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < fox->tree->end_count; i++)
        count += weight_of(fox, i, measure) > 0;
    open_table(fox, "samples", count);
    json_name(&fox->json, "stack");
    json_open_array(&fox->json);
    for (uint32_t i = 0; i < fox->tree->end_count; i++)
        if (weight_of(fox, i, measure))
            json_unsigned(&fox->json, fox->stacks[fox->tree->ends[i].node] - 1);
    json_close_array(&fox->json);
    json_name(&fox->json, "weight");
    json_open_array(&fox->json);
    for (uint32_t i = 0; i < fox->tree->end_count; i++)
        if (weight_of(fox, i, measure))
            json_signed(&fox->json, weight_of(fox, i, measure));
    json_close_array(&fox->json);
    write_column(fox, "time", count, own_number);
    json_member_string(&fox->json, "weightType",
                       export_measure(fox->tree->stacks->trace, measure)->is_in_bytes ? "bytes"
                                                                                      : "samples");
    json_close_object(&fox->json);
}

/* --- threads --- */

static void write_thread_head(struct fox *fox, enum measure measure, size_t number)
{
    const struct trace *trace = fox->tree->stacks->trace;
    struct json *json = &fox->json;
    char pid[16]; /* a string, in this format */
    json_member_string(json, "name", export_measure(fox->tree->stacks->trace, measure)->title);
    json_member_string(json, "processType", "default");
    json_name(json, "processName");
    write_text(fox, text_basename(trace->program));
    json_member_unsigned(json, "processStartupTime", 0);
    json_name(json, "processShutdownTime");
    json_null(json);
    json_member_unsigned(json, "registerTime", 0);
    json_name(json, "unregisterTime");
    json_null(json);
    json_name(json, "pausedRanges");
    json_open_array(json);
    json_close_array(json);
    snprintf(pid, sizeof pid, "%" PRIu32, trace->header.pid);
    json_member_string(json, "pid", pid);
    json_member_unsigned(json, "tid", number + 1);
    json_member_bool(json, "isMainThread", number == 0);
}

static void write_markers(struct fox *fox)
{
    static const char *const columns[] = {"data",    "name",  "startTime",
                                          "endTime", "phase", "category"};
    open_table(fox, "markers", 0);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        write_column(fox, columns[i], 0, zero);
    json_close_object(&fox->json);
}

static void write_thread(struct fox *fox, enum measure measure, size_t number)
{
    json_open_object(&fox->json);
    write_thread_head(fox, measure, number);
    write_strings(fox);
    write_frames(fox);
    write_functions(fox);
    write_libraries(fox);
    number_stacks(fox, measure);
    write_stacks(fox);
    write_samples(fox, measure);
    write_markers(fox);
    json_close_object(&fox->json);
}

/* --- the whole --- */

/* Between two samples, on average. */
static uint64_t interval_ms(const struct fox *fox)
{
    const struct figures *total = &fox->tree->total;
    if (!trace_is_timed(fox->tree->stacks->trace) || !total->alloc_count)
        return 1;
    uint64_t interval = (total->alloc_bytes / total->alloc_count + 500000) / 1000000;
    return interval ? interval : 1;
}

static void write_meta(struct fox *fox)
{
    const struct trace *trace = fox->tree->stacks->trace;
    struct json *json = &fox->json;
    json_name(json, "meta");
    json_open_object(json);
    json_member_unsigned(json, "interval", interval_ms(fox));
    json_member_unsigned(json, "startTime", trace->header.start_realtime_ns / 1000000);
    json_member_unsigned(json, "processType", 0);
    json_name(json, "product");
    write_text(fox, text_basename(trace->program));
    json_member_unsigned(json, "stackwalk", 1);
    json_member_unsigned(json, "version", GECKO_VERSION);
    json_member_unsigned(json, "preprocessedProfileVersion", FORMAT_VERSION);
    json_member_bool(json, "symbolicated", true);
    json_member_string(json, "importedFrom", "memtrace");
    json_name(json, "categories");
    json_open_array(json);
    json_open_object(json);
    json_member_string(json, "name", "Other");
    json_member_string(json, "color", "grey");
    json_name(json, "subcategories");
    json_open_array(json);
    json_string(json, "Other");
    json_close_array(json);
    json_close_object(json);
    json_close_array(json);
    json_name(json, "markerSchema");
    json_open_array(json);
    json_close_array(json);
    json_close_object(json);
}

static void write_document(struct fox *fox, const struct export *export)
{
    enum measure measures[MEASURE_COUNT_OF];
    size_t count = export_all_measures(export, measures);
    if (trace_is_timed(export->stacks->trace)) { /* it counts samples, so many of an interval */
        measures[0] = MEASURE_COUNT;
        count = 1;
    }
    json_open_object(&fox->json);
    write_meta(fox);
    write_libs(fox);
    json_name(&fox->json, "pages");
    json_open_array(&fox->json);
    json_close_array(&fox->json);
    json_name(&fox->json, "threads");
    json_open_array(&fox->json);
    for (size_t i = 0; i < count; i++)
        write_thread(fox, measures[i], i);
    json_close_array(&fox->json);
    json_close_object(&fox->json);
    json_end(&fox->json);
}

static bool fox_init(struct fox *fox, FILE *out, const struct call_tree *tree)
{
    size_t nodes = (size_t)tree->node_count + 1;
    *fox = (struct fox){.json = json_begin(out), .tree = tree};
    fox->node_frames = calloc(nodes, sizeof *fox->node_frames);
    fox->stacks = calloc(nodes, sizeof *fox->stacks);
    fox->nodes = calloc((size_t)tree->group_count + 1, sizeof *fox->nodes);
    fox->frame_functions = calloc((size_t)tree->group_count + 1, sizeof *fox->frame_functions);
    fox->function_frames = calloc((size_t)tree->group_count + 1, sizeof *fox->function_frames);
    fox->has_failed = !fox->node_frames || !fox->stacks || !fox->nodes || !fox->frame_functions ||
                      !fox->function_frames;
    return !fox->has_failed;
}

static void fox_finish(struct fox *fox)
{
    numbering_finish(&fox->frames);
    numbering_finish(&fox->functions);
    numbering_finish(&fox->files);
    numbering_finish(&fox->libraries);
    free(fox->node_frames);
    free(fox->stacks);
    free(fox->nodes);
    free(fox->frame_functions);
    free(fox->function_frames);
}

static bool write_firefox(FILE *out, const struct export *export, struct error *error)
{
    struct call_tree tree;
    struct fox fox;
    if (!export_tree(export, &tree, GRAIN_LINE, error))
        return false;
    if (fox_init(&fox, out, &tree))
        number_all(&fox);
    if (!fox.has_failed)
        write_document(&fox, export);
    fox_finish(&fox);
    call_tree_finish(&tree);
    return !fox.has_failed || error_out_of_memory(error);
}

const struct export_format export_firefox = {
    .name = "firefox",
    .summary = "JSON for profiler.firefox.com, a thread per measure",
    .has_time = true,
    .write = write_firefox,
};
