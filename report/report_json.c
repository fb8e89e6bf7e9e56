/* SPDX-License-Identifier: BSD-2-Clause */
/* report_json.c -- The report as JSON; its names are fixed in the design. */
#include "report_json.h"

#include "completeness.h"
#include "json.h"
#include "label.h"
#include "marks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void write_calls(struct json *json, const struct trace *trace)
{
    static const char *const names[] = TRACE_CALL_NAMES;
    json_name(json, "calls");
    json_open_object(json);
    for (int call = 0; call < CALL_COUNT; call++) {
        uint64_t count = 0;
        for (uint32_t i = 0; i < trace->thread_count; i++)
            count += trace->threads[i].calls[call];
        json_member_unsigned(json, names[call], count);
    }
    json_close_object(json);
}

static void write_errors(struct json *json, const struct trace *trace,
                         const struct figures *figures)
{
    uint64_t sample_bytes = trace->header.sample_bytes;
    if (!sample_bytes)
        return;
    if (trace_knows_totals(trace))
        json_member_signed(
            json, "alloc_bytes_error",
            (int64_t)figures_standard_error((int64_t)figures->alloc_bytes, sample_bytes));
    json_member_signed(json, "live_bytes_error",
                       (int64_t)figures_standard_error(figures->live_bytes, sample_bytes));
}

static void write_figures(struct json *json, const struct trace *trace,
                          const struct figures *figures)
{
    write_errors(json, trace, figures);
    if (trace_knows_totals(trace)) {
        json_member_unsigned(json, "alloc_count", figures->alloc_count);
        json_member_unsigned(json, "alloc_bytes", figures->alloc_bytes);
        json_member_unsigned(json, "free_count", figures->free_count);
        json_member_unsigned(json, "freed_bytes", figures->freed_bytes);
    }
    json_member_signed(json, "live_count", figures->live_count);
    json_member_signed(json, "live_bytes", figures->live_bytes);
}

static void write_totals(struct json *json, const struct trace *trace)
{
    uint32_t site_count;
    struct figures total = trace_total(trace, &site_count);
    json_name(json, "totals");
    json_open_object(json);
    write_figures(json, trace, &total);
    if (trace_knows_all(trace)) {
        json_member_signed(json, "peak_bytes", total.peak_bytes);
        json_member_signed(json, "peak_count", total.peak_count);
        json_member_unsigned(json, "peak_time_ns", trace_peak_time_ns(trace));
        json_member_unsigned(json, "peak_slack_bytes", trace->header.peak_slack_bytes);
        json_member_unsigned(json, "temporary_count", total.temporary_count);
        json_member_unsigned(json, "threads", trace->header.threads_seen);
        if (trace->domain == DOMAIN_HEAP)
            write_calls(json, trace);
    }
    json_member_unsigned(json, "sites", site_count);
    json_close_object(json);
}

/* What is live there is not in the totals. */
static void write_other_domains(struct json *json, const struct trace *trace)
{
    json_name(json, "other_domains");
    json_open_object(json);
    for (uint32_t domain = 0; domain < MEMORY_DOMAIN_COUNT; domain++) {
        struct figures total = trace_domain_total(trace, domain);
        if (domain == trace->domain || figures_are_zero(&total))
            continue;
        json_name(json, label_domain(domain));
        json_open_object(json);
        json_member_signed(json, "live_count", total.live_count);
        json_member_signed(json, "live_bytes", total.live_bytes);
        json_close_object(json);
    }
    json_close_object(json);
}

/* When the figures of a program that ran were read, and how much they belong together. */
static void write_reading(struct json *json, const struct trace *trace)
{
    const struct snapshot_moment *moment = &trace->sections.moment;
    if (!trace->was_running)
        return;
    json_name(json, "snapshot");
    json_open_object(json);
    json_member_unsigned(json, "time_ns", moment->realtime_ns);
    json_member_unsigned(json, "spread_ns", moment->spread_ns);
    json_member_unsigned(json, "moved_sites", moment->moved_sites);
    json_close_object(json);
}

static void write_completeness(struct json *json, const struct trace *trace)
{
    struct completeness completeness;
    completeness_init(&completeness, trace);
    json_member_string(json, "state", completeness_state(trace));
    if (trace->header.exit_status_known)
        json_member_signed(json, "exit_status", trace->header.exit_status);
    json_member_bool(json, "complete", completeness.count == 0);
    json_name(json, "incomplete_because");
    json_open_array(json);
    for (size_t i = 0; i < completeness.count; i++)
        json_string(json, completeness.reasons[i]);
    json_close_array(json);
}

