/* SPDX-License-Identifier: BSD-2-Clause */
/* time_summary.c -- The answer in a few lines: where CPU time went, and where threads waited.
 *
 * Time on the CPU is of the line that took it, whosever it is. A thread always waits in libc: that
 * time is of the innermost line of the person's own. */
#include "time_summary.h"

#include "budget.h"
#include "profile_rows.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

enum {
    TOP_LINES = 3,
    NAME_COLUMNS_MAX = 48
};

struct line {
    char *name;
    struct times times;
};

struct lines {
    struct line *items;
    uint32_t count;
    struct times whole;
};

static uint32_t frame_of(const struct stacks *stacks, uint32_t node, enum times_kind kind)
{
    struct stack_walk walk = stack_walk(stacks, node);
    uint32_t first = stack_walk_next(&walk);
    uint32_t frame = first;
    while (kind == TIMES_WALL && frame != NO_FRAME && stacks->frames[frame].is_runtime)
        frame = stack_walk_next(&walk);
    return frame == NO_FRAME || stacks->frames[frame].is_start ? first : frame;
}

static void add_times(struct times *sum, const struct times *times)
{
    sum->samples += times->samples;
    sum->time_ns += times->time_ns;
}

static bool add_owner(struct lines *lines, const struct stacks *stacks, uint32_t owner,
                      enum times_kind kind)
{
    const struct trace_counters *counters = &stacks->trace->counters[owner];
    uint32_t node = stacks->trace->owners[owner].node;
    struct times times = {.samples = counters->alloc_count,
                          .time_ns = (int64_t)counters->alloc_bytes};
    if (!times.samples || !stacks_have(stacks, node))
        return true;
    uint32_t frame = frame_of(stacks, node, kind);
    char *name = profile_frame_name(&stacks->frames[frame], GROUP_BY_LINE, LABEL_SHORT);
    if (!name)
        return false;
    lines->items[lines->count++] = (struct line){name, times};
    add_times(&lines->whole, &times);
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct line *)a)->name, ((const struct line *)b)->name);
}

static int compare_times(const void *a, const void *b)
{
    const struct line *left = a;
    const struct line *right = b;
    if (left->times.time_ns != right->times.time_ns)
        return left->times.time_ns < right->times.time_ns ? 1 : -1;
    return compare_names(a, b);
}

static void merge_equal(struct lines *lines)
{
    uint32_t kept = 0;
    qsort(lines->items, lines->count, sizeof *lines->items, compare_names);
    for (uint32_t i = 0; i < lines->count; i++) {
        struct line *item = &lines->items[i];
        if (kept && strcmp(lines->items[kept - 1].name, item->name) == 0) {
            add_times(&lines->items[kept - 1].times, &item->times);
            free(item->name);
        } else {
            lines->items[kept++] = *item;
        }
    }
    lines->count = kept;
    qsort(lines->items, lines->count, sizeof *lines->items, compare_times);
}

static void lines_finish(struct lines *lines)
{
    for (uint32_t i = 0; i < lines->count; i++)
        free(lines->items[i].name);
    free(lines->items);
    *lines = (struct lines){0};
}

static bool lines_init(struct lines *lines, const struct stacks *stacks, enum times_kind kind)
{
    const struct trace *trace = stacks->trace;
    uint32_t domain = kind == TIMES_CPU ? DOMAIN_CPU : DOMAIN_OFF_CPU;
    *lines = (struct lines){.items = calloc((size_t)trace->owner_count + 1, sizeof *lines->items)};
    bool is_ok = lines->items != NULL;
    for (uint32_t i = 1; is_ok && i < trace->owner_count; i++)
        if (trace->owners[i].thread_domain >> OWNER_DOMAIN_SHIFT == domain)
            is_ok = add_owner(lines, stacks, i, kind);
    if (!is_ok) {
        lines_finish(lines);
        return false;
    }
    merge_equal(lines);
    return true;
}

static void write_line(FILE *out, const struct line *line, const struct times *whole,
                       const char *title, size_t width, const struct style *style)
{
    fprintf(out, "  %-17s %s", title, style->strong);
    size_t written = text_write_tail(out, line->name, width);
    fprintf(out, "%s%*s %9.3f s  %5.1f %%", style->plain,
            (int)(written < width ? width - written : 0), "", (double)line->times.time_ns / 1e9,
            whole->time_ns > 0 ? 100 * (double)line->times.time_ns / (double)whole->time_ns : 0);
    if (whole->time_ns > 0)
        fprintf(out, " %s± %.1f%s", style->dim,
                100 * times_error_ns(&line->times, whole) / (double)whole->time_ns, style->plain);
    fputc('\n', out);
}

static void write_lines(FILE *out, const struct lines *lines, const char *title,
                        const struct style *style)
{
    size_t width = 0;
    for (uint32_t i = 0; i < lines->count && i < TOP_LINES; i++)
        if (text_columns(lines->items[i].name) > width)
            width = text_columns(lines->items[i].name);
    width = width < NAME_COLUMNS_MAX ? width : NAME_COLUMNS_MAX;
    for (uint32_t i = 0; i < lines->count && i < TOP_LINES; i++)
        write_line(out, &lines->items[i], &lines->whole, i ? "" : title, width, style);
}

static bool write_kind(FILE *out, const struct stacks *stacks, enum times_kind kind,
                       const char *title, const struct style *style)
{
    struct lines lines;
    struct budget budget;
    if (!times_are_there(stacks->trace, kind))
        return true;
    if (!lines_init(&lines, stacks, kind))
        return false;
    budget_init(&budget, stacks->trace, kind);
    fputc('\n', out);
    budget_write(out, &budget, style);
    write_lines(out, &lines, title, style);
    lines_finish(&lines);
    return true;
}

bool time_summary_write(FILE *out, const struct stacks *stacks, const struct style *style)
{
    return write_kind(out, stacks, TIMES_CPU, "most CPU time", style) &&
           write_kind(out, stacks, TIMES_WALL, "longest waits", style);
}
