/* SPDX-License-Identifier: BSD-2-Clause */
/* diff_table.c -- Differences as text: the very lines of tracemalloc's StatisticDiff. */
#include "diff_table.h"

#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void write_average(FILE *out, struct amount amount)
{
    if (amount.count)
        fprintf(out, ", average=%s",
                text_size((double)amount.size_bytes / (double)amount.count).text);
}

void diff_table_write_amount(FILE *out, const struct difference *item)
{
    fprintf(out, "size=%s (%s), count=%" PRId64 " (%+" PRId64 ")",
            text_size((double)item->new.size_bytes).text,
            text_size_change((double)item->size_diff).text, item->new.count, item->count_diff);
    write_average(out, item->new);
}

/* In a module that was built anew functions stand for addresses. */
static bool is_by_function(const struct comparison *comparison, const struct difference *item,
                           enum label_style style)
{
    const struct frame *frame = &comparison->sides[item->side].stacks->frames[item->frame];
    enum group_by group_by = comparison->query.group_by;
    bool is_one_line =
        group_by == GROUP_BY_LINE || (group_by == GROUP_BY_TRACEBACK && style == LABEL_SHORT);
    return is_one_line && !frame->is_special && !frame->file && frame->function &&
           comparison->naming.sides[item->side].is_changed[frame->module_index];
}

char *diff_label(const struct comparison *comparison, const struct difference *item,
                 enum label_style style)
{
    const struct stacks *stacks = comparison->sides[item->side].stacks;
    const struct frame *frame = &stacks->frames[item->frame];
    char *text = NULL;
    if (!is_by_function(comparison, item, style))
        return label_site(stacks, comparison->query.group_by, item->frame, item->node, style);
    if (asprintf(&text, "%s(%s)", text_basename(frame->module), frame->function) < 0)
        return NULL;
    return text;
}

/* What has a file and a line is written as tracemalloc does; what has none is helped by its
 * function. */
static void write_function(const struct table *table, const struct comparison *comparison,
                           const struct difference *item)
{
    const struct frame *frame = &comparison->sides[item->side].stacks->frames[item->frame];
    enum group_by group_by = comparison->query.group_by;
    if ((group_by != GROUP_BY_LINE && group_by != GROUP_BY_TRACEBACK) || frame->file ||
        !frame->function || frame->is_special || is_by_function(comparison, item, LABEL_SHORT))
        return;
    char *function = label_short_function(frame);
    fprintf(table->out, "  %s", table->style.dim);
    text_write(table->out, function ? function : "?");
    fputs(table->style.plain, table->out);
    free(function);
}

uint64_t diff_table_write(const struct table *table, const struct comparison *comparison)
{
    uint64_t written = 0;
    for (; written < comparison->count && (!table->limit || written < table->limit); written++) {
        const struct difference *item = &comparison->items[written];
        char *label = diff_label(comparison, item, LABEL_SHORT);
        fputs(table->style.strong, table->out);
        text_write(table->out, label ? label : "?");
        fprintf(table->out, "%s: ", table->style.plain);
        diff_table_write_amount(table->out, item);
        write_function(table, comparison, item);
        fputc('\n', table->out);
        free(label);
        if (table->with_traceback)
            table_write_traceback(table, comparison->sides[item->side].stacks, item->node);
    }
    return written;
}

/* --- to the letter --- */

/* The names of an item's traceback, innermost first: one, or by traceback all. Returns their count.
 */
static size_t traceback(const struct comparison *comparison, const struct difference *item,
                        const struct naming_key **names, size_t room)
{
    const struct naming *naming = &comparison->naming;
    size_t count = 0;
    if (comparison->query.group_by != GROUP_BY_TRACEBACK) {
        names[0] = &naming->names[item->group];
        return 1;
    }
    for (uint32_t stack = item->group; stack && count < room; count++) {
        const uint64_t *words = naming->stacks.keys[stack].words;
        names[count] = &naming->names[words[1]];
        stack = (uint32_t)words[0];
    }
    return count;
}

static void write_source(const struct table *table, const struct naming_key *name)
{
    static const char white[] = " \t\n\v\f\r";
    const char *line =
        name->number ? sources_line(table->sources, name->text, (uint32_t)name->number) : NULL;
    char *text = line ? strdup(line + strspn(line, white)) : NULL;
    size_t length = text ? strlen(text) : 0;
    while (length && strchr(white, text[length - 1]))
        text[--length] = 0;
    if (length) {
        fputs("    ", table->out);
        text_write(table->out, text);
        fputc('\n', table->out);
    }
    free(text);
}

/* Traceback.format() */
static void write_frames(const struct table *table, const struct naming_key *const *names,
                         size_t count)
{
    for (size_t i = count; i-- > 0;) {
        fputs("  File \"", table->out);
        text_write(table->out, names[i]->text);
        fprintf(table->out, "\", line %" PRIu64 "\n", names[i]->number);
        write_source(table, names[i]);
    }
}

static void write_tracemalloc(const struct table *table, const struct naming_key *name,
                              const struct difference *item, bool is_single)
{
    text_write(table->out, name->text);
    fprintf(table->out, ":%" PRIu64 ": ", name->number);
    if (is_single) {
        fprintf(table->out, "size=%s, count=%" PRId64, text_size((double)item->new.size_bytes).text,
                item->new.count);
        write_average(table->out, item->new);
    } else {
        diff_table_write_amount(table->out, item);
    }
    fputc('\n', table->out);
}

uint64_t diff_table_write_tracemalloc(const struct table *table,
                                      const struct comparison *comparison, bool is_single)
{
    const struct naming_key **names = calloc(STACK_NODES_MAX, sizeof *names);
    uint64_t written = 0;
    for (; names && written < comparison->count && (!table->limit || written < table->limit);
         written++) {
        const struct difference *item = &comparison->items[written];
        size_t count = traceback(comparison, item, names, STACK_NODES_MAX);
        if (count) /* str() of a traceback is its oldest frame */
            write_tracemalloc(table, names[count - 1], item, is_single);
        if (table->with_traceback)
            write_frames(table, names, count);
    }
    free(names);
    return written;
}
