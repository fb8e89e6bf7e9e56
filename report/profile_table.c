/* SPDX-License-Identifier: BSD-2-Clause */
/* profile_table.c -- A profile as text, in the looks of Python's pstats. */
#include "profile_table.h"

#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static double seconds(int64_t time_ns)
{
    return (double)time_ns / 1e9;
}

static double percent(int64_t part, int64_t whole)
{
    return whole > 0 ? 100 * (double)part / (double)whole : 0;
}

/* --- what was chosen --- */

static void write_total(const struct profile_table *table)
{
    const struct times *whole = &table->rows->profile->whole;
    fprintf(table->out, "         %" PRIu64 " samples in %.3f seconds", whole->samples,
            seconds(whole->time_ns));
    if (table->is_wall)
        fprintf(table->out, " of all threads, %.3f of them off the CPU", seconds(whole->off_ns));
    fputs("\n\n", table->out);
}

/* As Python prints the value. */
static void write_restriction(FILE *out, const struct profile_restriction *restriction)
{
    if (restriction->kind == RESTRICT_TO_MATCHES) {
        fputc('\'', out);
        text_write(out, restriction->text);
        fputc('\'', out);
    } else {
        fputs(restriction->text, out);
    }
}

static void write_choice(const struct profile_table *table)
{
    FILE *out = table->out;
    fputs("   Ordered by: ", out);
    for (size_t i = 0; i < table->order->count; i++)
        fprintf(out, "%s%s", i ? ", " : "", profile_key_title(table->order->keys[i]));
    fputc('\n', out);
    for (size_t i = 0; i < table->restrictions->count; i++) {
        const struct profile_reduction *reduction = &table->rows->reductions[i];
        if (reduction->from == reduction->to)
            continue;
        fprintf(out, "   List reduced from %" PRIu32 " to %" PRIu32 " due to restriction <",
                reduction->from, reduction->to);
        write_restriction(out, &table->restrictions->items[i]);
        fputs(">\n", out);
    }
    fputc('\n', out);
}

/* --- the table --- */

static void write_heading(const struct profile_table *table)
{
    static const char *const names[GROUP_BY_COUNT] = {"filename:lineno(function)",
                                                      "filename:lineno(function)",
                                                      "filename",
                                                      "module",
                                                      "filename:lineno(function)",
                                                      "thread (tid)"};
    enum group_by group_by = table->rows->profile->group_by;
    const char *columns = "  samples  tottime  percent  cumtime  percent";
    if (table->is_wall)
        columns = "  samples  tottime   on-cpu  off-cpu  cumtime   on-cpu  off-cpu";
    else if (group_by == GROUP_BY_THREAD)
        columns = "  samples  tottime  percent  cputime  sampled";
    fprintf(table->out, "%s %s\n", columns, names[group_by]);
}

static void write_wall(FILE *out, const struct times *times)
{
    fprintf(out, " %8.3f %8.3f %8.3f", seconds(times->time_ns),
            seconds(times->time_ns - times->off_ns), seconds(times->off_ns));
}

static void write_thread(const struct profile_table *table, const struct profile_item *item)
{
    const struct profile *profile = table->rows->profile;
    const struct trace_thread *thread = &profile->tree->stacks->trace->threads[item->thread];
    fprintf(table->out, " %8.3f %8.1f", seconds(item->self.time_ns),
            percent(item->self.time_ns, profile->whole.time_ns));
    if (thread->cpu_ns)
        fprintf(table->out, " %8.3f %8.1f", seconds((int64_t)thread->cpu_ns),
                percent(item->self.time_ns, (int64_t)thread->cpu_ns));
    else
        fprintf(table->out, " %8s %8s", "", "");
}

static void write_row(const struct profile_table *table, const struct profile_row *row)
{
    const struct profile_item *item = row->item;
    int64_t whole_ns = table->rows->profile->whole.time_ns;
    FILE *out = table->out;
    fprintf(out, "%9" PRIu64, item->total.samples);
    if (table->is_wall) {
        write_wall(out, &item->self);
        write_wall(out, &item->total);
    } else if (item->frame == NO_FRAME) {
        write_thread(table, item);
    } else {
        fprintf(out, " %8.3f %8.1f %8.3f %8.1f", seconds(item->self.time_ns),
                percent(item->self.time_ns, whole_ns), seconds(item->total.time_ns),
                percent(item->total.time_ns, whole_ns));
    }
    fputc(' ', out);
    text_write(out, row->name);
    fputc('\n', out);
}

