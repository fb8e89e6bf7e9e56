/* SPDX-License-Identifier: BSD-2-Clause */
/* leaks_table.c -- What grows, as text. */
#include "leaks_table.h"

#include "label.h"
#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *leaks_noun(enum group_by group_by, uint64_t count)
{
    static const char *const many[] = {"lines", "functions", "files", "modules", "call stacks"};
    static const char *const one[] = {"line", "function", "file", "module", "call stack"};
    return count == 1 ? one[group_by] : many[group_by];
}

static void write_rate(FILE *out, double bytes_per_hour)
{
    fprintf(out, "%s/h", text_size_change(bytes_per_hour).text);
}

void leaks_table_write_amount(FILE *out, const struct leak *leak)
{
    write_rate(out, leak->bytes_per_hour);
    fprintf(out, " ±%s/h, size=%s, count=%" PRId64,
            text_size(TREND_ERRORS_95 * leak->error_per_hour).text,
            text_size((double)leak->live_bytes).text, leak->live_count);
    if (leak->live_count)
        fprintf(out, ", average=%s",
                text_size((double)leak->live_bytes / (double)leak->live_count).text);
}

/* --- what speaks for it --- */

static void write_confidence(FILE *out, const struct trend *trend)
{
    double percent = 100 * trend->confidence;
    if (trend->kind != TREND_GROWS)
        fprintf(out, "%s", trend_word(trend->kind));
    else if (percent > 99.99)
        fputs("over 99.99 % sure", out);
    else
        fprintf(out, "%.2f %% sure", percent);
}

static void write_age(FILE *out, const struct bounds *age_ns)
{
    const struct number_text min = text_duration(age_ns->min);
    const struct number_text max = text_duration(age_ns->max);
    fprintf(out, "oldest block %s", min.text);
    if (age_ns->max == AGE_UNKNOWN)
        fputs(" old or older: inherited", out);
    else if (strcmp(min.text, max.text) != 0)
        fprintf(out, " to %s old", max.text);
    else
        fputs(" old", out);
}

static void write_outlived(FILE *out, const struct leaks *leaks, const struct leak *leak)
{
    double live = (double)leak->live_count;
    double min = round(100 * (double)leak->survival.outlived.min / live);
    double max = round(100 * (double)leak->survival.outlived.max / live);
    if (min < max)
        fprintf(out, "%.0f to ", min);
    fprintf(out, "%.0f %%", max);
    fprintf(out, " of its blocks outlived the last %s allocations",
            text_count(leaks->query.outlived_allocs).text);
}

static void write_reasons(const struct table *table, const struct leaks *leaks,
                          const struct leak *leak)
{
    FILE *out = table->out;
    fprintf(out, "  %s", table->style.dim);
    write_confidence(out, &leak->trend);
    fprintf(out, "; %s in the last tenth of the run",
            text_size_change((double)leak->young_bytes).text);
    if (leak->live_count > 0) {
        fputs("; ", out);
        write_age(out, &leak->survival.oldest_ns);
        fputs(";\n  ", out);
        write_outlived(out, leaks, leak);
    }
    fprintf(out, "%s\n", table->style.plain);
}

/* --- the table --- */

static void write_label(const struct table *table, const struct leaks *leaks,
                        const struct leak *leak)
{
    char *label =
        label_site(leaks->stacks, leaks->query.group_by, leak->frame, leak->node, LABEL_SHORT);
    fputs(table->style.strong, table->out);
    text_write(table->out, label ? label : "?");
    fprintf(table->out, "%s: ", table->style.plain);
    free(label);
}

/* "  forget < main" */
static void write_callers(const struct table *table, const struct leaks *leaks,
                          const struct leak *leak)
{
    char *callers = label_callers(leaks->stacks, leak->node, leak->via, false);
    fprintf(table->out, "  %s", table->style.dim);
    text_write(table->out, callers ? callers : "?");
    fprintf(table->out, "%s\n", table->style.plain);
    free(callers);
}

static void write_stacks(const struct table *table, const struct leaks *leaks,
                         const struct leak *leak)
{
    if (leak->stack_count > 1)
        fprintf(table->out, "  of its %s call stacks, the one that grew most:\n",
                text_count(leak->stack_count).text);
    table_write_traceback(table, leaks->stacks, leak->node);
}

