/* SPDX-License-Identifier: BSD-2-Clause */
/* leaks_json.c -- What grows, and what does not, as JSON. */
#include "leaks_json.h"

#include "completeness.h"
#include "json.h"
#include "label.h"
#include "report_json.h"

#include <stdlib.h>

static void write_bounds(struct json *json, const char *name, const struct bounds *bounds)
{
    json_name(json, name);
    json_open_object(json);
    json_member_unsigned(json, "min", bounds->min);
    if (bounds->max != AGE_UNKNOWN)
        json_member_unsigned(json, "max", bounds->max);
    json_close_object(json);
}

static void write_trend(struct json *json, const struct leak *leak)
{
    json_member_string(json, "trend", trend_word(leak->trend.kind));
    json_member_real(json, "growth_bytes_per_hour", leak->bytes_per_hour);
    json_member_real(json, "growth_error_bytes_per_hour", leak->error_per_hour);
    json_member_real(json, "confidence", leak->trend.confidence);
    json_name(json, "levels_bytes");
    json_open_array(json);
    for (int i = 0; i < TREND_PARTS; i++)
        json_signed(json, leak->levels[i]);
    json_close_array(json);
    json_member_signed(json, "young_bytes", leak->young_bytes);
}

static void write_leak(struct json *json, const struct leaks *leaks, const struct leak *leak)
{
    char *key =
        label_site(leaks->stacks, leaks->query.group_by, leak->frame, leak->node, LABEL_FULL);
    json_open_object(json);
    json_member_string(json, "key", key ? key : "");
    free(key);
    report_json_write_group(json, leaks->stacks, leaks->query.group_by, leak->frame, leak->node);
    if (leaks->query.group_by != GROUP_BY_TRACEBACK)
        report_json_write_traceback(json, leaks->stacks, leak->node);
    json_member_unsigned(json, "stacks", leak->stack_count);
    json_member_signed(json, "live_count", leak->live_count);
    json_member_signed(json, "live_bytes", leak->live_bytes);
    write_trend(json, leak);
    if (leak->live_count > 0) {
        write_bounds(json, "oldest_ns", &leak->survival.oldest_ns);
        write_bounds(json, "outlived_count", &leak->survival.outlived);
        write_bounds(json, "outlived_bytes", &leak->survival.outlived_size);
    }
    json_close_object(json);
}

static void write_head(struct json *json, const struct leaks *leaks)
{
    const struct trace *trace = leaks->stacks->trace;
    const struct course *course = &leaks->course;
    json_member_unsigned(json, "schema", 1);
    json_member_string(json, "program", trace->program);
    json_member_unsigned(json, "pid", trace->header.pid);
    json_member_string(json, "state", completeness_state(trace));
    json_member_unsigned(json, "duration_ns", trace_duration_ns(trace));
    if (trace->header.sample_bytes)
        json_member_unsigned(json, "sample_bytes", trace->header.sample_bytes);
    json_member_string(json, "domain", label_domain(trace->domain));
    json_member_unsigned(json, "span_ns", course->times_ns[course->point_count - 1]);
    json_member_unsigned(json, "ticks", course->tick_count);
    json_member_unsigned(json, "judged_from_ns", leaks->from_ns);
    json_member_unsigned(json, "judged_until_ns", leaks->until_ns);
    json_member_unsigned(json, "outlived_allocations", leaks->query.outlived_allocs);
    json_member_signed(json, "live_count", leaks->live_count);
    json_member_signed(json, "live_bytes", leaks->live_bytes);
    json_member_unsigned(json, "growing", leaks->counts[TREND_GROWS]);
    json_member_real(json, "growth_bytes_per_hour", leaks->bytes_per_hour);
}

static void write_gate(struct json *json, const struct leaks *leaks, const struct leaks_gate *gate)
{
    json_name(json, "fail_above");
    json_open_object(json);
    json_member_unsigned(json, "limit_bytes_per_hour", gate->limit_bytes_per_hour);
    json_member_bool(json, "failed", leaks_fail(leaks, gate));
    json_member_real(json, "growth_at_least_bytes_per_hour", leaks->floor_per_hour);
    json_close_object(json);
}

void leaks_json_write(FILE *out, const struct leaks *leaks, const struct leaks_gate *gate,
                      uint64_t limit)
{
    struct json json = json_begin(out);
    json_open_object(&json);
    write_head(&json, leaks);
    if (gate)
        write_gate(&json, leaks, gate);
    if (leaks->query.filters->suppressions)
        report_json_write_suppressions(&json, leaks->query.filters->suppressions);
    report_json_write_modules(&json, leaks->stacks);
    json_member_string(&json, "group_by", label_group_by(leaks->query.group_by));
    json_name(&json, "statistics");
    json_open_array(&json);
    for (uint32_t i = 0; i < leaks->count && (!limit || i < limit); i++)
        write_leak(&json, leaks, &leaks->items[i]);
    json_close_array(&json);
    json_close_object(&json);
    json_end(&json);
}
