/* SPDX-License-Identifier: BSD-2-Clause */
/* table.c -- Statistics as text, in tracemalloc's words. */
#include "table.h"

#include "label.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void table_write_amount(FILE *out, const struct figures *figures, enum measure measure,
                        uint64_t sample_bytes)
{
    struct amount amount = figures_amount(figures, measure);
    fprintf(out, "size=%s", text_size((double)amount.size_bytes).text);
    if (sample_bytes)
        fprintf(out, " ±%s",
                text_size(figures_standard_error(amount.size_bytes, sample_bytes)).text);
    fprintf(out, ", count=%" PRId64, amount.count);
    if (amount.count)
        fprintf(out, ", average=%s",
                text_size((double)amount.size_bytes / (double)amount.count).text);
    if (measure == MEASURE_TEMPORARY)
        fprintf(out, ", temporary=%" PRIu64, figures->temporary_count);
}

static void write_label(const struct table *table, char *label)
{
    fputs(table->style.strong, table->out);
    text_write(table->out, label ? label : "?");
    fputs(table->style.plain, table->out);
    free(label);
}

/* The function of the line, and what it went through to allocate. */
static void write_context(const struct table *table, const struct statistics *statistics,
                          const struct statistic *item)
{
    const struct stacks *stacks = statistics->stacks;
    bool has_function = statistics->group_by == GROUP_BY_LINE && item->frame != NO_FRAME &&
                        stacks->frames[item->frame].function &&
                        !stacks->frames[item->frame].is_special;
    bool has_via = item->via != NO_FRAME && statistics->group_by != GROUP_BY_FILE &&
                   statistics->group_by != GROUP_BY_MODULE;
    if (!has_function && !has_via)
        return;
    fprintf(table->out, "  %s", table->style.dim);
    if (has_function) {
        char *function = label_short_function(&stacks->frames[item->frame]);
        text_write(table->out, function ? function : "?");
        free(function);
    }
    if (has_via) {
        char *via = label_via(&stacks->frames[item->via]);
        fputs(has_function ? " (via " : "(via ", table->out);
        text_write(table->out, via ? via : "?");
        fputs(item->is_via_mixed ? ", …)" : ")", table->out);
        free(via);
    }
    fputs(table->style.plain, table->out);
}

/* --- tracebacks --- */

static size_t widest_frame(char *const *texts, size_t count)
{
    size_t widest = 0;
    for (size_t i = 0; i < count; i++) {
        size_t columns = texts[i] ? text_columns(texts[i]) : 0;
        if (columns > widest && columns <= 60)
            widest = columns;
    }
    return widest;
}

static void write_source(const struct table *table, const struct frame *frame, size_t written,
                         size_t column)
{
    const char *line = sources_line(table->sources, frame->file, frame->line);
    if (!line || frame->is_special)
        return;
    line += strspn(line, " \t");
    size_t gap = written < column ? column - written : 0;
    fprintf(table->out, "%*s    %s", (int)gap, "", table->style.dim);
    size_t used = written + gap + 4;
    size_t left = table->style.columns;
    if (left != SIZE_MAX)
        left = left > used + 8 ? left - used : 8;
    text_write_cut(table->out, line, left);
    fputs(table->style.plain, table->out);
}

/* Oldest call first, as Python prints a traceback; the source beside each frame. */
void table_write_traceback(const struct table *table, const struct stacks *stacks, uint32_t node)
{
    uint32_t *frames = calloc(STACK_NODES_MAX, sizeof *frames);
    char **texts = calloc(STACK_NODES_MAX, sizeof *texts);
    size_t count = frames && texts ? stack_visible(stacks, node, frames, STACK_NODES_MAX) : 0;
    for (size_t i = 0; i < count; i++)
        texts[i] = label_frame(&stacks->frames[frames[i]]);
    size_t column = widest_frame(texts, count);
    for (size_t i = count; i-- > 0;) {
        size_t written = text_write(table->out, texts[i] ? texts[i] : "  ?");
        write_source(table, &stacks->frames[frames[i]], written, column);
        fputc('\n', table->out);
        free(texts[i]);
    }
    free(texts);
    free(frames);
}

uint64_t table_write(const struct table *table, const struct statistics *statistics)
{
    uint64_t written = 0;
    for (uint32_t i = 0; i < statistics->count; i++) {
        const struct statistic *item = &statistics->items[i];
        if (figures_rank(&item->figures, statistics->measure) == 0 &&
            figures_amount(&item->figures, statistics->measure).count == 0)
            continue;
        if (table->limit && written == table->limit)
            break;
        write_label(table, label_group(statistics, item, LABEL_SHORT));
        fputs(": ", table->out);
        table_write_amount(table->out, &item->figures, statistics->measure,
                           statistics->stacks->trace->header.sample_bytes);
        write_context(table, statistics, item);
        fputc('\n', table->out);
        if (table->with_traceback)
            table_write_traceback(table, statistics->stacks, item->node);
        written++;
    }
    return written;
}
