/* SPDX-License-Identifier: BSD-2-Clause */
/* summary.c -- The answer in a few lines: how much, and where. */
#include "summary.h"

#include "completeness.h"
#include "label.h"
#include "rss_table.h"
#include "series_gaps.h"
#include "text.h"
#include "time_summary.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    TOP_LINES = 3,
    LABEL_COLUMNS_MAX = 40
};

static const char *plural(int64_t count, const char *one, const char *many)
{
    return count == 1 ? one : many;
}

static void write_live(FILE *out, const char *word, const struct figures *figures)
{
    int64_t count = figures->live_count;
    fprintf(out, "  %-9s%-10s in %s%s %s", word, text_size((double)figures->live_bytes).text,
            count < 0 ? "-" : "", text_count((uint64_t)(count < 0 ? -count : count)).text,
            plural(count, "block", "blocks"));
}

/* If the recorder kept a series; if it did not, a word about it. */
static void write_peak_rss(FILE *out, const struct trace *trace)
{
    struct series series;
    struct error ignored;
    char gaps[320];
    if (!trace->point_count && !trace->header.series_interval_ns && !trace->merged_count)
        fprintf(out, "  %-9snot recorded (MEMTRACE_RSS_INTERVAL=0, or MEMTRACE_THREAD=0)\n",
                "peak RSS");
    if (!trace->point_count || !series_init(&series, trace, trace->header.start_time_ns, &ignored))
        return;
    int64_t size_bytes;
    uint64_t time_ns;
    if (series_peak_rss(&series, &size_bytes, &time_ns))
        fprintf(out, "  %-9s%-10s at %s\n", "peak RSS", text_size((double)size_bytes).text,
                text_duration(time_ns).text);
    series_describe_gaps(&series, gaps, sizeof gaps);
    if (*gaps)
        fprintf(out, "           %s\n", gaps);
    series_finish(&series);
}

/* The peak is the heap's, whatever is shown. */
void summary_write_totals(FILE *out, const struct trace *trace, const char *live_word)
{
    bool is_heap = trace->domain == DOMAIN_HEAP;
    struct figures total = trace_total(trace, NULL);
    if (trace->merged_count > 1)
        fprintf(out, "  %-9s%-10s summed up, each at its own peak\n", "peaks",
                text_size((double)total.peak_bytes).text);
    else if (trace_knows_all(trace))
        fprintf(out, "  %-9s%-10s at %s%s\n", is_heap ? "peak" : "at peak",
                text_size((double)total.peak_bytes).text,
                text_duration(trace_peak_time_ns(trace)).text, is_heap ? "" : ", of the heap");
    if (trace_knows_all(trace) && is_heap)
        write_peak_rss(out, trace);
    write_live(out, live_word, &total);
    fputc('\n', out);
    if (!trace_knows_totals(trace))
        return;
    fprintf(out, "  %-9s%-10s in %s %s", "total", text_size((double)total.alloc_bytes).text,
            text_count(total.alloc_count).text,
            plural((int64_t)total.alloc_count, "allocation", "allocations"));
    if (trace_knows_all(trace))
        fprintf(out, ", %s of them temporary", text_count(total.temporary_count).text);
    fputc('\n', out);
}

void summary_write_domains(FILE *out, const struct trace *trace)
{
    static const char *const words[MEMORY_DOMAIN_COUNT] = {"heap", "pools", "mapped"};
    for (uint32_t domain = 0; domain < MEMORY_DOMAIN_COUNT; domain++) {
        struct figures total = trace_domain_total(trace, domain);
        if (domain == trace->domain || figures_are_zero(&total))
            continue;
        write_live(out, words[domain], &total);
        fprintf(out, ", counted apart: memtrace report --domain=%s\n", label_domain(domain));
    }
}

/* --- top lines --- */

