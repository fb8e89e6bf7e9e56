/* SPDX-License-Identifier: BSD-2-Clause */
/* diff_summary.c -- What is compared, and the answer in a few lines. */
#include "diff_summary.h"

#include "completeness.h"
#include "diff_table.h"
#include "moment.h"
#include "summary.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    TOP_GROWN = 3,
    TOP_SHRUNK = 1,
    LABEL_COLUMNS_MAX = 40,
    CHANGED_SHOWN = 3
};

static const char *count_noun(const struct comparison *comparison, int64_t count)
{
    bool is_calls =
        comparison->query.measure == MEASURE_TOTAL || comparison->query.measure == MEASURE_COUNT;
    bool is_one = count == 1 || count == -1;
    if (is_calls)
        return is_one ? "allocation" : "allocations";
    return is_one ? "block" : "blocks";
}

static void write_count(FILE *out, int64_t count, bool with_sign)
{
    uint64_t magnitude = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
    fprintf(out, "%s%s", count < 0 ? "-" : with_sign ? "+" : "", text_count(magnitude).text);
}

/* --- the head --- */

static void write_title(FILE *out, const char *word, const char *path, const struct trace *trace,
                        const struct style *style)
{
    char end[128];
    completeness_describe_end(trace, end, sizeof end);
    fputs(style->strong, out);
    fputs(word, out);
    text_write(out, *trace->program ? trace->program : path);
    fprintf(out, "%s (pid %" PRIu32 ") %s\n", style->plain, trace->header.pid, end);
}

static void write_side(FILE *out, const struct comparison *comparison,
                       const struct diff_about *about, uint32_t side)
{
    char when[512] = "at its peak";
    struct amount total = comparison->totals[side];
    if (comparison->query.measure != MEASURE_PEAK)
        instant_describe(about->traces[side], when, sizeof when);
    fprintf(out, "  %-9s%-10s in ", side == SIDE_OLD ? "old" : "new",
            text_size((double)total.size_bytes).text);
    write_count(out, total.count, false);
    fprintf(out, " %s, ", count_noun(comparison, total.count));
    text_write(out, when);
    fputc('\n', out);
}

void diff_summary_write_head(FILE *out, const struct comparison *comparison,
                             const struct diff_about *about, const struct style *style)
{
    static const char *const words[SIDE_COUNT] = {"old: ", "new: "};
    for (uint32_t side = 0; side < SIDE_COUNT; side++) {
        if (about->is_one_trace && side == SIDE_OLD)
            continue;
        write_title(out, about->is_one_trace ? "" : words[side], about->paths[side],
                    about->traces[side], style);
        summary_write_reasons(out, about->traces[side], "  ", style);
    }
    write_side(out, comparison, about, SIDE_OLD);
    write_side(out, comparison, about, SIDE_NEW);
}

/* --- the rest --- */

void diff_summary_write_rest(FILE *out, const struct comparison *comparison, uint64_t written)
{
    struct difference rest = {0};
    uint64_t unchanged = 0;
    uint64_t count = comparison->count - written;
    for (uint32_t i = (uint32_t)written; i < comparison->count; i++) {
        const struct difference *item = &comparison->items[i];
        rest.new.size_bytes += item->new.size_bytes;
        rest.new.count += item->new.count;
        rest.size_diff += item->size_diff;
        rest.count_diff += item->count_diff;
        unchanged += !item->size_diff && !item->count_diff;
    }
    if (!count)
        return;
    fprintf(out, "%s more", text_count(count).text);
    if (unchanged == count)
        fprintf(out, ", unchanged");
    else if (unchanged)
        fprintf(out, ", %s of them unchanged", text_count(unchanged).text);
    if (!comparison->query.is_cumulative) {
        fputs(": ", out);
        diff_table_write_amount(out, &rest);
    }
    fputc('\n', out);
}

/* --- notes --- */

/* The modules that items are in, by number; to be freed. */
static bool *find_concerned(const struct comparison *comparison)
{
    const struct naming *naming = &comparison->naming;
    bool *is_concerned = calloc((size_t)naming->module_count + 1, sizeof *is_concerned);
    for (uint32_t i = 0; is_concerned && i < comparison->count; i++) {
        const struct difference *item = &comparison->items[i];
        const struct frame *frame = &comparison->sides[item->side].stacks->frames[item->frame];
        is_concerned[naming->sides[item->side].modules[frame->module_index]] = true;
    }
    return is_concerned;
}

static void write_changed(FILE *out, const struct comparison *comparison, const struct style *style)
{
    const struct naming_side *side = &comparison->naming.sides[SIDE_NEW];
    bool *is_concerned = find_concerned(comparison);
    uint32_t count = 0;
    for (uint32_t i = 1; is_concerned && i < side->stacks->trace->module_count; i++) {
        if (!side->is_changed[i] || !is_concerned[side->modules[i]] || ++count > CHANGED_SHOWN)
            continue;
        fprintf(out, "%snote: ", style->warning);
        text_write(out, text_basename(side->stacks->modules[i]));
        fprintf(out, " was built anew in between: compared by file, line and function%s\n",
                style->plain);
    }
    if (count > CHANGED_SHOWN)
        fprintf(out, "%snote: so were %" PRIu32 " more%s\n", style->warning, count - CHANGED_SHOWN,
                style->plain);
    free(is_concerned);
}

