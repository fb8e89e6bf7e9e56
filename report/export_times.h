/* SPDX-License-Identifier: BSD-2-Clause */
/* export_times.h -- A report of time that is exported: the rows of memtrace report --cpu and
 * --wall, most own time first. */
#ifndef MEMTRACE_EXPORT_TIMES_H
#define MEMTRACE_EXPORT_TIMES_H

#include "export.h"
#include "profile_rows.h"

struct export_times {
    struct call_tree tree;
    struct profile profile;
    struct profile_rows rows;
};
bool export_times_init(struct export_times *times, const struct export *export,
                       enum label_style style, struct error *error);
void export_times_finish(struct export_times *times);

#endif
