/* SPDX-License-Identifier: BSD-2-Clause */
/* export.c -- The formats a trace can be exported in, and what they have in common. */
#include "export.h"

#include "label.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* As they are listed by help. */
static const struct export_format *const formats[] = {
    &export_pprof,  &export_folded, &export_speedscope, &export_callgrind,   &export_heaptrack,
    &export_massif, &export_dhat,   &export_dot,        &export_perf,        &export_firefox,
    &export_pstats, &export_json,   &export_csv,        &export_tracemalloc, &export_mprof,
};

const struct export_format *export_format_at(size_t i)
{
    return i < sizeof formats / sizeof *formats ? formats[i] : NULL;
}

const struct export_format *export_find(const char *name)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i]->name, name) == 0)
            return formats[i];
    return NULL;
}

/* --- measures --- */

static const struct export_measure memory_measures[MEASURE_COUNT_OF] = {
    [MEASURE_LIVE] = {"live", "live_bytes", "bytes", "live", true},
    [MEASURE_PEAK] = {"live at the peak", "peak_bytes", "bytes", "peak", true},
    [MEASURE_TOTAL] = {"allocated in total", "alloc_bytes", "bytes", "total", true},
    [MEASURE_COUNT] = {"allocations", "alloc_count", "allocations", "count", false},
    [MEASURE_TEMPORARY] = {"temporary allocations", "temporary_count", "allocations", "temporary",
                           false},
};

const struct export_measure *export_measure(const struct trace *trace, enum measure measure)
{
    static const struct export_measure samples = {"samples", "samples", "samples", "Samples",
                                                  false};
    static const struct export_measure cpu = {"CPU time", "cpu-clock", "nanoseconds", "Cpu_ns",
                                              false};
    static const struct export_measure wall = {"wall-clock time", "wall-clock", "nanoseconds",
                                               "Wall_ns", false};
    if (!trace_is_timed(trace))
        return &memory_measures[measure];
    if (measure == MEASURE_COUNT)
        return &samples;
    return trace->domain == DOMAIN_CPU ? &cpu : &wall;
}

bool export_knows(const struct trace *trace, enum measure measure)
{
    if (trace_is_timed(trace))
        return measure == MEASURE_TOTAL || measure == MEASURE_COUNT;
    if (measure == MEASURE_LIVE || trace_knows_all(trace))
        return true;
    return trace_knows_totals(trace) && (measure == MEASURE_TOTAL || measure == MEASURE_COUNT);
}

enum measure export_one_measure(const struct export *export, const struct figures *total)
{
    if (export->measure_count)
        return export->measures[0];
    if (trace_is_timed(export->stacks->trace))
        return MEASURE_TOTAL;
    bool is_live = total->live_bytes || total->live_count;
    return is_live || !trace_knows_all(export->stacks->trace) ? MEASURE_LIVE : MEASURE_PEAK;
}

size_t export_all_measures(const struct export *export, enum measure measures[MEASURE_COUNT_OF])
{
    size_t count = 0;
    for (size_t i = 0; i < export->measure_count; i++)
        measures[count++] = export->measures[i];
    if (count)
        return count;
    for (int i = 0; i < MEASURE_COUNT_OF; i++)
        if (export_knows(export->stacks->trace, (enum measure)i))
            measures[count++] = (enum measure)i;
    return count;
}

int64_t export_figure(const struct figures *figures, size_t offset)
{
    int64_t value;
    memcpy(&value, (const char *)figures + offset, sizeof value);
    return value;
}

bool export_statistics(const struct export *export, struct statistics *statistics,
                       struct error *error)
{
    struct figures total = trace_total(export->stacks->trace, NULL);
    const struct statistics_query query = {
        .group_by = export->group_by,
        .is_cumulative = export->is_cumulative,
        .filters = export->filters,
        .measure = export_one_measure(export, &total),
    };
    return statistics_init(statistics, export->stacks, &query, error);
}

enum call_grain export_grain(const struct export *export)
{
    return export->group_by == GROUP_BY_FUNCTION ? GRAIN_FUNCTION : GRAIN_LINE;
}

bool export_tree(const struct export *export, struct call_tree *tree, enum call_grain grain,
                 struct error *error)
{
    return call_tree_init(tree, export->stacks, export->filters, grain, error);
}

/* --- names --- */

char *export_escaped(const char *text)
{
    char *escaped = NULL;
    size_t escaped_bytes = 0;
    FILE *out = open_memstream(&escaped, &escaped_bytes);
    if (!out)
        return NULL;
    text_write(out, text);
    if (fclose(out) == 0)
        return escaped;
    free(escaped);
    return NULL;
}

char *export_frame_name(const struct frame *frame)
{
    char *function = label_function(frame);
    char *text = NULL;
    int length = -1;
    if (!function || !frame->function || frame->is_special)
        return function;
    if (frame->file)
        length = asprintf(&text, "%s (%s:%" PRIu32 ")", function, text_basename(frame->file),
                          frame->line);
    else
        length = asprintf(&text, "%s (in %s)", function, text_basename(frame->module));
    free(function);
    return length < 0 ? NULL : text;
}
