/* SPDX-License-Identifier: BSD-2-Clause */
/* export_times.c -- A report of time that is exported. */
#include "export_times.h"

bool export_times_init(struct export_times *times, const struct export *export,
                       enum label_style style, struct error *error)
{
    static const struct profile_order order = {{PROFILE_BY_TIME}, 1};
    static const struct profile_restrictions none;
    *times = (struct export_times){0};
    if (export_tree(export, &times->tree, GRAIN_LINE, error) &&
        profile_init(&times->profile, &times->tree, export->group_by, error) &&
        profile_rows_init(&times->rows, &times->profile, &order, &none, style, error))
        return true;
    export_times_finish(times);
    return false;
}

void export_times_finish(struct export_times *times)
{
    profile_rows_finish(&times->rows);
    profile_finish(&times->profile);
    call_tree_finish(&times->tree);
}
