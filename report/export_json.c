/* SPDX-License-Identifier: BSD-2-Clause */
/* export_json.c -- The report as JSON, by any grouping. */
#include "export_times.h"

#include "profile_json.h"
#include "report_json.h"

static bool write_times(FILE *out, const struct export *export, struct error *error)
{
    const struct trace *trace = export->stacks->trace;
    enum times_kind kind = trace->domain == DOMAIN_CPU ? TIMES_CPU : TIMES_WALL;
    struct export_times times;
    struct budget budget;
    if (!export_times_init(&times, export, LABEL_FULL, error))
        return false;
    budget_init(&budget, trace, kind);
    profile_json_write(out, &times.rows, &budget, kind);
    export_times_finish(&times);
    return true;
}

static bool write_json(FILE *out, const struct export *export, struct error *error)
{
    struct statistics statistics;
    if (trace_is_timed(export->stacks->trace))
        return write_times(out, export, error);
    if (!export_statistics(export, &statistics, error))
        return false;
    report_json_write(out, &statistics, 0);
    statistics_finish(&statistics);
    return true;
}

const struct export_format export_json = {
    .name = "json",
    .summary = "the report, by any --group-by, as report --json has it",
    .groups = EXPORT_BY_ANY,
    .has_time = true,
    .write = write_json,
};
