/* SPDX-License-Identifier: BSD-2-Clause */
/* show_everything.c -- Shows a trace in every way the tool can, for tests with damaged ones. */
#include "show_everything.h"

#include "annotate.h"
#include "diff_json.h"
#include "diff_summary.h"
#include "diff_table.h"
#include "layers.h"
#include "marks.h"
#include "moment.h"
#include "picture.h"
#include "plot_data.h"
#include "plot_draw.h"
#include "plot_terminal.h"
#include "report_json.h"
#include "summary.h"
#include "table.h"
#include "top_past.h"
#include "top_view.h"

#include <stdlib.h>
#include <string.h>

static struct trace good_trace;
static struct stacks good_stacks;
static unsigned shown;

static void report_groups(const struct stacks *stacks, FILE *out)
{
    struct error error;
    struct filters filters = {0};
    struct sources sources = {0};
    struct statistics statistics;
    for (int i = 0; i < GROUP_BY_COUNT; i++) {
        const struct statistics_query query = {.group_by = (enum group_by)i,
                                               .measure = MEASURE_LIVE,
                                               .is_cumulative = i < 4,
                                               .filters = &filters};
        const struct table table = {out, {80, "", "", "", ""}, &sources, 0, true};
        if (!statistics_init(&statistics, stacks, &query, &error))
            continue;
        report_json_write(out, &statistics, 0);
        if (i != GROUP_BY_THREAD)
            table_write(&table, &statistics);
        statistics_finish(&statistics);
    }
    sources_finish(&sources);
}

static void report_differences(const struct compare_side *old, const struct compare_side *new,
                               FILE *out)
{
    struct error error;
    struct filters filters = {0};
    struct sources sources = {0};
    struct comparison comparison;
    const struct table table = {out, {80, "", "", "", ""}, &sources, 0, true};
    const struct trace *traces[] = {old->stacks->trace, new->stacks->trace};
    const struct compare_query queries[] = {
        {GROUP_BY_LINE, MEASURE_LIVE, false, false, &filters},
        {GROUP_BY_MODULE, MEASURE_TOTAL, true, false, &filters},
        {GROUP_BY_TRACEBACK, MEASURE_PEAK, false, false, &filters},
        {GROUP_BY_FILE, MEASURE_LIVE, true, true, &filters},
        {GROUP_BY_TRACEBACK, MEASURE_LIVE, false, true, &filters},
    };
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        const struct compare_query query = queries[i];
        if (!comparison_init(&comparison, old, new, &query, &error))
            continue;
        diff_table_write(&table, &comparison);
        diff_table_write_tracemalloc(&table, &comparison, false);
        diff_summary_write_head(out, &comparison,
                                &(struct diff_about){{"a", "b"}, {traces[0], traces[1]}, false},
                                &table.style);
        diff_summary_write_modules(out, &comparison, 10, &table.style);
        diff_summary_write_answer(out, &comparison, &table.style);
        diff_json_write(out, &comparison,
                        &(struct diff_json){{"a", "b"}, {traces[0], traces[1]}, NULL, 0});
        sources_finish(&sources);
        comparison_finish(&comparison);
    }
}

/* With what is good, and with nothing. */
static void report_all_differences(const struct stacks *stacks, FILE *out)
{
    struct sites good_sites;
    struct sites sites;
    if (!sites_init(&good_sites, &good_trace) || !sites_init(&sites, stacks->trace))
        exit(99);
    struct compare_side good_side = {&good_stacks, &good_sites};
    struct compare_side side = {stacks, &sites};
    report_differences(&good_side, &side, out);
    report_differences(&(struct compare_side){stacks, NULL}, &side, out);
    sites_finish(&good_sites);
    sites_finish(&sites);
}

/* As memtrace top shows it, the second time with half of it gone. */
static void report_live(struct trace *trace, const struct stacks *stacks)
{
    struct error error;
    struct grid grid;
    struct top_view view = {0};
    struct top_status status = {.program = trace->program, .trace_path = "", .is_running = true};
    struct top_model *model = malloc(sizeof *model);
    if (!model || !grid_init(&grid, 24, 80, true))
        exit(99);
    top_model_init(model, trace, stacks);
    top_model_read(model, 1, -1);
    top_past_recall(model, trace, 1, &error);
    for (uint32_t i = 1; i < trace->owner_count; i += 2)
        trace->counters[i] = (struct trace_counters){0};
    top_model_read(model, 2, 1);
    completeness_init(&status.completeness, trace);
    for (int i = 0; i < GROUP_BY_COUNT; i++) {
        top_model_group(model, (enum group_by)i);
        top_model_sort(model, (enum top_sort)(i % TOP_SORT_COUNT));
        top_model_filter(model, i & 1 ? "m" : "");
        view.page = (enum top_page)(i % 3);
        top_view_draw(&view, model, &status, &grid);
    }
    top_view_finish(&view);
    top_model_finish(model);
    grid_finish(&grid);
    free(model);
}