/* Blocks of no bytes are something, too. */
static bool has_something(const struct statistics *statistics, const struct statistic *item)
{
    bool is_held = statistics->measure == MEASURE_LIVE || statistics->measure == MEASURE_PEAK;
    return figures_rank(&item->figures, statistics->measure) != 0 ||
           (is_held && figures_amount(&item->figures, statistics->measure).count);
}

/* How wide the labels of the top lines are. */
static size_t label_columns(struct statistics *statistics, enum measure measure)
{
    size_t widest = 0;
    if (!statistics_sort(statistics, measure))
        return 0;
    for (uint32_t i = 0; i < statistics->count && i < TOP_LINES; i++) {
        char *label = label_group(statistics, &statistics->items[i], LABEL_SHORT);
        size_t columns = label ? text_columns(label) : 0;
        if (columns > widest && has_something(statistics, &statistics->items[i]))
            widest = columns;
        free(label);
    }
    return widest < LABEL_COLUMNS_MAX ? widest : LABEL_COLUMNS_MAX;
}

static void write_top_line(FILE *out, const struct statistics *statistics,
                           const struct statistic *item, size_t width, const struct style *style)
{
    struct amount amount = figures_amount(&item->figures, statistics->measure);
    bool is_calls = statistics->measure == MEASURE_COUNT;
    char *label = label_group(statistics, item, LABEL_SHORT);
    char *callers = label_callers(statistics->stacks, item->node, item->via, item->is_via_mixed);
    fputs(style->strong, out);
    size_t written = text_write_tail(out, label ? label : "?", width);
    fprintf(out, "%s%*s %9s  %8" PRId64 " %-6s  %s", style->plain,
            (int)(written < width ? width - written : 0), "",
            text_size((double)amount.size_bytes).text, amount.count,
            is_calls ? plural(amount.count, "call", "calls")
                     : plural(amount.count, "block", "blocks"),
            style->dim);
    size_t used = 20 + (written > width ? written : width) + 29;
    size_t left = style->columns == SIZE_MAX  ? SIZE_MAX
                  : style->columns > used + 8 ? style->columns - used
                                              : 8;
    text_write_cut(out, callers ? callers : "?", left);
    if (is_calls && item->figures.temporary_count == item->figures.alloc_count)
        fputs("  (all temporary)", out);
    fprintf(out, "%s\n", style->plain);
    free(label);
    free(callers);
}

static void write_top(FILE *out, struct statistics *statistics, enum measure measure,
                      const char *title, size_t width, const struct style *style)
{
    if (!statistics_sort(statistics, measure))
        return;
    for (uint32_t i = 0; i < statistics->count && i < TOP_LINES; i++) {
        if (!has_something(statistics, &statistics->items[i]))
            break;
        fprintf(out, "  %-17s ", i ? "" : title);
        write_top_line(out, statistics, &statistics->items[i], width, style);
    }
}

void summary_write_lines(FILE *out, struct statistics *statistics, const struct style *style,
                         const char *live_word)
{
    static const enum measure measures[] = {MEASURE_PEAK, MEASURE_LIVE, MEASURE_COUNT};
    char title[40];
    snprintf(title, sizeof title, "live %s", live_word);
    size_t width = 0;
    for (size_t i = 0; i < sizeof measures / sizeof *measures; i++) {
        size_t columns = label_columns(statistics, measures[i]);
        width = columns > width ? columns : width;
    }
    write_top(out, statistics, MEASURE_PEAK, "live at peak", width, style);
    write_top(out, statistics, MEASURE_LIVE, title, width, style);
    write_top(out, statistics, MEASURE_COUNT, "most calls", width, style);
}

void summary_write_top(FILE *out, struct statistics *lines, const struct style *style)
{
    write_top(out, lines, lines->measure, "", label_columns(lines, lines->measure), style);
}

/* --- what is not known --- */

