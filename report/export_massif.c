/* SPDX-License-Identifier: BSD-2-Clause */
/* export_massif.c -- A massif profile, for ms_print and massif-visualizer.
 *
 * Snapshots are the ticks of the trace's history, the peak and the end; the latter two have the
 * tree of who allocated what was live, callers below what they called. As in massif's own files it
 * is 30 frames deep, and what has less than one percent of all is summed up. */
#include "export.h"

#include "history.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEPTH_MAX = 30,
    SIGNIFICANT_PARTS = 100 /* at least one of so many */
};

/* A stack of which the frames up to a node have been written. */
struct row {
    uint32_t node;
    uint32_t group; /* of frames; sorts */
    int64_t bytes;
};

/* Rows that have the next frame in common. */
struct branch {
    uint32_t first;
    uint32_t count;
    int64_t bytes;
};

struct heap_tree {
    FILE *out;
    const struct call_tree *tree;
    enum measure measure;
    int64_t total;
    struct row *rows;
};

/* --- the tree --- */

static int compare_rows(const void *a, const void *b)
{
    const struct row *left = a;
    const struct row *right = b;
    if (left->group != right->group)
        return left->group < right->group ? -1 : 1;
    return (left->node > right->node) - (left->node < right->node);
}

static int compare_branches(const void *a, const void *b)
{
    const struct branch *left = a;
    const struct branch *right = b;
    if (left->bytes != right->bytes)
        return left->bytes < right->bytes ? 1 : -1;
    return (left->first > right->first) - (left->first < right->first);
}

/* The branches of rows, largest first, to be freed; stacks that end here are in none. */
static struct branch *divide(const struct heap_tree *heap, uint32_t first, uint32_t count,
                             uint32_t *ret_count)
{
    struct branch *branches = calloc((size_t)count + 1, sizeof *branches);
    uint32_t branch_count = 0;
    for (uint32_t i = first; i < first + count; i++) {
        struct row *row = &heap->rows[i];
        row->group = row->node ? heap->tree->nodes[row->node].group : UINT32_MAX;
    }
    qsort(heap->rows + first, count, sizeof *heap->rows, compare_rows);
    for (uint32_t i = first; branches && i < first + count && heap->rows[i].node; i++) {
        if (!branch_count || heap->rows[i].group != heap->rows[i - 1].group)
            branches[branch_count++] = (struct branch){.first = i};
        branches[branch_count - 1].count++;
        branches[branch_count - 1].bytes += heap->rows[i].bytes;
    }
    if (branches)
        qsort(branches, branch_count, sizeof *branches, compare_branches);
    *ret_count = branch_count;
    return branches;
}

/* For ms_print the rest of a line after # is a comment. */
static bool write_name(FILE *out, const struct frame *frame)
{
    char *name = export_frame_name(frame);
    for (char *at = name; at && (at = strchr(at, '#'));)
        *at = ':';
    if (name)
        text_write(out, name);
    free(name);
    return name;
}

static bool write_frame(const struct heap_tree *heap, uint32_t node)
{
    const struct frame *frame = call_tree_frame(heap->tree, node);
    const struct trace *trace = heap->tree->stacks->trace;
    if (!frame->is_special && frame->module_index < trace->module_count)
        fprintf(heap->out, "0x%" PRIX64 ": ",
                trace->modules[frame->module_index].load_bias + frame->offset);
    return write_name(heap->out, frame);
}

static bool is_significant(const struct heap_tree *heap, const struct branch *branch)
{
    return branch->bytes >= heap->total / SIGNIFICANT_PARTS;
}

static void write_rest(const struct heap_tree *heap, const struct branch *rest, uint32_t count,
                       int depth)
{
    int64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += rest[i].bytes;
    fprintf(heap->out,
            "%*sn0: %" PRId64 " in %" PRIu32 " place%s below massif's threshold (1.00%%)\n", depth,
            "", bytes, count, count == 1 ? "," : "s, all");
}

/* The line of a branch, and those of its callers. */
static bool write_branch(const struct heap_tree *heap, const struct branch *branch, int depth)
{
    uint32_t node = depth ? heap->rows[branch->first].node : 0;
    uint32_t count = 0;
    uint32_t shown = 0;
    for (uint32_t i = branch->first; node && i < branch->first + branch->count; i++)
        heap->rows[i].node = heap->tree->nodes[heap->rows[i].node].parent;
    struct branch *callers = divide(heap, branch->first, branch->count, &count);
    if (depth == DEPTH_MAX)
        count = 0;
    while (shown < count && is_significant(heap, &callers[shown]))
        shown++;
    fprintf(heap->out, "%*sn%" PRIu32 ": %" PRId64 " ", depth, "", shown + (shown < count),
            branch->bytes);
    bool is_ok = callers;
    if (node)
        is_ok = is_ok && write_frame(heap, node);
    else
        fputs("(heap allocation functions) malloc/new/new[], --alloc-fns, etc.", heap->out);
    fputc('\n', heap->out);
    for (uint32_t i = 0; is_ok && i < shown; i++)
        is_ok = write_branch(heap, &callers[i], depth + 1);
    if (is_ok && shown < count)
        write_rest(heap, callers + shown, count - shown, depth + 1);
    free(callers);
    return is_ok;
}