static void report_trace(struct trace *trace, FILE *out)
{
    struct error error;
    struct filters filters = {0};
    struct sources sources = {0};
    struct stacks stacks;
    struct annotation annotation;
    const struct style style = {80, "", "", "", ""};
    if (!stacks_init(&stacks, trace, false, &error))
        return;
    summary_write_totals(out, trace, "at exit");
    summary_write_reasons(out, trace, "", &style);
    report_groups(&stacks, out);
    report_all_differences(&stacks, out);
    if (annotation_init(&annotation, &stacks, "demo.c", true, &filters, &error)) {
        annotation_write(out, &annotation, &sources, &style, 0);
        annotation_finish(&annotation);
    }
    sources_finish(&sources);
    report_live(trace, &stacks);
    stacks_finish(&stacks);
}

static void report_marks(const struct trace *trace, FILE *out)
{
    struct error error;
    struct history history;
    const struct style style = {80, "", "", "", ""};
    if (!history_init(&history, trace, &error))
        return;
    marks_write(out, &history, &style);
    history_finish(&history);
}

/* Pictures take longest: those of an undamaged series are drawn now and then. */
static bool is_drawn(const struct runs *runs)
{
    const struct trace *trace = &runs->items[0].trace;
    return !runs->items[0].series.is_heap_only &&
           (shown++ % 16 == 0 || trace->point_count != good_trace.point_count ||
            memcmp(trace->points, good_trace.points,
                   good_trace.point_count * sizeof good_trace.points[0]) != 0);
}

static void report_plots(const struct runs *runs, FILE *out)
{
    struct error error;
    struct plot plot;
    const struct terminal_size size = {60, 8, false, true};
    struct plot_query query = {
        .quantities = {QUANTITY_RSS, QUANTITY_LIVE, QUANTITY_OVERHEAD, QUANTITY_FAULTS},
        .quantity_count = 4,
        .window = plot_whole_window(runs),
        .title = "",
        .subtitle = "",
        .resolution = 100,
        .has_slope = true,
        .has_marks = true,
    };
    plot_write_json(out, runs, &query);
    if (!is_drawn(runs) || !plot_of_runs(&plot, runs, &query, &error))
        return;
    svg_write(out, (struct picture_size){300, 200}, THEME_AUTO, "", plot_draw, &plot, &error);
    plot_write_terminal(out, &plot, &size);
    plot_write_csv(out, runs, &query);
    plot_write_mprof(out, runs, QUANTITY_RSS, query.window, &error);
    plot_finish(&plot);
}

static void report_layers(const struct trace *trace)
{
    struct error error;
    struct history history;
    struct stacks stacks;
    struct layers layers;
    const struct layers_query query = {GROUP_BY_LINE, 2, {0, UINT64_MAX}, 50};
    if (!history_init(&history, trace, &error))
        return;
    if (stacks_init(&stacks, trace, false, &error)) {
        if (layers_init(&layers, &stacks, &history, &query, &error))
            layers_finish(&layers);
        stacks_finish(&stacks);
    }
    history_finish(&history);
}

/* The series as it is, and what the history says instead. */
static void report_series(struct trace *trace, FILE *out)
{
    struct error error;
    char name[] = "demo";
    const uint32_t point_count = trace->point_count;
    for (int i = 0; i < 2; i++) {
        struct run run = {.path = name, .name = name, .trace = *trace, .process_count = 1};
        const struct runs runs = {&run, 1, 0};
        run.end_ns = trace_duration_ns(trace);
        if (series_init(&run.series, trace, trace->header.start_time_ns, &error))
            report_plots(&runs, out);
        series_finish(&run.series);
        trace->point_count = 0;
    }
    trace->point_count = point_count;
    report_layers(trace);
}

/* Each moment once; the first one is the end. Turned back once, a trace stays so. */
static void report_moments(struct trace *trace, FILE *out)
{
    static const char *const moments[] = {"end", "-60ms", "load", "half-way", "start", "peak"};
    char described[256];
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        struct error error;
        struct moment moment;
        if (!moment_parse(&moment, moments[i], &error))
            exit(99);
        if (moment_rewind(&moment, trace, &error)) {
            instant_describe(trace, described, sizeof described);
            summary_write_totals(out, trace, described);
        }
        moment_finish(&moment);
    }
}

/* --- the interface --- */

bool show_compare_with(int good)
{
    struct error error;
    return trace_read(&good_trace, good, &error) &&
           stacks_init(&good_stacks, &good_trace, false, &error);
}

bool show_everything(int fd, FILE *out, struct error *error)
{
    struct trace trace;
    if (!trace_read(&trace, fd, error))
        return false;
    report_trace(&trace, out);
    report_marks(&trace, out);
    report_series(&trace, out);
    report_moments(&trace, out);
    trace_close(&trace);
    return true;
}
