/* SPDX-License-Identifier: BSD-2-Clause */
/* export_csv.c -- The report as a table for spreadsheets, by any grouping (RFC 4180). */
#include "export_times.h"

#include "label.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- fields --- */

/* Spreadsheets take these for the beginning of a formula; an apostrophe tells that it is none. */
static bool is_formula(const char *text)
{
    return *text && strchr("=+-@", *text);
}

static bool write_text(FILE *out, const char *text)
{
    char *escaped = export_escaped(text);
    if (!escaped)
        return false;
    bool is_quoted = strpbrk(escaped, "\",") || *escaped == ' ';
    if (is_quoted)
        fputc('"', out);
    if (is_formula(escaped))
        fputc('\'', out);
    for (const char *at = escaped; *at; at++) {
        if (*at == '"')
            fputc('"', out);
        fputc(*at, out);
    }
    if (is_quoted)
        fputc('"', out);
    free(escaped);
    return true;
}

/* --- figures --- */

static const struct column {
    const char *name;
    size_t offset;        /* in struct figures */
    enum measure measure; /* of an earlier moment, not all are known */
    bool is_of_sites;     /* and not of threads */
} columns[] = {
    {"alloc_count", offsetof(struct figures, alloc_count), MEASURE_COUNT, false},
    {"alloc_bytes", offsetof(struct figures, alloc_bytes), MEASURE_TOTAL, false},
    {"free_count", offsetof(struct figures, free_count), MEASURE_COUNT, false},
    {"freed_bytes", offsetof(struct figures, freed_bytes), MEASURE_TOTAL, false},
    {"live_count", offsetof(struct figures, live_count), MEASURE_LIVE, false},
    {"live_bytes", offsetof(struct figures, live_bytes), MEASURE_LIVE, false},
    {"peak_live_count", offsetof(struct figures, peak_count), MEASURE_PEAK, true},
    {"peak_live_bytes", offsetof(struct figures, peak_bytes), MEASURE_PEAK, true},
    {"temporary_count", offsetof(struct figures, temporary_count), MEASURE_TEMPORARY, false},
};

enum {
    COLUMN_COUNT = sizeof columns / sizeof *columns
};

static bool is_written(const struct statistics *statistics, const struct column *column)
{
    bool is_thread = statistics->group_by == GROUP_BY_THREAD;
    return export_knows(statistics->stacks->trace, column->measure) &&
           !(is_thread && column->is_of_sites);
}

static void write_figures(FILE *out, const struct statistics *statistics,
                          const struct figures *figures)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        if (is_written(statistics, &columns[i]))
            fprintf(out, ",%" PRId64, export_figure(figures, columns[i].offset));
    fputs("\r\n", out);
}

/* --- rows --- */

/* What does not hold for the whole group is empty. */
static bool write_subject(FILE *out, const struct statistics *statistics,
                          const struct statistic *item)
{
    const struct frame *frame = &statistics->stacks->frames[item->frame];
    enum group_by group_by = statistics->group_by;
    bool has_line = group_by == GROUP_BY_LINE || group_by == GROUP_BY_TRACEBACK;
    bool has_file = frame->file && group_by != GROUP_BY_MODULE;
    bool has_function = frame->function && (has_line || group_by == GROUP_BY_FUNCTION);
    fputc(',', out);
    bool is_ok = !has_file || write_text(out, frame->file);
    fputc(',', out);
    if (has_file && has_line)
        fprintf(out, "%" PRIu32, frame->line);
    fputc(',', out);
    is_ok = is_ok && (!has_function || write_text(out, frame->function));
    fputc(',', out);
    is_ok = is_ok && write_text(out, frame->module);
    return is_ok;
}

static bool write_row(FILE *out, const struct statistics *statistics, const struct statistic *item)
{
    bool is_thread = statistics->group_by == GROUP_BY_THREAD;
    char *key = label_group(statistics, item, LABEL_FULL);
    bool is_ok = key && write_text(out, key);
    if (is_thread)
        fprintf(out, ",%" PRIu32, statistics->stacks->trace->threads[item->thread].tid);
    else
        is_ok = is_ok && write_subject(out, statistics, item);
    write_figures(out, statistics, &item->figures);
    free(key);
    return is_ok;
}