static bool write_tree(FILE *out, const struct call_tree *tree, enum measure measure)
{
    struct heap_tree heap = {.out = out, .tree = tree, .measure = measure};
    uint32_t count = 0;
    heap.rows = calloc((size_t)tree->end_count + 1, sizeof *heap.rows);
    for (uint32_t i = 0; heap.rows && i < tree->end_count; i++) {
        int64_t bytes = figures_rank(&tree->ends[i].figures, measure);
        if (bytes <= 0)
            continue;
        heap.rows[count++] = (struct row){.node = tree->ends[i].node, .bytes = bytes};
        heap.total += bytes;
    }
    const struct branch all = {.count = count, .bytes = heap.total};
    bool is_ok = heap.rows && write_branch(&heap, &all, 0);
    free(heap.rows);
    return is_ok;
}

/* --- snapshots --- */

struct snapshots {
    FILE *out;
    const struct call_tree *tree;
    uint32_t count;
};

/* tree_word: "empty", or what kind of snapshot has the tree. */
static bool write_snapshot(struct snapshots *snapshots, uint64_t time_ns, int64_t live_bytes,
                           const char *tree_word, enum measure measure)
{
    fprintf(snapshots->out,
            "#-----------\nsnapshot=%" PRIu32 "\n#-----------\ntime=%" PRIu64
            "\nmem_heap_B=%" PRId64 "\nmem_heap_extra_B=0\nmem_stacks_B=0\nheap_tree=%s\n",
            snapshots->count++, time_ns / 1000000, live_bytes > 0 ? live_bytes : 0, tree_word);
    return strcmp(tree_word, "empty") == 0 || write_tree(snapshots->out, snapshots->tree, measure);
}

static bool write_peak(struct snapshots *snapshots)
{
    return write_snapshot(snapshots, trace_peak_time_ns(snapshots->tree->stacks->trace),
                          snapshots->tree->total.peak_bytes, "peak", MEASURE_PEAK);
}

/* What the tick changes about the bytes that are live. */
static int64_t tick_change(const struct history *history, uint32_t tick,
                           const struct call_tree *tree)
{
    struct history_walk walk = history_walk(history, tick);
    struct history_entry entry;
    int64_t change = 0;
    while (history_walk_next(&walk, &entry))
        if (tree->site_ends[trace_site(history->trace, entry.id)] != NO_END)
            change += (int64_t)(entry.alloc_bytes - entry.freed_bytes);
    return change;
}

static int64_t inherited_bytes(const struct call_tree *tree)
{
    const struct trace *trace = tree->stacks->trace;
    int64_t bytes = 0;
    for (uint32_t i = 1; i < trace->inherited_count && i < trace->owner_count; i++)
        if (tree->site_ends[trace->owners[i].node] != NO_END)
            bytes += trace->inherited[i].live_bytes;
    return bytes;
}

static bool write_series(struct snapshots *snapshots, const struct history *history)
{
    const struct trace *trace = history->trace;
    int64_t live_bytes = inherited_bytes(snapshots->tree);
    uint64_t peak_time_ns = trace_peak_time_ns(trace);
    uint64_t end_ns = trace_knows_all(trace) ? trace_duration_ns(trace) : trace->instant.time_ns;
    bool has_peak = !trace_knows_all(trace);
    bool is_ok = write_snapshot(snapshots, 0, live_bytes, "empty", MEASURE_LIVE);
    for (uint32_t i = 0; is_ok && i < history->tick_count; i++) {
        uint64_t time_ns = history->ticks[i].time_ns;
        if (time_ns >= end_ns)
            break;
        if (!has_peak && time_ns >= peak_time_ns)
            has_peak = is_ok = write_peak(snapshots);
        live_bytes += tick_change(history, i, snapshots->tree);
        is_ok = is_ok && write_snapshot(snapshots, time_ns, live_bytes, "empty", MEASURE_LIVE);
    }
    if (is_ok && !has_peak)
        is_ok = write_peak(snapshots);
    return is_ok && write_snapshot(snapshots, end_ns, snapshots->tree->total.live_bytes, "detailed",
                                   MEASURE_LIVE);
}

/* --- the whole --- */

static void write_head(FILE *out, const struct trace *trace)
{
    fprintf(out, "desc: recorded by memtrace, pid %" PRIu32 "\ncmd: ", trace->header.pid);
    text_write(out, trace->program);
    fputs("\ntime_unit: ms\n", out);
}

static bool write_massif(FILE *out, const struct export *export, struct error *error)
{
    const struct trace *trace = export->stacks->trace;
    struct call_tree tree;
    struct history history;
    if (!history_init(&history, trace, error))
        return false;
    if (!export_tree(export, &tree, GRAIN_LINE, error)) {
        history_finish(&history);
        return false;
    }
    struct snapshots snapshots = {.out = out, .tree = &tree};
    write_head(out, trace);
    bool is_ok = write_series(&snapshots, &history);
    call_tree_finish(&tree);
    history_finish(&history);
    return is_ok || error_out_of_memory(error);
}

const struct export_format export_massif = {
    .name = "massif",
    .summary = "for ms_print and massif-visualizer: live over time, the peak, the end",
    .next = "ms_print %s",
    .write = write_massif,
};
