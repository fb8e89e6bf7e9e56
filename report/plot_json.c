/* SPDX-License-Identifier: BSD-2-Clause */
/* plot_json.c -- Series of runs as JSON and CSV. */
#include "plot_data.h"

#include "marks.h"

#include <inttypes.h>

static const char *const range_names[SERIES_RANGES] = {
    "rss_bytes", "pss_bytes", "uss_bytes", "live_bytes", "mapped_bytes", "threads", "cgroup_bytes",
};

static const char *const counter_names[SERIES_COUNTERS] = {
    "alloc_count", "alloc_bytes", "minor_faults", "major_faults", "cpu_user_ns", "cpu_system_ns",
};

static bool is_shown(const struct trace_point *point, const struct window *window)
{
    return point->time_ns >= window->from_ns && series_point_begin_ns(point) <= window->to_ns;
}

/* Of merged points the largest value, and beside it the smallest if that is another one. */
static void write_range(struct json *json, const char *name, const struct trace_range *range)
{
    char min_name[40];
    if (range->min < 0)
        return;
    json_member_signed(json, name, range->max);
    if (range->min == range->max)
        return;
    snprintf(min_name, sizeof min_name, "%s_min", name);
    json_member_signed(json, min_name, range->min);
}

static bool has_limit(const struct trace_point *point)
{
    return point->cgroup_max_bytes && point->cgroup_max_bytes < INT64_MAX;
}

void plot_write_point(struct json *json, const struct trace_point *point)
{
    json_open_object(json);
    json_member_unsigned(json, "time_ns", point->time_ns);
    if (point->span_ns)
        json_member_unsigned(json, "span_ns", point->span_ns);
    for (size_t i = 0; i < SERIES_RANGES; i++)
        write_range(json, range_names[i], series_range_of(point, i));
    for (size_t i = 0; i < SERIES_COUNTERS; i++)
        if (series_counter_of(point, i) >= 0)
            json_member_signed(json, counter_names[i], series_counter_of(point, i));
    if (point->rss_peak_bytes)
        json_member_signed(json, "rss_peak_bytes", point->rss_peak_bytes);
    if (has_limit(point))
        json_member_signed(json, "cgroup_max_bytes", point->cgroup_max_bytes);
    json_close_object(json);
}

static void write_snapshots(struct json *json, const struct run *run)
{
    const struct trace *trace = &run->trace;
    json_open_array(json);
    for (uint32_t i = 0; i < trace->mark_count; i++) {
        if (trace->marks[i].kind != MARK_SNAPSHOT)
            continue;
        json_open_object(json);
        json_member_string(json, "name", trace->mark_names[i]);
        json_member_unsigned(json, "time_ns",
                             run->begin_ns + trace_mark_time_ns(trace, &trace->marks[i]));
        json_close_object(json);
    }
    json_close_array(json);
}

/* The peak and the trend of every quantity that was asked for. */
static bool write_quantity(struct json *json, const struct run *run, const struct plot_query *query,
                           enum quantity quantity)
{
    struct timeline timeline;
    struct regression trend;
    if (!run_timeline(run, quantity, &timeline))
        return false;
    timeline_clip(&timeline, query->window);
    const struct sample *peak = timeline_peak(&timeline);
    json_open_object(json);
    json_member_string(json, "measure", quantity_word(quantity));
    if (peak) {
        json_member_real(json, "peak", peak->max);
        json_member_unsigned(json, "peak_time_ns",
                             peak->begin_ns + (peak->end_ns - peak->begin_ns) / 2);
    }
    if (query->has_slope && regression_init(&trend, &timeline)) {
        json_member_real(json, "slope_per_hour", trend.per_second * 3600);
        json_member_real(json, "slope_standard_error_per_hour", trend.error_per_second * 3600);
        json_member_unsigned(json, "slope_readings", trend.count);
    }
    json_close_object(json);
    timeline_finish(&timeline);
    return true;
}