void profile_table_write(const struct profile_table *table)
{
    write_total(table);
    write_choice(table);
    if (!table->rows->kept)
        return;
    write_heading(table);
    for (uint32_t i = 0; i < table->rows->kept; i++)
        write_row(table, &table->rows->items[i]);
}

/* --- who called whom --- */

/* The other end of a call: who called, or who was called. */
struct party {
    char *name;
    uint32_t line; /* of the call */
    struct times self;
    struct times total;
};

struct parties {
    struct party *items;
    uint32_t count;
};

static int compare_parties(const void *a, const void *b)
{
    const struct party *left = a;
    const struct party *right = b;
    int result = strcmp(left->name, right->name);
    return result ? result : (left->line > right->line) - (left->line < right->line);
}

static bool add_party(struct parties *parties, const struct call_graph *graph,
                      const struct graph_call *call, bool is_caller)
{
    const struct frame *frames = graph->tree->stacks->frames;
    const struct frame *frame =
        is_caller ? &frames[call->frame] : &frames[graph->functions[call->callee].frame];
    struct party *party = &parties->items[parties->count];
    *party = (struct party){.name = profile_frame_name(frame, GROUP_BY_FUNCTION, LABEL_SHORT),
                            .line = frames[call->frame].line,
                            .self = times_of(&call->self),
                            .total = times_of(&call->figures)};
    parties->count += party->name != NULL;
    return party->name;
}

/* Those of one function; what is outside of all stacks called nobody. */
static bool find_parties(struct parties *parties, const struct call_graph *graph, uint32_t function,
                         bool is_caller)
{
    bool is_ok = true;
    parties->items = calloc((size_t)graph->call_count + 1, sizeof *parties->items);
    for (uint32_t i = 0; is_ok && parties->items && i < graph->call_count; i++) {
        const struct graph_call *call = &graph->calls[i];
        bool is_its = (is_caller ? call->callee : call->caller) == function;
        if (is_its && call->caller != NO_FUNCTION)
            is_ok = add_party(parties, graph, call, is_caller);
    }
    if (parties->items)
        qsort(parties->items, parties->count, sizeof *parties->items, compare_parties);
    return parties->items && is_ok;
}

static void parties_finish(struct parties *parties)
{
    for (uint32_t i = 0; parties->items && i < parties->count; i++)
        free(parties->items[i].name);
    free(parties->items);
    *parties = (struct parties){0};
}

static void write_padded(FILE *out, const char *text, size_t columns)
{
    size_t written = text_write(out, text);
    fprintf(out, "%*s", written < columns ? (int)(columns - written) : 0, "");
}

static void write_parties(FILE *out, const struct parties *parties, size_t width)
{
    for (uint32_t i = 0; i < parties->count; i++) {
        const struct party *party = &parties->items[i];
        if (i)
            fprintf(out, "%*s", (int)width + 1, "");
        fprintf(out, "%*" PRIu64 " %8.3f %8.3f  ", i ? 9 : 7, party->total.samples,
                seconds(party->self.time_ns), seconds(party->total.time_ns));
        text_write(out, party->name);
        if (party->line)
            fprintf(out, " line %" PRIu32, party->line);
        fputc('\n', out);
    }
    if (!parties->count)
        fputc('\n', out);
}

static bool write_calls(const struct profile_table *table, const struct call_graph *graph,
                        bool is_caller)
{
    const struct profile_rows *rows = table->rows;
    FILE *out = table->out;
    size_t width = 0;
    bool is_ok = true;
    write_total(table);
    write_choice(table);
    for (uint32_t i = 0; i < rows->kept; i++)
        if (text_columns(rows->items[i].name) > width)
            width = text_columns(rows->items[i].name);
    width = width > 7 ? width + 2 : 9;
    write_padded(out, "Function", width);
    fputs(is_caller ? "was called by...\n" : "called...\n", out);
    fprintf(out, "%*s   samples  tottime  cumtime\n", (int)width, "");
    for (uint32_t i = 0; is_ok && i < rows->kept; i++) {
        struct parties parties = {0};
        const struct profile_row *row = &rows->items[i];
        is_ok = find_parties(&parties, graph, graph->function_of[row->item->frame], is_caller);
        write_padded(out, row->name, width);
        fputs(is_caller ? "<- " : "-> ", out);
        write_parties(out, &parties, width);
        parties_finish(&parties);
    }
    return is_ok;
}

bool profile_table_write_callers(const struct profile_table *table, const struct call_graph *graph)
{
    return write_calls(table, graph, true);
}

bool profile_table_write_callees(const struct profile_table *table, const struct call_graph *graph)
{
    return write_calls(table, graph, false);
}
