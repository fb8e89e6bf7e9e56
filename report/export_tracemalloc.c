/* SPDX-License-Identifier: BSD-2-Clause */
/* export_tracemalloc.c -- A pickle that Python's tracemalloc.Snapshot.load() reads.
 *
 * tracemalloc has a trace per block. We know how many blocks a stack has and how many bytes they
 * have in all, so these are dealt out evenly: sums are exact, single sizes are not. Strings, frames
 * and blocks that are equal are written once, and then referred to by their number in the memo of
 * the machine that unpickles. */
#include "export.h"

#include "tracemalloc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCKS_MAX = 1 << 27, /* of Python's 8 bytes each, and some of ours */
    BATCH_BLOCKS = 1000   /* as Python's own pickles have them */
};

struct pickling {
    FILE *out;
    const struct call_tree *tree;
    enum measure measure;
    uint32_t *frames; /* per frame of the trace: its number in the memo + 1 */
    uint32_t *path;   /* of the stack at hand */
    uint32_t memo_count;
    uint32_t batch_count;
};

/* --- opcodes --- */

static void put_number(FILE *out, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        fputc((int)(number >> 8 * i & 0xff), out);
}

/* The top of the stack gets the next number in the memo. */
static uint32_t remember(struct pickling *pickling)
{
    uint32_t number = pickling->memo_count++;
    fputc(number < 256 ? 'q' : 'r', pickling->out);
    put_number(pickling->out, number, number < 256 ? 1 : 4);
    return number;
}

static void recall(const struct pickling *pickling, uint32_t number)
{
    fputc(number < 256 ? 'h' : 'j', pickling->out);
    put_number(pickling->out, number, number < 256 ? 1 : 4);
}

static void put_integer(FILE *out, uint64_t number)
{
    if (number < 256) {
        fputc('K', out);
        put_number(out, number, 1);
    } else if (number <= INT32_MAX) {
        fputc('J', out);
        put_number(out, number, 4);
    } else {
        fputs("\x8a\x09", out); /* of nine bytes, which keeps the sign off */
        put_number(out, number, 8);
        fputc(0, out);
    }
}

static void put_string(FILE *out, const char *text)
{
    fputc('X', out);
    put_number(out, strlen(text), 4);
    fputs(text, out);
}

/* An instance of a class of tracemalloc's; its state is to follow. */
static void put_instance(FILE *out, const char *class)
{
    fprintf(out, "ctracemalloc\n%s\n)\x81}", class);
}

/* --- tuples --- */

/* (file, line) */
static bool put_frame(struct pickling *pickling, uint32_t index)
{
    const struct frame *frame = &pickling->tree->stacks->frames[index];
    if (pickling->frames[index]) {
        recall(pickling, pickling->frames[index] - 1);
        return true;
    }
    char *file = tracemalloc_file(frame);
    if (!file)
        return false;
    put_string(pickling->out, file);
    free(file);
    put_integer(pickling->out, tracemalloc_line(frame));
    fputc('\x86', pickling->out);
    pickling->frames[index] = remember(pickling) + 1;
    return true;
}

/* (frame, …), most recent call first */
static bool put_traceback(struct pickling *pickling, uint32_t count, uint32_t *ret_number)
{
    fputc('(', pickling->out);
    for (uint32_t i = 0; i < count; i++)
        if (!put_frame(pickling, pickling->tree->nodes[pickling->path[i]].frame))
            return false;
    fputc('t', pickling->out);
    *ret_number = remember(pickling);
    fputc('0', pickling->out); /* off the stack: it is in the memo */
    return true;
}

static void end_batch(struct pickling *pickling)
{
    if (++pickling->batch_count % BATCH_BLOCKS == 0)
        fputs("e(", pickling->out);
}