uint64_t leaks_table_write(const struct table *table, const struct leaks *leaks, bool is_all)
{
    uint64_t end = is_all ? leaks->count : leaks->counts[TREND_GROWS];
    uint64_t written = 0;
    for (; written < end && (!table->limit || written < table->limit); written++) {
        const struct leak *leak = &leaks->items[written];
        write_label(table, leaks, leak);
        leaks_table_write_amount(table->out, leak);
        fputc('\n', table->out);
        write_reasons(table, leaks, leak);
        if (table->with_traceback)
            write_stacks(table, leaks, leak);
        else
            write_callers(table, leaks, leak);
    }
    return written;
}

/* --- the rest --- */

static void write_count(FILE *out, const char *name, int64_t size_bytes, int64_t count)
{
    fprintf(out, "  %-9s%-10s in %s%s %s\n", name, text_size((double)size_bytes).text,
            count < 0 ? "-" : "", text_count((uint64_t)(count < 0 ? -count : count)).text,
            count == 1 ? "block" : "blocks");
}

void leaks_table_write_head(FILE *out, const struct leaks *leaks)
{
    write_count(out, leaks->stacks->trace->is_running ? "now" : "live", leaks->live_bytes,
                leaks->live_count);
    fprintf(out, "  %-9sfrom %s to %s, by %s ticks\n", "judged", text_duration(leaks->from_ns).text,
            text_duration(leaks->until_ns).text, text_count(leaks->course.tick_count).text);
}

/* What does not grow, kind by kind. */
static void write_others(FILE *out, const struct leaks *leaks, const uint64_t *left)
{
    static const char *const many[] = {"grow", "level off", "are uneven", "are steady"};
    static const char *const one[] = {"grows", "levels off", "is uneven", "is steady"};
    const char *separator = "";
    for (int kind = TREND_LEVELS_OFF; kind <= TREND_STEADY; kind++) {
        if (!left[kind])
            continue;
        fprintf(out, "%s%s ", separator, text_count(left[kind]).text);
        if (!*separator)
            fprintf(out, "%s ", leaks_noun(leaks->query.group_by, left[kind]));
        fputs(left[kind] == 1 ? one[kind] : many[kind], out);
        separator = ", ";
    }
    if (*separator)
        fputs(" (--all shows them)\n", out);
}

void leaks_table_write_rest(FILE *out, const struct leaks *leaks, uint64_t written)
{
    uint64_t left[TREND_STEADY + 1] = {0};
    double bytes_per_hour = 0;
    for (uint32_t i = (uint32_t)written; i < leaks->count; i++) {
        left[leaks->items[i].trend.kind]++;
        if (leaks->items[i].trend.kind == TREND_GROWS)
            bytes_per_hour += leaks->items[i].bytes_per_hour;
    }
    if (left[TREND_GROWS]) {
        fprintf(out, "%s more: ", text_count(left[TREND_GROWS]).text);
        write_rate(out, bytes_per_hour);
        fputc('\n', out);
    }
    write_others(out, leaks, left);
}

void leaks_table_write_answer(FILE *out, const struct leaks *leaks, const struct style *style)
{
    uint32_t count = leaks->counts[TREND_GROWS];
    if (!count) {
        fputs("  answer   nothing grows all the time\n", out);
        return;
    }
    char *label = label_site(leaks->stacks, leaks->query.group_by, leaks->items[0].frame,
                             leaks->items[0].node, LABEL_SHORT);
    char *callers = label_callers(leaks->stacks, leaks->items[0].node, leaks->items[0].via, false);
    fputs("  answer   ", out);
    if (count > 1) {
        fprintf(out, "%s %s grow, ", text_count(count).text,
                leaks_noun(leaks->query.group_by, count));
        write_rate(out, leaks->bytes_per_hour);
        fputs(" in all; first ", out);
    }
    fputs(style->strong, out);
    text_write(out, label ? label : "?");
    fprintf(out, "%s ", style->plain);
    write_rate(out, leaks->items[0].bytes_per_hour);
    fprintf(out, "  %s", style->dim);
    text_write(out, callers ? callers : "?");
    fprintf(out, "%s\n", style->plain);
    free(label);
    free(callers);
}
