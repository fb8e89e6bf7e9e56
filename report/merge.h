/* SPDX-License-Identifier: BSD-2-Clause */
/* merge.h -- Several traces as one: processes of a run, or runs of a week.
 *
 * Figures add up, as pstats' add has it. What was live or at the peak is the sum of what each had
 * at its own end and at its own peak. History, series and marks are of a single run, and left out.
 */
#ifndef MEMTRACE_MERGE_H
#define MEMTRACE_MERGE_H

#include "trace.h"

/* Of at least one trace, which stay as they are. The merged one has the first one's names. */
bool trace_merge(struct trace *merged, const struct trace *traces, size_t count,
                 struct error *error);

#endif
