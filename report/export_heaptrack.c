/* SPDX-License-Identifier: BSD-2-Clause */
/* export_heaptrack.c -- A heaptrack file, for heaptrack_print and heaptrack_gui.
 *
 * Such a file is a log: a line for every allocation and for every free. A trace does not have one,
 * but heaptrack only adds the lines up; so a log is written that adds up to the same calls,
 * temporary allocations, bytes at the peak and bytes in the end, of every call stack. Of a stack's
 * blocks only their number and their sum is known, so they are of two sizes next to each other.
 *
 * The log goes from nothing to the peak and from there to the end. Frees come before allocations,
 * that there is never more than at the peak. heaptrack calls an allocation temporary if the next
 * line frees the same size of the same stack; so frees have numbers of their own, and number 0,
 * which it mistakes for "none", is nobody's. */
#include "export.h"

#include "numbering.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Of the log: so many are 100 GB of text, and nobody waits for more. */
#define LINES_MAX UINT64_C(10000000000)

/* So many blocks of so many bytes together: rest of them have a byte more than the others. */
struct blocks {
    uint64_t count;
    uint64_t bytes;
    uint32_t info; /* the number of the smaller size; that of the larger one is the next */
};

/* What the log says of one call stack. */
struct story {
    uint32_t trace;          /* its number in the file */
    struct blocks temporary; /* allocated and freed at once */
    struct blocks early;     /* allocated until the peak; */
    struct blocks late;      /* and after it */
    struct blocks freed_early;
    struct blocks freed_late;
    struct blocks last; /* one block: allocated at the peak, and freed at once */
};

struct log {
    FILE *out;
    const struct call_tree *tree;
    struct numbering strings; /* address of the text */
    struct numbering ips;     /* first and last frame */
    struct numbering traces;  /* parent, ip */
    struct story *stories;    /* per end */
    uint32_t info_count;
    uint32_t *path;
    bool has_failed; /* out of memory */
};

/* --- stacks --- */

/* Numbers in the file begin with 1, 0 is none. */
static uint32_t write_string(struct log *log, const char *text)
{
    uint32_t known = log->strings.count;
    if (!text || !*text)
        return 0;
    uint32_t number = numbering_of(&log->strings, (uintptr_t)text, 0, 0);
    if (number == known) {
        char *escaped = export_escaped(text);
        if (escaped)
            fprintf(log->out, "s %zx %s\n", strlen(escaped), escaped);
        log->has_failed = log->has_failed || !escaped;
        free(escaped);
    }
    log->has_failed = log->has_failed || number == NUMBER_NONE;
    return number + 1;
}

/* The frames first to last lie at one address, innermost first. */
static void write_ip_line(struct log *log, uint32_t first, uint32_t last)
{
    const struct stacks *stacks = log->tree->stacks;
    const struct frame *frame = &stacks->frames[first];
    bool has_module = !frame->is_special && frame->module_index < stacks->trace->module_count;
    uint64_t bias = has_module ? stacks->trace->modules[frame->module_index].load_bias : 0;
    uint32_t module = write_string(log, frame->module);
    for (uint32_t i = first; i <= last; i++) { /* before the line that names them */
        write_string(log, stacks->frames[i].function);
        write_string(log, stacks->frames[i].file);
    }
    fprintf(log->out, "i %" PRIx64 " %" PRIx32, has_module ? bias + frame->offset : 0, module);
    for (uint32_t i = first; i <= last && frame->function; i++)
        fprintf(log->out, " %" PRIx32 " %" PRIx32 " %" PRIx32,
                write_string(log, stacks->frames[i].function),
                write_string(log, stacks->frames[i].file), stacks->frames[i].line);
    fputc('\n', log->out);
}

static uint32_t write_ip(struct log *log, uint32_t first, uint32_t last)
{
    uint32_t known = log->ips.count;
    uint32_t number = numbering_of(&log->ips, first, last, 0);
    log->has_failed = log->has_failed || number == NUMBER_NONE;
    if (number == known)
        write_ip_line(log, first, last);
    return number + 1;
}

static uint32_t write_trace(struct log *log, uint32_t parent, uint32_t ip)
{
    uint32_t known = log->traces.count;
    uint32_t number = numbering_of(&log->traces, parent, ip, 0);
    log->has_failed = log->has_failed || number == NUMBER_NONE;
    if (number == known)
        fprintf(log->out, "t %" PRIx32 " %" PRIx32 "\n", ip, parent);
    return number + 1;
}

