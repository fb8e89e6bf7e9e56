/* SPDX-License-Identifier: BSD-2-Clause */
/* export_csv.c -- The report as a table for spreadsheets, by any grouping (RFC 4180). */
#include "export.h"

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

static bool write_csv(FILE *out, const struct export *export, struct error *error)
{
    struct statistics statistics;
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
    .write = write_csv,
};
