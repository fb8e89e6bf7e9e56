/* SPDX-License-Identifier: BSD-2-Clause */
/* rss_table.c -- What the resident memory of a process was made of, at its peak and at its end. */
#include "rss_table.h"

#include "plot_data.h"
#include "quantity.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

enum {
    LABEL_COLUMNS = 26,
    VALUE_COLUMNS = 24
};

/* The two moments. */
struct columns {
    const struct trace_point *points[2];
    FILE *out;
};

const struct trace_point *rss_peak(const struct series *series)
{
    const struct trace_point *peak = NULL;
    for (size_t i = 0; i < series->count; i++) {
        const struct trace_point *point = &series->points[i];
        if (point->rss_bytes.min >= 0 && (!peak || point->rss_bytes.max > peak->rss_bytes.max))
            peak = point;
    }
    return peak;
}

static const struct trace_point *last_point(const struct series *series)
{
    for (size_t i = series->count; i-- > 0;)
        if (series->points[i].rss_bytes.min >= 0)
            return &series->points[i];
    return NULL;
}

/* --- text --- */

static void describe(char *text, size_t text_bytes, enum unit unit, double min, double max)
{
    if (min < max)
        snprintf(text, text_bytes, "%s to %s", unit_text(unit, min).text,
                 unit_text(unit, max).text);
    else
        snprintf(text, text_bytes, "%s", unit_text(unit, max).text);
}

/* A line of what is known of either moment. */
static void write_quantity(const struct columns *columns, const char *label, enum quantity quantity)
{
    char texts[2][72] = {"-", "-"};
    bool is_known = false;
    for (int i = 0; i < 2; i++) {
        double min;
        double max;
        if (!quantity_at(quantity, NULL, columns->points[i], &min, &max))
            continue;
        if (max < 0) /* more is live than is resident: the rest is not known */
            continue;
        describe(texts[i], sizeof texts[i], quantity_unit(quantity), min > 0 ? min : 0, max);
        is_known = true;
    }
    if (is_known)
        fprintf(columns->out, "  %-*s%*s%*s\n", LABEL_COLUMNS, label, VALUE_COLUMNS, texts[0],
                VALUE_COLUMNS, texts[1]);
}

static void write_counter(const struct columns *columns, const char *label, size_t counter,
                          struct number_text (*text)(uint64_t))
{
    char texts[2][40] = {"-", "-"};
    bool is_known = false;
    for (int i = 0; i < 2; i++) {
        int64_t value = series_counter_of(columns->points[i], counter);
        if (value < 0)
            continue;
        snprintf(texts[i], sizeof texts[i], "%s", text((uint64_t)value).text);
        is_known = true;
    }
    if (is_known)
        fprintf(columns->out, "  %-*s%*s%*s\n", LABEL_COLUMNS, label, VALUE_COLUMNS, texts[0],
                VALUE_COLUMNS, texts[1]);
}

static struct number_text size_text(uint64_t size_bytes)
{
    return text_size((double)size_bytes);
}

static void write_head(const struct columns *columns, const char *last_word,
                       const struct style *style)
{
    const char *const words[2] = {"at the peak of RSS", last_word};
    fprintf(columns->out, "  %s%-*s", style->dim, LABEL_COLUMNS, "");
    for (int i = 0; i < 2; i++)
        fprintf(columns->out, "%*s", VALUE_COLUMNS, words[i]);
    fprintf(columns->out, "\n  %-*s", LABEL_COLUMNS, "");
    for (int i = 0; i < 2; i++)
        fprintf(columns->out, "%*s", VALUE_COLUMNS,
                text_duration(columns->points[i]->time_ns).text);
    fprintf(columns->out, "%s\n", style->plain);
}

void rss_table_write(FILE *out, const struct series *series, const char *last_word,
                     const struct style *style)
{
    const struct columns columns = {{rss_peak(series), last_point(series)}, out};
    write_head(&columns, last_word, style);
    write_quantity(&columns, "resident (RSS)", QUANTITY_RSS);
    write_quantity(&columns, "  live in the heap", QUANTITY_LIVE);
    write_quantity(&columns, "  everything else", QUANTITY_OVERHEAD);
    write_quantity(&columns, "shares divided (PSS)", QUANTITY_PSS);
    write_quantity(&columns, "nobody else's (USS)", QUANTITY_USS);
    write_quantity(&columns, "mapped by the program", QUANTITY_MAPPED);
    write_quantity(&columns, "the container (cgroup)", QUANTITY_CGROUP);
    write_quantity(&columns, "threads", QUANTITY_THREADS);
    write_counter(&columns, "allocated until then", SERIES_ALLOC_BYTES, size_text);
    write_counter(&columns, "minor page faults", SERIES_MINOR_FAULTS, text_count);
    write_counter(&columns, "major page faults", SERIES_MAJOR_FAULTS, text_count);
    write_counter(&columns, "CPU time, user", SERIES_CPU_USER_NS, text_duration);
    write_counter(&columns, "CPU time, system", SERIES_CPU_SYSTEM_NS, text_duration);
}

void rss_table_write_json(struct json *json, const struct series *series)
{
    const struct trace_point *peak = rss_peak(series);
    const struct trace_point *last = last_point(series);
    json_open_object(json);
    json_name(json, "peak");
    plot_write_point(json, peak);
    json_name(json, "last");
    plot_write_point(json, last);
    json_close_object(json);
}