/* Outermost first; an inlined call is part of the address it was inlined at. */
static uint32_t write_stack(struct log *log, uint32_t node)
{
    const struct call_tree *tree = log->tree;
    uint32_t trace = 0;
    for (uint32_t i = call_tree_path(tree, node, log->path); i > 0;) {
        uint32_t last = tree->nodes[log->path[--i]].frame;
        uint32_t first = last;
        while (i > 0 && tree->nodes[log->path[i - 1]].frame == first - 1 &&
               tree->stacks->frames[first - 1].is_inlined) {
            first--;
            i--;
        }
        trace = write_trace(log, trace, write_ip(log, first, last));
    }
    return trace;
}

/* --- what is to be told of a stack --- */

static uint64_t positive(int64_t number)
{
    return number > 0 ? (uint64_t)number : 0;
}

static struct blocks blocks_of(uint64_t count, uint64_t bytes)
{
    return (struct blocks){.count = count, .bytes = count ? bytes : 0};
}

static struct blocks less(struct blocks all, struct blocks part)
{
    return blocks_of(all.count - part.count, all.bytes - part.bytes);
}

/* So many of these blocks, the smaller ones first. */
static struct blocks smallest(struct blocks all, uint64_t count)
{
    if (!count)
        return blocks_of(0, 0);
    uint64_t larger = all.bytes % all.count;
    uint64_t smaller = all.count - larger;
    return blocks_of(count,
                     all.bytes / all.count * count + (count > smaller ? count - smaller : 0));
}

/* Divides what was allocated, and if it cannot be otherwise what was freed, so that peak_bytes are
 * live in between. False if that cannot be. */
static bool divide(struct story *story, struct blocks allocated, struct blocks freed,
                   struct blocks peak)
{
    story->freed_late = freed;
    if (peak.bytes > allocated.bytes || (peak.bytes && !allocated.count))
        return false;
    uint64_t count = peak.bytes == 0                 ? 0
                     : peak.bytes == allocated.bytes ? allocated.count
                     : peak.count < 1                ? 1
                                                     : peak.count;
    if (peak.bytes < allocated.bytes && count >= allocated.count)
        count = allocated.count - 1;
    if (peak.bytes == 0 || count) {
        story->early = blocks_of(count, peak.bytes);
        story->late = less(allocated, story->early);
        return true;
    }
    /* One block, larger than what is left of it at the peak. */
    uint64_t gone = allocated.bytes - peak.bytes;
    if (!freed.count || gone > freed.bytes || (freed.count == 1 && gone < freed.bytes))
        return false;
    story->early = allocated;
    story->freed_early = blocks_of(1, gone);
    story->freed_late = less(freed, story->freed_early);
    return true;
}

/* A block that is temporary and live at the peak is not told as temporary, unless it is the last
 * one before the peak. Of several threads each may have one; of these one can be told. */
static void take_last(struct story *story)
{
    struct blocks *early = &story->early;
    struct blocks *freed = &story->freed_late;
    if (!early->count || !freed->count)
        return;
    uint64_t bytes = early->count == 1   ? early->bytes
                     : freed->count == 1 ? freed->bytes
                                         : early->bytes / early->count;
    bool fits = bytes <= early->bytes && bytes <= freed->bytes &&
                (early->count > 1 || bytes == early->bytes) &&
                (freed->count > 1 || bytes == freed->bytes);
    if (!fits)
        return;
    story->last = blocks_of(1, bytes);
    *early = less(*early, story->last);
    *freed = less(*freed, story->last);
}

static bool tell_with(struct story *story, struct blocks allocated, struct blocks freed,
                      struct blocks peak, uint64_t temporary_count)
{
    story->temporary = smallest(freed, temporary_count);
    return divide(story, less(allocated, story->temporary), less(freed, story->temporary), peak);
}

/* With so many it cannot be told: how many can? The fewer, the more is left to be divided. */
static uint64_t most_temporary(struct story *story, struct blocks allocated, struct blocks freed,
                               struct blocks peak, uint64_t too_many)
{
    uint64_t possible = 0;
    while (too_many - possible > 1) {
        uint64_t middle = possible + (too_many - possible) / 2;
        if (tell_with(story, allocated, freed, peak, middle))
            possible = middle;
        else
            too_many = middle;
    }
    return possible;
}

