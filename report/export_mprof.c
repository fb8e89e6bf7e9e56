/* SPDX-License-Identifier: BSD-2-Clause */
/* export_mprof.c -- mprof's .dat: resident memory over time, with the children and the phases. */
#include "export.h"

#include "plot_data.h"

static bool choose(const struct export *export, const struct runs *runs,
                   enum quantity *ret_quantity, struct error *error)
{
    bool is_heap = export->measure_count;
    for (size_t i = 0; i < export->measure_count; i++)
        if (export->measures[i] != MEASURE_LIVE)
            return error_set(error, "mprof shows RSS, or with --measure=live the heap");
    *ret_quantity = is_heap || !runs_know(runs, QUANTITY_RSS) ? QUANTITY_LIVE : QUANTITY_RSS;
    return runs_know(runs, *ret_quantity) ||
           error_set(error, "nothing over time is in the trace: no series and no history");
}

static bool write_mprof(FILE *out, const struct export *export, struct error *error)
{
    struct runs runs = {0};
    enum quantity quantity = QUANTITY_RSS;
    bool is_ok = runs_add(&runs, export->path, CHILDREN_APART, error) &&
                 choose(export, &runs, &quantity, error) &&
                 plot_write_mprof(out, &runs, quantity, plot_whole_window(&runs), error);
    runs_finish(&runs);
    return is_ok;
}

const struct export_format export_mprof = {
    .name = "mprof",
    .summary = "for memory_profiler's mprof plot: RSS over time, with children and phases",
    .next = "mprof plot %s",
    .is_whole = true,
    .is_of_series = true,
    .write = write_mprof,
};