static void write_layers(struct json *json, const struct layers *layers)
{
    json_open_object(json);
    json_name(json, "times_ns");
    json_open_array(json);
    for (size_t i = 0; i < layers->time_count; i++)
        json_unsigned(json, layers->times_ns[i]);
    json_close_array(json);
    json_name(json, "items");
    json_open_array(json);
    for (size_t i = 0; i < layers->count; i++) {
        json_open_object(json);
        json_member_string(json, "key", layers->items[i].name);
        json_name(json, "live_bytes");
        json_open_array(json);
        for (size_t j = 0; j < layers->time_count; j++)
            json_signed(json, layers->items[i].live_bytes[j]);
        json_close_array(json);
        json_close_object(json);
    }
    json_close_array(json);
    json_close_object(json);
}

static bool write_run(struct json *json, const struct run *run, const struct plot_query *query)
{
    bool is_ok = true;
    json_open_object(json);
    json_member_string(json, "program", run->trace.program);
    json_member_unsigned(json, "pid", run->trace.header.pid);
    json_member_string(json, "path", run->path);
    json_member_unsigned(json, "start_realtime_ns", run->trace.header.start_realtime_ns);
    if (run->process_count > 1)
        json_member_unsigned(json, "processes", run->process_count);
    json_name(json, "series");
    json_open_array(json);
    for (size_t i = 0; i < run->series.count; i++)
        if (is_shown(&run->series.points[i], &query->window))
            plot_write_point(json, &run->series.points[i]);
    json_close_array(json);
    json_name(json, "measures");
    json_open_array(json);
    for (size_t i = 0; is_ok && i < query->quantity_count; i++)
        is_ok = write_quantity(json, run, query, query->quantities[i]);
    json_close_array(json);
    if (query->layers) {
        json_name(json, "layers");
        write_layers(json, query->layers);
    }
    json_name(json, "snapshots");
    write_snapshots(json, run);
    json_name(json, "marks");
    marks_write_json(json, &run->trace);
    json_close_object(json);
    return is_ok;
}

bool plot_write_json(FILE *out, const struct runs *runs, const struct plot_query *query)
{
    struct json json = json_begin(out);
    bool is_ok = true;
    if (runs->count != 1)
        json_open_array(&json);
    for (size_t i = 0; is_ok && i < runs->count; i++)
        is_ok = write_run(&json, &runs->items[i], query);
    if (runs->count != 1)
        json_close_array(&json);
    json_end(&json);
    return is_ok;
}

/* --- CSV --- */

static void write_header(FILE *out)
{
    fputs("run,pid,time_ns,span_ns", out);
    for (size_t i = 0; i < SERIES_RANGES; i++)
        fprintf(out, ",%s_min,%s_max", range_names[i], range_names[i]);
    for (size_t i = 0; i < SERIES_COUNTERS; i++)
        fprintf(out, ",%s", counter_names[i]);
    fputs(",rss_peak_bytes,cgroup_max_bytes\n", out);
}

static void write_known(FILE *out, int64_t value)
{
    fputc(',', out);
    if (value >= 0)
        fprintf(out, "%" PRId64, value);
}

void plot_write_csv(FILE *out, const struct runs *runs, const struct plot_query *query)
{
    write_header(out);
    for (size_t i = 0; i < runs->count; i++)
        for (size_t j = 0; j < runs->items[i].series.count; j++) {
            const struct trace_point *point = &runs->items[i].series.points[j];
            if (!is_shown(point, &query->window))
                continue;
            fprintf(out, "%zu,%" PRIu32 ",%" PRIu64 ",%" PRIu64, i + 1,
                    runs->items[i].trace.header.pid, point->time_ns, point->span_ns);
            for (size_t k = 0; k < SERIES_RANGES; k++) {
                write_known(out, series_range_of(point, k)->min);
                write_known(out, series_range_of(point, k)->max);
            }
            for (size_t k = 0; k < SERIES_COUNTERS; k++)
                write_known(out, series_counter_of(point, k));
            write_known(out, point->rss_peak_bytes ? point->rss_peak_bytes : -1);
            write_known(out, has_limit(point) ? point->cgroup_max_bytes : -1);
            fputc('\n', out);
        }
}