/* Blocks that a forked child inherited are allocations, too: they have to come from somewhere. */
static void tell(struct story *story, const struct figures *figures, bool *is_last_taken)
{
    struct blocks live = blocks_of(positive(figures->live_count), positive(figures->live_bytes));
    struct blocks peak = {positive(figures->peak_count), positive(figures->peak_bytes), 0};
    struct blocks freed = blocks_of(figures->free_count, figures->freed_bytes);
    struct blocks allocated = blocks_of(live.count + freed.count, live.bytes + freed.bytes);
    uint64_t most = figures->temporary_count < freed.count ? figures->temporary_count : freed.count;
    uint64_t temporary_count = most;
    bool is_divided = tell_with(story, allocated, freed, peak, temporary_count);
    if (!is_divided) {
        temporary_count = most_temporary(story, allocated, freed, peak, most);
        is_divided = tell_with(story, allocated, freed, peak, temporary_count);
    }
    if (!is_divided) { /* figures that contradict each other: at least all calls are told */
        story->temporary = blocks_of(0, 0);
        story->early = allocated;
        story->freed_late = freed;
    }
    if (temporary_count < most && !*is_last_taken) {
        take_last(story);
        *is_last_taken = story->last.count;
    }
}

/* --- the log --- */

static void write_infos(struct log *log, struct blocks *blocks, uint32_t trace)
{
    if (!blocks->count)
        return;
    uint64_t size_bytes = blocks->bytes / blocks->count;
    blocks->info = log->info_count;
    for (uint64_t i = 0; i <= (blocks->bytes % blocks->count != 0); i++) {
        fprintf(log->out, "a %" PRIx64 " %" PRIx32 "\n", size_bytes + i, trace);
        log->info_count++;
    }
}

/* What the whole log may look up: stacks, sizes, and each stack's story. */
static void write_stories(struct log *log)
{
    const struct call_tree *tree = log->tree;
    bool is_last_taken = false;
    for (uint32_t i = 0; i < tree->end_count && !log->has_failed; i++) {
        struct story *story = &log->stories[i];
        story->trace = write_stack(log, tree->ends[i].node);
        if (log->info_count == 0) {
            fprintf(log->out, "a 0 %" PRIx32 "\n", story->trace);
            log->info_count++;
        }
        tell(story, &tree->ends[i].figures, &is_last_taken);
        write_infos(log, &story->temporary, story->trace);
        write_infos(log, &story->early, story->trace);
        write_infos(log, &story->late, story->trace);
        write_infos(log, &story->freed_early, story->trace);
        write_infos(log, &story->freed_late, story->trace);
        write_infos(log, &story->last, story->trace);
    }
}

/* The same text many times. */
static void write_often(FILE *out, const char *text, uint64_t count)
{
    char chunk[8192];
    size_t length = strlen(text);
    uint64_t room = sizeof chunk / length;
    uint64_t filled = count < room ? count : room;
    for (uint64_t i = 0; i < filled; i++)
        memcpy(chunk + i * length, text, length);
    while (count) {
        uint64_t now = count < room ? count : room;
        fwrite(chunk, length, now, out);
        count -= now;
    }
}

