/* SPDX-License-Identifier: BSD-2-Clause */
/* summary.h -- The answer in a few lines: how much, and where. */
#ifndef MEMTRACE_SUMMARY_H
#define MEMTRACE_SUMMARY_H

#include "statistics.h"
#include "terminal.h"

#include <stdio.h>

/* The whole answer: totals, top lines, and whatever is to be said of how good they are. */
bool summary_write(FILE *out, const struct stacks *stacks, const struct style *style,
                   struct error *error);

/* What is live in other domains than the one that is shown: a line each, if there is any. */
void summary_write_domains(FILE *out, const struct trace *trace);

/* Peak, live, totals. live_word: "at exit", or what else the moment is. */
void summary_write_totals(FILE *out, const struct trace *trace, const char *live_word);

/* The top lines at peak, at the end and by calls; statistics by line, which it sorts. */
void summary_write_lines(FILE *out, struct statistics *statistics, const struct style *style,
                         const char *live_word);

/* The largest of lines, by the measure they are sorted by. */
void summary_write_top(FILE *out, struct statistics *lines, const struct style *style);

/* Every reason why the figures are less than complete, a line each. */
void summary_write_reasons(FILE *out, const struct trace *trace, const char *indent,
                           const struct style *style);

/* What is to be said of the module of a frame without a line, unless it has been said. */
void summary_write_module(FILE *out, const struct stacks *stacks, uint32_t frame, bool *is_said,
                          const char *indent, const struct style *style);
/* The same of all that statistics show: no debug information, changed, broken. */
void summary_write_modules(FILE *out, const struct statistics *statistics, uint64_t limit,
                           const char *indent, const struct style *style);

#endif