static void write_head(FILE *out, const struct statistics *statistics)
{
    bool is_thread = statistics->group_by == GROUP_BY_THREAD;
    fputs(is_thread ? "key,tid" : "key,file,line,function,module", out);
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        if (is_written(statistics, &columns[i]))
            fprintf(out, ",%s", columns[i].name);
    fputs("\r\n", out);
}

/* --- of time --- */

/* What does not hold for the whole group is empty. */
static bool write_time_subject(FILE *out, enum group_by group_by, const struct frame *frame,
                               const struct profile_row *row)
{
    bool has_file = frame->file && group_by != GROUP_BY_MODULE;
    bool has_function =
        frame->function && (group_by == GROUP_BY_LINE || group_by == GROUP_BY_FUNCTION);
    fputc(',', out);
    bool is_ok = !has_file || write_text(out, frame->file);
    fputc(',', out);
    if (has_file && row->line && (group_by == GROUP_BY_LINE || group_by == GROUP_BY_FUNCTION))
        fprintf(out, "%" PRIu32, row->line);
    fputc(',', out);
    is_ok = is_ok && (!has_function || write_text(out, frame->function));
    fputc(',', out);
    return is_ok && write_text(out, frame->module);
}

static void write_times_of(FILE *out, const struct times *times, const struct times *whole,
                           bool is_wall)
{
    fprintf(out, ",%" PRIu64 ",%" PRId64 ",%.0f,%" PRId64, times->samples, times->time_ns,
            times_error_ns(times, whole), is_wall ? times->off_ns : times->kernel_ns);
}

static bool write_time_row(FILE *out, const struct export *export, const struct profile *profile,
                           const struct profile_row *row)
{
    const struct profile_item *item = row->item;
    const struct stacks *stacks = export->stacks;
    bool is_wall = stacks->trace->domain != DOMAIN_CPU;
    bool is_ok = write_text(out, row->name);
    if (item->frame == NO_FRAME)
        fprintf(out, ",%" PRIu32, stacks->trace->threads[item->thread].tid);
    else
        is_ok =
            is_ok && write_time_subject(out, export->group_by, &stacks->frames[item->frame], row);
    write_times_of(out, &item->self, &profile->whole, is_wall);
    write_times_of(out, &item->total, &profile->whole, is_wall);
    fputs("\r\n", out);
    return is_ok;
}

static bool write_times(FILE *out, const struct export *export, struct error *error)
{
    const char *part = export->stacks->trace->domain == DOMAIN_CPU ? "kernel" : "off_cpu";
    struct export_times times;
    bool is_ok = true;
    if (!export_times_init(&times, export, LABEL_FULL, error))
        return false;
    fprintf(out,
            "%s,self_samples,self_ns,self_error_ns,self_%s_ns,samples,total_ns,total_error_ns,"
            "total_%s_ns\r\n",
            export->group_by == GROUP_BY_THREAD ? "key,tid" : "key,file,line,function,module", part,
            part);
    for (uint32_t i = 0; is_ok && i < times.rows.kept; i++)
        is_ok = write_time_row(out, export, &times.profile, &times.rows.items[i]);
    export_times_finish(&times);
    return is_ok || error_out_of_memory(error);
}

static bool write_csv(FILE *out, const struct export *export, struct error *error)
{
    struct statistics statistics;
    if (trace_is_timed(export->stacks->trace))
        return write_times(out, export, error);
    if (!export_statistics(export, &statistics, error))
        return false;
    bool is_ok = true;
    write_head(out, &statistics);
    for (uint32_t i = 0; is_ok && i < statistics.count; i++)
        is_ok = write_row(out, &statistics, &statistics.items[i]);
    statistics_finish(&statistics);
    return is_ok || error_out_of_memory(error);
}

const struct export_format export_csv = {
    .name = "csv",
    .summary = "the same as a table for spreadsheets",
    .groups = EXPORT_BY_ANY,
    .has_time = true,
    .write = write_csv,
};
