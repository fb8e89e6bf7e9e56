/* SPDX-License-Identifier: BSD-2-Clause */
/* export_json.c -- The report as JSON, by any grouping. */
#include "export.h"

#include "report_json.h"

static bool write_json(FILE *out, const struct export *export, struct error *error)
{
    struct statistics statistics;
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
    .write = write_json,
};
