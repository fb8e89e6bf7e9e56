/* SPDX-License-Identifier: BSD-2-Clause */
/* marks.c -- The moments of a trace that have names: snapshots, marks and phases, as text and JSON.
 */
#include "marks.h"

#include "moment.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

const char *mark_kind(uint32_t kind)
{
    static const char *const kinds[] = {
        [MARK_POINT] = "mark",
        [MARK_SNAPSHOT] = "snapshot",
        [MARK_PHASE_BEGIN] = "phase begin",
        [MARK_PHASE_END] = "phase end",
        [MARK_PAUSED] = "paused",
        [MARK_RESUMED] = "resumed",
        [MARK_CLEARED] = "cleared",
        [MARK_PEAK_RESET] = "peak reset",
    };
    return kind < sizeof kinds / sizeof *kinds ? kinds[kind] : "unknown";
}

/* As it is to be typed after an @. */
static void write_name(FILE *out, const char *name)
{
    struct moment moment;
    struct error error;
    bool is_plain = *name && moment_parse(&moment, name, &error) && moment.kind == MOMENT_NAME;
    if (*name)
        moment_finish(&moment);
    if (!is_plain && *name)
        fputc('\'', out);
    text_write(out, name);
    if (!is_plain && *name)
        fputc('\'', out);
}

static void write_mark(FILE *out, const struct trace *trace, uint32_t mark)
{
    const struct trace_mark *details = &trace->marks[mark];
    fprintf(out, "  %12s  %-11s %9s  ", text_duration(trace_mark_time_ns(trace, details)).text,
            mark_kind(details->kind), text_size((double)details->live_bytes).text);
    write_name(out, trace->mark_names[mark]);
    fputc('\n', out);
}

static void write_ticks(FILE *out, const struct history *history)
{
    uint32_t count = history->tick_count;
    if (!count) {
        fputs("  no history: of other moments only @start, @peak and @end are known\n", out);
        return;
    }
    fprintf(out, "  history: %s ticks from %s to %s", text_count(count).text,
            text_duration(history->ticks[0].time_ns).text,
            text_duration(history->ticks[count - 1].time_ns).text);
    if (history->trace->header.history_interval_ns)
        fprintf(out, ", now every %s",
                text_duration(history->trace->header.history_interval_ns).text);
    fputc('\n', out);
}

void marks_write(FILE *out, const struct history *history, const struct style *style)
{
    const struct trace *trace = history->trace;
    fprintf(out, "  %s%12s  %-11s %9s  %s%s\n", style->dim, "time", "kind", "live", "name",
            style->plain);
    for (uint32_t i = 0; i < trace->mark_count; i++)
        write_mark(out, trace, i);
    if (!trace->mark_count)
        fputs("  none\n", out);
    write_ticks(out, history);
}

void marks_describe(const struct trace *trace, char *buffer, size_t buffer_bytes)
{
    static const struct {
        uint32_t kind;
        const char *one;
        const char *many;
    } nouns[] = {{MARK_SNAPSHOT, "snapshot", "snapshots"},
                 {MARK_POINT, "mark", "marks"},
                 {MARK_PHASE_BEGIN, "phase", "phases"}};
    size_t used = 0;
    buffer[0] = 0;
    for (size_t i = 0; i < sizeof nouns / sizeof *nouns; i++) {
        uint32_t count = 0;
        for (uint32_t mark = 0; mark < trace->mark_count; mark++)
            count += trace->marks[mark].kind == nouns[i].kind;
        if (count && used < buffer_bytes)
            used +=
                (size_t)snprintf(buffer + used, buffer_bytes - used, "%s%s %s", used ? ", " : "",
                                 text_count(count).text, count == 1 ? nouns[i].one : nouns[i].many);
    }
}

void marks_write_json(struct json *json, const struct trace *trace)
{
    json_open_array(json);
    for (uint32_t i = 0; i < trace->mark_count; i++) {
        const struct trace_mark *mark = &trace->marks[i];
        json_open_object(json);
        json_member_string(json, "name", trace->mark_names[i]);
        json_member_string(json, "kind", mark_kind(mark->kind));
        json_member_unsigned(json, "time_ns", trace_mark_time_ns(trace, mark));
        if (mark->thread)
            json_member_unsigned(json, "tid", trace->threads[mark->thread].tid);
        json_member_signed(json, "live_bytes", mark->live_bytes);
        json_member_signed(json, "peak_bytes", mark->peak_bytes);
        json_close_object(json);
    }
    json_close_array(json);
}

void history_write_json(struct json *json, const struct history *history)
{
    uint32_t count = history->tick_count;
    json_open_object(json);
    json_member_unsigned(json, "ticks", count);
    if (count) {
        json_member_unsigned(json, "first_time_ns", history->ticks[0].time_ns);
        json_member_unsigned(json, "last_time_ns", history->ticks[count - 1].time_ns);
    }
    json_member_unsigned(json, "interval_ns", history->trace->header.history_interval_ns);
    json_close_object(json);
}