void summary_write_reasons(FILE *out, const struct trace *trace, const char *indent,
                           const struct style *style)
{
    static void (*const notes[])(const struct trace *, char *, size_t) = {
        completeness_describe_clear, completeness_describe_pauses, completeness_describe_peak,
        completeness_describe_reading};
    struct completeness completeness;
    completeness_init(&completeness, trace);
    for (size_t i = 0; i < completeness.count; i++) {
        fprintf(out, "%s%sincomplete: ", indent, style->warning);
        text_write(out, completeness.reasons[i]);
        fprintf(out, "%s\n", style->plain);
    }
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        char note[REASON_BYTES];
        notes[i](trace, note, sizeof note);
        if (*note)
            fprintf(out, "%snote: %s\n", indent, note);
    }
    if (trace->header.sample_bytes)
        fprintf(out,
                "%snote: sampled, about one allocation in %s: figures are estimates, the total's "
                "standard error is %s\n",
                indent, text_size((double)trace->header.sample_bytes).text,
                text_size(figures_standard_error((int64_t)trace_total(trace, NULL).alloc_bytes,
                                                 trace->header.sample_bytes))
                    .text);
}

static void write_explanation(FILE *out, const struct stacks *stacks, uint32_t module,
                              const char *indent, const struct style *style)
{
    const char *explanation = "";
    enum symbol_source source = symbolizer_source(stacks->symbolizer, module, &explanation);
    if (!explanation || !*explanation || source == SYMBOLS_LINES || source == SYMBOLS_UNREAD)
        return;
    const char *name = text_basename(stacks->modules[module]);
    fprintf(out, "%s%s", indent, style->warning);
    if (!strstr(explanation, name)) {
        text_write(out, name);
        fputs(": ", out);
    }
    text_write(out, explanation);
    fprintf(out, "%s\n", style->plain);
}

void summary_write_module(FILE *out, const struct stacks *stacks, uint32_t frame, bool *is_said,
                          const char *indent, const struct style *style)
{
    const struct frame *details = &stacks->frames[frame];
    uint32_t module = details->module_index;
    if (details->is_special || details->file || module == 0 || *is_said)
        return;
    *is_said = true;
    write_explanation(out, stacks, module, indent, style);
}

void summary_write_modules(FILE *out, const struct statistics *statistics, uint64_t limit,
                           const char *indent, const struct style *style)
{
    const struct stacks *stacks = statistics->stacks;
    bool *is_said = calloc((size_t)stacks->trace->module_count + 1, sizeof *is_said);
    for (uint32_t i = 0; is_said && i < statistics->count && (!limit || i < limit); i++) {
        const struct statistic *item = &statistics->items[i];
        if (item->frame != NO_FRAME && has_something(statistics, item))
            summary_write_module(out, stacks, item->frame,
                                 &is_said[stacks->frames[item->frame].module_index], indent, style);
    }
    free(is_said);
}

bool summary_write(FILE *out, const struct stacks *stacks, const struct style *style,
                   struct error *error)
{
    struct statistics statistics;
    struct filters filters = {0};
    const struct statistics_query query = {
        .group_by = GROUP_BY_LINE, .measure = MEASURE_PEAK, .filters = &filters};
    const char *live_word = stacks->trace->is_running ? "now" : "at exit";
    if (trace_is_without_heap(stacks->trace)) {
        write_peak_rss(out, stacks->trace);
        fputs("  heap     not recorded\n", out);
        summary_write_reasons(out, stacks->trace, "  ", style);
        return time_summary_write(out, stacks, style) || error_out_of_memory(error);
    }
    if (!statistics_init(&statistics, stacks, &query, error))
        return false;
    summary_write_totals(out, stacks->trace, live_word);
    summary_write_domains(out, stacks->trace);
    fputc('\n', out);
    summary_write_lines(out, &statistics, style, live_word);
    summary_write_reasons(out, stacks->trace, "  ", style);
    summary_write_modules(out, &statistics, 3, "  ", style);
    statistics_finish(&statistics);
    return time_summary_write(out, stacks, style) || error_out_of_memory(error);
}
