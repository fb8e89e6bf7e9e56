/* SPDX-License-Identifier: BSD-2-Clause */
/* page_series.c -- What a process used over time, by columns.
 *
 * A gauge has the smallest and the largest value of what a point covers, and -1 where it is not
 * known; counters are since the start. */
#include "page_series.h"

static void write_time(struct json *json, const struct series *series)
{
    json_name(json, "time_ns");
    json_open_array(json);
    for (size_t i = 0; i < series->count; i++)
        json_unsigned(json, series->points[i].time_ns);
    json_close_array(json);
}

static void write_bound(struct json *json, const struct series *series, size_t range, bool is_max)
{
    json_name(json, is_max ? "max" : "min");
    json_open_array(json);
    for (size_t i = 0; i < series->count; i++) {
        const struct trace_range *value = series_range_of(&series->points[i], range);
        json_signed(json, is_max ? value->max : value->min);
    }
    json_close_array(json);
}

static void write_range(struct json *json, const struct series *series, const char *name,
                        size_t range)
{
    json_name(json, name);
    json_open_object(json);
    write_bound(json, series, range, false);
    write_bound(json, series, range, true);
    json_close_object(json);
}

static void write_counter(struct json *json, const struct series *series, const char *name,
                          size_t counter)
{
    json_name(json, name);
    json_open_array(json);
    for (size_t i = 0; i < series->count; i++)
        json_signed(json, series_counter_of(&series->points[i], counter));
    json_close_array(json);
}

static void write_points(struct json *json, const struct series *series)
{
    static const char *const ranges[SERIES_RANGES] = {"rss_bytes",   "pss_bytes",    "uss_bytes",
                                                      "live_bytes",  "mapped_bytes", "thread_count",
                                                      "cgroup_bytes"};
    static const char *const counters[SERIES_COUNTERS] = {"alloc_count",  "alloc_bytes",
                                                          "minor_faults", "major_faults",
                                                          "cpu_user_ns",  "cpu_system_ns"};
    json_name(json, "points");
    json_open_object(json);
    write_time(json, series);
    for (size_t i = 0; i < SERIES_RANGES; i++)
        write_range(json, series, ranges[i], i);
    for (size_t i = 0; i < SERIES_COUNTERS; i++)
        write_counter(json, series, counters[i], i);
    json_close_object(json);
}

bool page_series_write(struct json *json, const struct trace *trace, struct error *error)
{
    struct series series;
    if (!series_init(&series, trace, trace->header.start_time_ns, error))
        return false;
    if (series.count && !series.is_heap_only)
        write_points(json, &series);
    series_finish(&series);
    return true;
}