/* Of the two a module is mentioned once. */
void diff_summary_write_modules(FILE *out, const struct comparison *comparison, uint64_t shown,
                                const struct style *style)
{
    bool *is_said = calloc((size_t)comparison->naming.module_count + 1, sizeof *is_said);
    for (uint32_t i = 0; is_said && i < shown && i < comparison->count; i++) {
        const struct difference *item = &comparison->items[i];
        const struct stacks *stacks = comparison->sides[item->side].stacks;
        uint32_t module = stacks->frames[item->frame].module_index;
        summary_write_module(out, stacks, item->frame,
                             &is_said[comparison->naming.sides[item->side].modules[module]],
                             "note: ", style);
    }
    free(is_said);
    write_changed(out, comparison, style);
}

/* --- the answer --- */

/* The first items, largest change first, that went in a direction. */
static uint32_t take_top(const struct comparison *comparison, bool is_grown, uint32_t *items,
                         uint32_t room)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < comparison->count && count < room; i++) {
        int64_t diff = comparison->items[i].size_diff;
        if (is_grown ? diff > 0 : diff < 0)
            items[count++] = i;
    }
    return count;
}

static size_t widest_label(const struct comparison *comparison, const uint32_t *items,
                           uint32_t count)
{
    size_t widest = 0;
    for (uint32_t i = 0; i < count; i++) {
        char *label = diff_label(comparison, &comparison->items[items[i]], LABEL_SHORT);
        size_t columns = label ? text_columns(label) : 0;
        widest = columns > widest ? columns : widest;
        free(label);
    }
    return widest < LABEL_COLUMNS_MAX ? widest : LABEL_COLUMNS_MAX;
}

static void write_top(FILE *out, const struct comparison *comparison, uint32_t item,
                      const char *title, size_t width, const struct style *style)
{
    const struct difference *details = &comparison->items[item];
    const struct stacks *stacks = comparison->sides[details->side].stacks;
    char *label = diff_label(comparison, details, LABEL_SHORT);
    char *callers =
        label_callers(stacks, details->node, stack_charge(stacks, details->node).via, false);
    fprintf(out, "  %-9s%s", title, style->strong);
    size_t written = text_write_tail(out, label ? label : "?", width);
    fprintf(out, "%s%*s %10s  %+8" PRId64 " %s  %s", style->plain,
            (int)(written < width ? width - written : 0), "",
            text_size_change((double)details->size_diff).text, details->count_diff,
            count_noun(comparison, details->count_diff), style->dim);
    size_t used = 11 + (written > width ? written : width) + 32;
    size_t left = style->columns == SIZE_MAX  ? SIZE_MAX
                  : style->columns > used + 8 ? style->columns - used
                                              : 8;
    text_write_cut(out, callers ? callers : "?", left);
    fprintf(out, "%s\n", style->plain);
    free(label);
    free(callers);
}

static void write_counts(FILE *out, const struct comparison *comparison)
{
    uint64_t grown = 0;
    uint64_t shrunk = 0;
    for (uint32_t i = 0; i < comparison->count; i++) {
        grown += comparison->items[i].size_diff > 0;
        shrunk += comparison->items[i].size_diff < 0;
    }
    fprintf(out, ": %s grew, %s shrank, %s did not change in size\n", text_count(grown).text,
            text_count(shrunk).text, text_count(comparison->count - grown - shrunk).text);
}

void diff_summary_write_answer(FILE *out, const struct comparison *comparison,
                               const struct style *style)
{
    const struct amount *totals = comparison->totals;
    int64_t size =
        (int64_t)((uint64_t)totals[SIDE_NEW].size_bytes - (uint64_t)totals[SIDE_OLD].size_bytes);
    int64_t count = (int64_t)((uint64_t)totals[SIDE_NEW].count - (uint64_t)totals[SIDE_OLD].count);
    uint32_t items[TOP_GROWN + TOP_SHRUNK];
    uint32_t grown = take_top(comparison, true, items, TOP_GROWN);
    uint32_t shrunk = take_top(comparison, false, items + grown, TOP_SHRUNK);
    size_t width = widest_label(comparison, items, grown + shrunk);
    fprintf(out, "  %-9s%s in ", "change", text_size_change((double)size).text);
    write_count(out, count, true);
    fprintf(out, " %s", count_noun(comparison, count));
    write_counts(out, comparison);
    for (uint32_t i = 0; i < grown + shrunk; i++)
        write_top(out, comparison, items[i],
                  i == 0 && grown ? "grew"
                  : i == grown    ? "shrank"
                                  : "",
                  width, style);
}
