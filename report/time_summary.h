/* SPDX-License-Identifier: BSD-2-Clause */
/* time_summary.h -- The answer in a few lines: where CPU time went, and where threads waited. */
#ifndef MEMTRACE_TIME_SUMMARY_H
#define MEMTRACE_TIME_SUMMARY_H

#include "stacks.h"
#include "terminal.h"

#include <stdio.h>

/* What the samplers say of themselves, and the top lines of each, whatever else of the trace is
 * shown; nothing without samples. False: out of memory. */
bool time_summary_write(FILE *out, const struct stacks *stacks, const struct style *style);

#endif
