/* SPDX-License-Identifier: BSD-2-Clause */
/* rss_view.c -- The resident memory of a process: how much, and what it was made of. */
#include "rss_view.h"

#include "residence_table.h"
#include "rss_table.h"
#include "series_gaps.h"
#include "text.h"

enum {
    NEAR_SHARE = 32, /* an RSS that is less by this part is as good as the peak */
    SHORT_NS = 100 * 1000 * 1000
};

bool rss_view_init(struct rss_view *view, const struct trace *trace, struct error *error)
{
    *view = (struct rss_view){.trace = trace};
    if (!series_init(&view->series, trace, trace->header.start_time_ns, error))
        return false;
    view->has_series = rss_peak(&view->series);
    if (looks_init(&view->looks, trace, error))
        return true;
    rss_view_finish(view);
    return false;
}

void rss_view_finish(struct rss_view *view)
{
    looks_finish(&view->looks);
    series_finish(&view->series);
}

/* --- text --- */

static bool is_near(int64_t bytes, int64_t peak_bytes)
{
    return bytes >= peak_bytes - peak_bytes / NEAR_SHARE;
}

static const char *moment_of_largest(const struct rss_view *view, const struct look *look)
{
    int64_t peak_bytes;
    uint64_t peak_time_ns;
    if (!series_peak_rss(&view->series, &peak_bytes, &peak_time_ns) ||
        is_near(look->residence.rss_bytes, peak_bytes))
        return "at the peak of RSS";
    return look->time_ns < peak_time_ns ? "before the peak of RSS" : "after the peak of RSS";
}

static const char *moment_of_latest(const struct rss_view *view, const struct look *look)
{
    const struct series *series = &view->series;
    bool has_ended = !view->trace->was_running && view->trace->header.state != TRACE_RUNNING;
    bool is_last = series->count && look->time_ns >= series->points[series->count - 1].time_ns;
    return has_ended && is_last ? "at the end" : "when last looked at";
}

/* What is now, or was latest, and beside it the largest one if that is another. */
static size_t choose_columns(const struct rss_view *view, struct residence_column columns[2])
{
    const struct look *largest = looks_largest(&view->looks);
    const struct look *latest = looks_latest(&view->looks);
    const struct residence *last = view->has_now ? &view->now : latest ? &latest->residence : NULL;
    size_t count = 0;
    if (largest && last && !is_near(last->rss_bytes, largest->residence.rss_bytes))
        columns[count++] = (struct residence_column){moment_of_largest(view, largest),
                                                     &largest->residence, largest->time_ns};
    if (view->has_now)
        columns[count++] =
            (struct residence_column){"now", &view->now, trace_duration_ns(view->trace)};
    else if (latest)
        columns[count++] = (struct residence_column){moment_of_latest(view, latest),
                                                     &latest->residence, latest->time_ns};
    return count;
}

static const char *why_no_looks(const struct trace *trace)
{
    if (trace_duration_ns(trace) < SHORT_NS)
        return "what it was made of is not known of a run of less than 0.1 s";
    return "what it was made of was not recorded";
}

static void write_note(FILE *out, const char *note, const struct style *style)
{
    if (*note)
        fprintf(out, "  %snote: %s%s\n", style->warning, note, style->plain);
}

/* A peak that was over before anybody could look what it was made of. */
static void note_missed_peak(FILE *out, const struct rss_view *view, const struct style *style)
{
    const struct look *largest = looks_largest(&view->looks);
    int64_t peak_bytes, seen_bytes = largest ? largest->residence.rss_bytes : 0;
    uint64_t peak_time_ns;
    char note[160];
    if (view->has_now && view->now.rss_bytes > seen_bytes)
        seen_bytes = view->now.rss_bytes;
    if (!seen_bytes || !series_peak_rss(&view->series, &peak_bytes, &peak_time_ns) ||
        is_near(seen_bytes, peak_bytes))
        return;
    snprintf(note, sizeof note,
             "what the peak of %s at %s was made of is not known: it was over too soon",
             text_size((double)peak_bytes).text, text_duration(peak_time_ns).text);
    write_note(out, note, style);
}

static void write_residence(FILE *out, const struct rss_view *view, const struct style *style)
{
    struct residence_column columns[2];
    size_t count = choose_columns(view, columns);
    if (count)
        residence_table_write(out, columns, count, style);
    note_missed_peak(out, view, style);
    if (view->trace->is_running && !view->has_now)
        write_note(out, view->no_now.text, style);
    else if (!count)
        write_note(out, why_no_looks(view->trace), style);
}

void rss_view_write(FILE *out, const struct rss_view *view, const struct style *style)
{
    char gaps[320];
    if (view->has_series)
        rss_table_write(out, &view->series, view->trace->is_running ? "now" : "at the last reading",
                        style);
    series_describe_gaps(&view->series, gaps, sizeof gaps);
    write_note(out, gaps, style);
    write_residence(out, view, style);
}

/* --- JSON --- */

static void write_looks(struct json *json, const struct looks *looks)
{
    json_name(json, "resident");
    json_open_array(json);
    for (size_t i = 0; i < looks->count; i++) {
        json_open_object(json);
        json_member_unsigned(json, "time_ns", looks->items[i].time_ns);
        residence_table_write_json(json, &looks->items[i].residence);
        json_close_object(json);
    }
    json_close_array(json);
}

void rss_view_write_json(struct json *json, const struct rss_view *view)
{
    json_open_object(json);
    if (view->has_series) {
        json_name(json, "rss");
        rss_table_write_json(json, &view->series);
    }
    if (view->looks.count)
        write_looks(json, &view->looks);
    if (view->has_now) {
        json_name(json, "resident_now");
        json_open_object(json);
        residence_table_write_json(json, &view->now);
        json_close_object(json);
    }
    json_close_object(json);
}