static void write_frame(struct json *json, const struct frame *frame)
{
    if (frame->file) {
        json_member_string(json, "file", frame->file);
        json_member_unsigned(json, "line", frame->line);
    }
    if (frame->function)
        json_member_string(json, "function", frame->function);
    if (frame->is_special)
        return;
    json_member_string(json, "module", frame->module);
    json_member_unsigned(json, "offset", frame->offset);
    if (frame->function_offset)
        json_member_unsigned(json, "function_offset", frame->function_offset);
}

void report_json_write_traceback(struct json *json, const struct stacks *stacks, uint32_t node)
{
    uint32_t *frames = malloc(STACK_NODES_MAX * sizeof *frames);
    size_t count = frames ? stack_visible(stacks, node, frames, STACK_NODES_MAX) : 0;
    json_name(json, "traceback");
    json_open_array(json);
    for (size_t i = 0; i < count; i++) {
        const struct frame *frame = &stacks->frames[frames[i]];
        json_open_object(json);
        write_frame(json, frame);
        json_member_bool(json, "inlined", frame->is_inlined);
        json_close_object(json);
    }
    json_close_array(json);
    free(frames);
}

void report_json_write_thread(struct json *json, const struct trace_thread *thread)
{
    char name[sizeof thread->name + 1] = "";
    memcpy(name, thread->name, sizeof thread->name);
    json_member_unsigned(json, "tid", thread->tid);
    json_member_string(json, "name", name);
}

void report_json_write_group(struct json *json, const struct stacks *stacks, enum group_by group_by,
                             uint32_t frame_index, uint32_t node)
{
    struct frame frame = stacks->frames[frame_index];
    bool is_address = !frame.file;
    if (group_by == GROUP_BY_FILE || group_by == GROUP_BY_MODULE)
        frame.function = NULL;
    if (group_by == GROUP_BY_MODULE)
        frame.file = NULL;
    if (frame.file)
        json_member_string(json, "file", frame.file);
    if (frame.file && (group_by == GROUP_BY_LINE || group_by == GROUP_BY_TRACEBACK))
        json_member_unsigned(json, "line", frame.line);
    if (frame.function)
        json_member_string(json, "function", frame.function);
    if (frame.module[0])
        json_member_string(json, "module", frame.module);
    if (is_address && !frame.is_special && group_by == GROUP_BY_LINE)
        json_member_unsigned(json, "offset", frame.offset);
    if (frame.function_offset && group_by == GROUP_BY_FUNCTION)
        json_member_unsigned(json, "function_offset", frame.function_offset);
    if (group_by == GROUP_BY_TRACEBACK)
        report_json_write_traceback(json, stacks, node);
}

static void write_statistic(struct json *json, const struct statistics *statistics,
                            const struct statistic *item)
{
    const struct trace *trace = statistics->stacks->trace;
    char *key = label_group(statistics, item, LABEL_FULL);
    json_open_object(json);
    json_member_string(json, "key", key ? key : "");
    free(key);
    if (statistics->group_by == GROUP_BY_THREAD)
        report_json_write_thread(json, &trace->threads[item->thread]);
    else
        report_json_write_group(json, statistics->stacks, statistics->group_by, item->frame,
                                item->node);
    if (item->via != NO_FRAME) {
        char *via = label_via(&statistics->stacks->frames[item->via]);
        json_member_string(json, "via", via ? via : "");
        free(via);
    }
    write_figures(json, trace, &item->figures);
    if (trace_knows_all(trace) && statistics->group_by != GROUP_BY_THREAD) {
        json_member_signed(json, "peak_live_bytes", item->figures.peak_bytes);
        json_member_signed(json, "peak_live_count", item->figures.peak_count);
    }
    if (trace_knows_all(trace))
        json_member_unsigned(json, "temporary_count", item->figures.temporary_count);
    json_close_object(json);
}

static const char *source_word(enum symbol_source source)
{
    static const char *const words[] = {"unread",  "lines",   "names", "none",
                                        "missing", "changed", "broken"};
    return (size_t)source < sizeof words / sizeof *words ? words[source] : "unread";
}