/* So many times (domain, size, traceback, number of frames). */
static void put_blocks(struct pickling *pickling, uint64_t count, uint64_t size_bytes,
                       uint32_t traceback, uint32_t frame_count)
{
    uint32_t number = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (i) {
            recall(pickling, number);
        } else {
            fputs("(K", pickling->out);
            fputc(0, pickling->out);
            put_integer(pickling->out, size_bytes);
            recall(pickling, traceback);
            put_integer(pickling->out, frame_count);
            fputc('t', pickling->out);
            number = remember(pickling);
        }
        end_batch(pickling);
    }
}

/* --- the snapshot --- */

/* Blocks are counted, so there are none where the figures are not those of blocks. */
static uint64_t block_count(const struct pickling *pickling, const struct call_stack *stack)
{
    struct amount amount = figures_amount(&stack->figures, pickling->measure);
    return amount.count > 0 && amount.size_bytes >= 0 ? (uint64_t)amount.count : 0;
}

static bool check_count(const struct pickling *pickling, struct error *error)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < pickling->tree->end_count; i++) {
        uint64_t count = block_count(pickling, &pickling->tree->ends[i]);
        if (count > BLOCKS_MAX || total + count > BLOCKS_MAX)
            return error_set(error,
                             "more than %d blocks: too many for tracemalloc, which has an "
                             "entry for each",
                             BLOCKS_MAX);
        total += count;
    }
    return true;
}

static bool put_stack(struct pickling *pickling, const struct call_stack *stack)
{
    uint64_t count = block_count(pickling, stack);
    uint32_t traceback = 0;
    if (!count)
        return true;
    uint64_t size_bytes = (uint64_t)figures_amount(&stack->figures, pickling->measure).size_bytes;
    uint32_t frame_count = call_tree_path(pickling->tree, stack->node, pickling->path);
    uint64_t larger = size_bytes % count;
    if (!put_traceback(pickling, frame_count, &traceback))
        return false;
    put_blocks(pickling, larger, size_bytes / count + 1, traceback, frame_count);
    put_blocks(pickling, count - larger, size_bytes / count, traceback, frame_count);
    return true;
}

static bool put_snapshot(struct pickling *pickling)
{
    bool is_ok = true;
    fputs("\x80\x02", pickling->out);
    put_instance(pickling->out, "Snapshot");
    fputc('(', pickling->out);
    put_string(pickling->out, "traces");
    put_instance(pickling->out, "_Traces");
    put_string(pickling->out, "_traces");
    fputs("](", pickling->out);
    for (uint32_t i = 0; is_ok && i < pickling->tree->end_count; i++)
        is_ok = put_stack(pickling, &pickling->tree->ends[i]);
    fputs("esb", pickling->out);
    put_string(pickling->out, "traceback_limit");
    put_integer(pickling->out, pickling->tree->stacks->trace->header.depth_limit);
    fputs("ub.", pickling->out);
    return is_ok;
}

static bool write_tracemalloc(FILE *out, const struct export *export, struct error *error)
{
    struct call_tree tree;
    if (!export_tree(export, &tree, GRAIN_LINE, error))
        return false;
    struct pickling pickling = {
        .out = out,
        .tree = &tree,
        .measure = export->measure_count ? export->measures[0] : MEASURE_LIVE,
        .frames = calloc((size_t) export->stacks->frame_count + 1, sizeof *pickling.frames),
        .path = malloc(((size_t)tree.depth_max + 1) * sizeof *pickling.path),
    };
    bool is_ok = check_count(&pickling, error);
    if (is_ok)
        is_ok = (pickling.frames && pickling.path && put_snapshot(&pickling)) ||
                error_out_of_memory(error);
    free(pickling.frames);
    free(pickling.path);
    call_tree_finish(&tree);
    return is_ok;
}

const struct export_format export_tracemalloc = {
    .name = "tracemalloc",
    .summary = "for Python: tracemalloc.Snapshot.load(FILE)",
    .next = "python3 -c 'import sys, tracemalloc as t; print(*t.Snapshot.load(sys.argv[1])."
            "statistics(\"lineno\")[:10], sep=\"\\n\")' %s",
    .is_binary = true,
    .write = write_tracemalloc,
};
