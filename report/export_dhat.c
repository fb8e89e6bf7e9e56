/* SPDX-License-Identifier: BSD-2-Clause */
/* export_dhat.c -- A DHAT profile, for valgrind's dh_view.html and the Firefox Profiler.
 *
 * How long blocks lived, and the most that one call site ever had, is not recorded: lifetimes are
 * zero, and the larger of what was live at the peak and at the end stands for the most. */
#include "export.h"

#include "json.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>

struct dhat {
    struct json json;
    const struct call_tree *tree;
    uint32_t *numbers; /* per group of frames: its place in the table of frames, 0: not in it yet */
    uint32_t *order;   /* per place in that table a node */
    uint32_t frame_count;
    uint32_t *path;
};

static uint64_t positive(int64_t number)
{
    return number > 0 ? (uint64_t)number : 0;
}

static uint64_t larger(int64_t a, int64_t b)
{
    return positive(a > b ? a : b);
}

/* --- call sites --- */

/* [0] of the table of frames is the root. */
static uint32_t number_of(struct dhat *dhat, uint32_t node)
{
    uint32_t *number = &dhat->numbers[dhat->tree->nodes[node].group];
    if (!*number) {
        *number = ++dhat->frame_count;
        dhat->order[*number] = node;
    }
    return *number;
}

static void write_site(struct dhat *dhat, const struct call_stack *end)
{
    struct json *json = &dhat->json;
    const struct figures *figures = &end->figures;
    json_open_object(json);
    json_member_unsigned(json, "tb", figures->alloc_bytes);
    json_member_unsigned(json, "tbk", figures->alloc_count);
    json_member_unsigned(json, "tl", 0);
    json_member_unsigned(json, "mb", larger(figures->peak_bytes, figures->live_bytes));
    json_member_unsigned(json, "mbk", larger(figures->peak_count, figures->live_count));
    json_member_unsigned(json, "gb", positive(figures->peak_bytes));
    json_member_unsigned(json, "gbk", positive(figures->peak_count));
    json_member_unsigned(json, "eb", positive(figures->live_bytes));
    json_member_unsigned(json, "ebk", positive(figures->live_count));
    json_name(json, "fs");
    json_open_array(json);
    uint32_t count = call_tree_path(dhat->tree, end->node, dhat->path);
    for (uint32_t i = 0; i < count; i++)
        json_unsigned(json, number_of(dhat, dhat->path[i]));
    json_close_array(json);
    json_close_object(json);
}

static void write_sites(struct dhat *dhat)
{
    json_name(&dhat->json, "pps");
    json_open_array(&dhat->json);
    for (uint32_t i = 0; i < dhat->tree->end_count; i++)
        write_site(dhat, &dhat->tree->ends[i]);
    json_close_array(&dhat->json);
}

/* --- frames --- */

/* "0x401136: parse (a.c:10)" */
static bool write_frame(struct dhat *dhat, uint32_t node)
{
    const struct frame *frame = call_tree_frame(dhat->tree, node);
    const struct trace *trace = dhat->tree->stacks->trace;
    char *name = export_frame_name(frame);
    char *escaped = name ? export_escaped(name) : NULL;
    char *text = NULL;
    uint64_t bias = frame->is_special || frame->module_index >= trace->module_count
                        ? 0
                        : trace->modules[frame->module_index].load_bias;
    if (escaped && asprintf(&text, "0x%" PRIX64 ": %s",
                            frame->is_special ? 0 : bias + frame->offset, escaped) < 0)
        text = NULL;
    if (text)
        json_string(&dhat->json, text);
    free(name);
    free(escaped);
    free(text);
    return text;
}

static bool write_frames(struct dhat *dhat)
{
    bool is_ok = true;
    json_name(&dhat->json, "ftbl");
    json_open_array(&dhat->json);
    json_string(&dhat->json, "[root]");
    for (uint32_t i = 1; is_ok && i <= dhat->frame_count; i++)
        is_ok = write_frame(dhat, dhat->order[i]);
    json_close_array(&dhat->json);
    return is_ok;
}

/* --- the whole --- */

static void write_head(struct json *json, const struct trace *trace)
{
    char *program = export_escaped(trace->program);
    json_member_unsigned(json, "dhatFileVersion", 2);
    json_member_string(json, "mode", "memtrace");
    json_member_string(json, "verb", "Allocated");
    json_member_bool(json, "bklt", true);
    json_member_bool(json, "bkacc", false);
    json_member_string(json, "tu", "µs");
    json_member_string(json, "Mtu", "s");
    json_member_unsigned(json, "tuth", 0);
    json_member_string(json, "cmd", program ? program : "");
    json_member_unsigned(json, "pid", trace->header.pid);
    json_member_unsigned(json, "tg", trace_peak_time_ns(trace) / 1000);
    json_member_unsigned(json, "te", trace_duration_ns(trace) / 1000);
    free(program);
}

static bool write_document(struct dhat *dhat)
{
    json_open_object(&dhat->json);
    write_head(&dhat->json, dhat->tree->stacks->trace);
    write_sites(dhat);
    bool is_ok = write_frames(dhat);
    json_close_object(&dhat->json);
    json_end(&dhat->json);
    return is_ok;
}

static bool write_dhat(FILE *out, const struct export *export, struct error *error)
{
    struct call_tree tree;
    if (!export_tree(export, &tree, GRAIN_LINE, error))
        return false;
    struct dhat dhat = {.json = json_begin(out), .tree = &tree};
    dhat.numbers = calloc((size_t)tree.group_count + 1, sizeof *dhat.numbers);
    dhat.order = calloc((size_t)tree.group_count + 2, sizeof *dhat.order);
    dhat.path = malloc(((size_t)tree.depth_max + 1) * sizeof *dhat.path);
    bool is_ok = dhat.numbers && dhat.order && dhat.path && write_document(&dhat);
    free(dhat.numbers);
    free(dhat.order);
    free(dhat.path);
    call_tree_finish(&tree);
    return is_ok || error_out_of_memory(error);
}

const struct export_format export_dhat = {
    .name = "dhat",
    .summary = "for DHAT's viewer, dh_view.html, and the Firefox Profiler",
    .is_whole = true,
    .write = write_dhat,
};