/* Where names come from, for every module that was asked for some. */
void report_json_write_modules(struct json *json, const struct stacks *stacks)
{
    json_name(json, "modules");
    json_open_array(json);
    for (uint32_t i = 1; i < stacks->trace->module_count; i++) {
        const char *explanation = "";
        enum symbol_source source = symbolizer_source(stacks->symbolizer, i, &explanation);
        if (source == SYMBOLS_UNREAD)
            continue;
        json_open_object(json);
        json_member_string(json, "path", stacks->modules[i]);
        json_member_string(json, "symbols", source_word(source));
        if (explanation && *explanation)
            json_member_string(json, "explanation", explanation);
        json_close_object(json);
    }
    json_close_array(json);
}

/* Which moment the figures are of; absent: of the end. */
static void write_moment(struct json *json, const struct trace *trace)
{
    static const char *const kinds[] = {"end", "tick", "peak", "start"};
    const struct instant *instant = &trace->instant;
    if (trace_knows_all(trace))
        return;
    json_name(json, "moment");
    json_open_object(json);
    json_member_string(json, "kind", kinds[instant->kind]);
    json_member_unsigned(json, "time_ns", instant->time_ns);
    if (instant->kind == INSTANT_TICK && instant->mark < trace->mark_count)
        json_member_string(json, "snapshot", trace->mark_names[instant->mark]);
    json_close_object(json);
}

void report_json_write_suppressions(struct json *json, const struct suppressions *suppressions)
{
    json_name(json, "suppressions");
    json_open_array(json);
    for (size_t i = 0; i < suppressions->count; i++) {
        const struct suppression *item = &suppressions->items[i];
        if (!item->block_count)
            continue;
        json_open_object(json);
        json_member_string(json, "pattern", item->pattern);
        json_member_unsigned(json, "live_count", item->block_count);
        json_member_unsigned(json, "live_bytes", item->size_bytes);
        json_close_object(json);
    }
    json_close_array(json);
}

/* Since when figures are counted, and how long nothing was; absent: since the start, and not. */
static void write_gaps(struct json *json, const struct trace *trace)
{
    const struct trace_mark *clear = trace_last_clear(trace);
    uint64_t paused_ns = completeness_paused_ns(trace);
    if (clear)
        json_member_unsigned(json, "cleared_time_ns", trace_mark_time_ns(trace, clear));
    if (paused_ns)
        json_member_unsigned(json, "paused_ns", paused_ns);
}

void report_json_write_head(struct json *json, const struct trace *trace)
{
    json_member_unsigned(json, "schema", 1);
    json_member_string(json, "program", trace->program);
    json_member_string(json, "executable", trace->executable);
    json_member_unsigned(json, "pid", trace->header.pid);
    json_member_unsigned(json, "parent_pid", trace->header.parent_pid);
    write_completeness(json, trace);
    json_member_unsigned(json, "duration_ns", trace_duration_ns(trace));
    write_reading(json, trace);
    json_member_unsigned(json, "start_time_ns", trace->header.start_realtime_ns);
    write_moment(json, trace);
    write_gaps(json, trace);
}

void report_json_write_trace(struct json *json, const struct stacks *stacks)
{
    const struct trace *trace = stacks->trace;
    report_json_write_head(json, trace);
    if (trace->header.sample_bytes)
        json_member_unsigned(json, "sample_bytes", trace->header.sample_bytes);
    json_member_string(json, "domain", label_domain(trace->domain));
    write_totals(json, trace);
    write_other_domains(json, trace);
    if (trace->mark_count) {
        json_name(json, "marks");
        marks_write_json(json, trace);
    }
    report_json_write_modules(json, stacks);
}

void report_json_write(FILE *out, const struct statistics *statistics, uint64_t limit)
{
    struct json json = json_begin(out);
    json_open_object(&json);
    report_json_write_trace(&json, statistics->stacks);
    json_member_string(&json, "group_by", label_group_by(statistics->group_by));
    json_name(&json, "statistics");
    json_open_array(&json);
    for (uint32_t i = 0; i < statistics->count && (!limit || i < limit); i++)
        write_statistic(&json, statistics, &statistics->items[i]);
    json_close_array(&json);
    if (statistics->filters && statistics->filters->suppressions)
        report_json_write_suppressions(&json, statistics->filters->suppressions);
    json_close_object(&json);
    json_end(&json);
}
