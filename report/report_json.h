/* SPDX-License-Identifier: BSD-2-Clause */
/* report_json.h -- The report as JSON; its names are fixed in the design. */
#ifndef MEMTRACE_REPORT_JSON_H
#define MEMTRACE_REPORT_JSON_H

#include "statistics.h"

#include <stdio.h>

/* At most limit statistics (0: all). */
void report_json_write(FILE *out, const struct statistics *statistics, uint64_t limit);

#endif