static void write_lines(struct log *log, const char *signs, uint32_t info, uint64_t count)
{
    char text[64] = "";
    size_t used = 0;
    for (; *signs; signs++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%c %" PRIx32 "\n", *signs, info);
    write_often(log->out, text, count);
}

/* signs: "+", "-" or "+-" of each block. */
static void write_blocks(struct log *log, const char *signs, const struct blocks *blocks,
                         uint64_t first, uint64_t end)
{
    if (!blocks->count)
        return;
    uint64_t smaller = blocks->count - blocks->bytes % blocks->count;
    if (first < smaller)
        write_lines(log, signs, blocks->info, (end < smaller ? end : smaller) - first);
    if (end > smaller)
        write_lines(log, signs, blocks->info + 1, end - (first > smaller ? first : smaller));
}

static void write_all(struct log *log, const char *signs, size_t offset)
{
    for (uint32_t i = 0; i < log->tree->end_count; i++) {
        const struct blocks *blocks =
            (const struct blocks *)(const void *)((const char *)&log->stories[i] + offset);
        write_blocks(log, signs, blocks, 0, blocks->count);
    }
}

/* What is live after the frees that follow the peak. */
static int64_t lowest_bytes(const struct log *log)
{
    int64_t bytes = 0;
    for (uint32_t i = 0; i < log->tree->end_count; i++) {
        const struct story *story = &log->stories[i];
        bytes += (int64_t)(story->early.bytes - story->freed_early.bytes);
        bytes -= (int64_t)story->freed_late.bytes;
    }
    return bytes;
}

/* Temporary allocations of the time before the peak, or after it. Nobody knows how many there were,
 * so they are spread evenly; but those after it must not make another peak. */
static void write_temporary(struct log *log, bool is_late)
{
    const struct trace *trace = log->tree->stacks->trace;
    uint64_t duration_ns = trace_duration_ns(trace);
    double share = duration_ns ? (double)trace_peak_time_ns(trace) / (double)duration_ns : 1;
    int64_t room_bytes = log->tree->total.peak_bytes - lowest_bytes(log);
    for (uint32_t i = 0; i < log->tree->end_count; i++) {
        const struct blocks *blocks = &log->stories[i].temporary;
        if (!blocks->count)
            continue;
        bool fits = (int64_t)(blocks->bytes / blocks->count) < room_bytes;
        uint64_t early =
            fits && share < 1 ? (uint64_t)(share * (double)blocks->count) : blocks->count;
        write_blocks(log, "+-", blocks, is_late ? early : 0, is_late ? blocks->count : early);
    }
}

static void write_events(struct log *log)
{
    const struct trace *trace = log->tree->stacks->trace;
    fputs("c 0\n", log->out);
    write_all(log, "-", offsetof(struct story, freed_early));
    write_temporary(log, false);
    write_all(log, "+", offsetof(struct story, early));
    write_all(log, "+", offsetof(struct story, last));
    fprintf(log->out, "c %" PRIx64 "\n", trace_peak_time_ns(trace) / 1000000);
    write_all(log, "-", offsetof(struct story, last));
    write_all(log, "-", offsetof(struct story, freed_late));
    write_temporary(log, true);
    write_all(log, "+", offsetof(struct story, late));
    fprintf(log->out, "c %" PRIx64 "\n", trace_duration_ns(trace) / 1000000);
}

/* A damaged trace may claim any number of them. */
static bool is_too_long(const struct call_tree *tree, struct error *error)
{
    uint64_t line_count = 0;
    for (uint32_t i = 0; i < tree->end_count; i++) {
        const struct figures *figures = &tree->ends[i].figures;
        uint64_t live_count = positive(figures->live_count);
        bool is_much = figures->free_count > LINES_MAX || live_count > LINES_MAX;
        line_count += is_much ? LINES_MAX + 1 : 2 * figures->free_count + live_count;
        if (line_count > LINES_MAX)
            return !error_set(error, "too many allocations to be told one by one");
    }
    return false;
}

/* Written as heaptrack 1.4 does. */
static void write_head(FILE *out, const struct trace *trace)
{
    fputs("v 10400 3\nX ", out);
    text_write(out, trace->program);
    fputc('\n', out);
}

static bool write_heaptrack(FILE *out, const struct export *export, struct error *error)
{
    struct call_tree tree;
    if (!export_tree(export, &tree, GRAIN_ADDRESS, error))
        return false;
    if (is_too_long(&tree, error)) {
        call_tree_finish(&tree);
        return false;
    }
    struct log log = {.out = out, .tree = &tree};
    log.stories = calloc((size_t)tree.end_count + 1, sizeof *log.stories);
    log.path = malloc(((size_t)tree.depth_max + 1) * sizeof *log.path);
    log.has_failed = !log.stories || !log.path;
    if (!log.has_failed) {
        write_head(out, export->stacks->trace);
        write_stories(&log);
        write_events(&log);
    }
    numbering_finish(&log.strings);
    numbering_finish(&log.ips);
    numbering_finish(&log.traces);
    free(log.stories);
    free(log.path);
    call_tree_finish(&tree);
    return !log.has_failed || error_out_of_memory(error);
}

const struct export_format export_heaptrack = {
    .name = "heaptrack",
    .summary = "for heaptrack_print and heaptrack_gui; two lines per allocation: use -o FILE.zst",
    .next = "heaptrack_print %s",
    .is_whole = true,
    .write = write_heaptrack,
};
