/* SPDX-License-Identifier: BSD-2-Clause */
/* diff_summary.h -- What is compared, and the answer in a few lines. */
#ifndef MEMTRACE_DIFF_SUMMARY_H
#define MEMTRACE_DIFF_SUMMARY_H

#include "compare.h"
#include "terminal.h"

#include <stdio.h>

struct diff_about {
    const char *paths[SIDE_COUNT];
    const struct trace *traces[SIDE_COUNT]; /* each at its own moment */
    bool is_one_trace;                      /* two moments of it */
};

/* Which traces and moments, and how much there is in each. */
void diff_summary_write_head(FILE *out, const struct comparison *comparison,
                             const struct diff_about *about, const struct style *style);

/* What comes after the first written ones. */
void diff_summary_write_rest(FILE *out, const struct comparison *comparison, uint64_t written);

/* Modules that were built anew, or have no lines where some are shown. */
void diff_summary_write_modules(FILE *out, const struct comparison *comparison, uint64_t shown,
                                const struct style *style);

/* By how much everything has changed, and what has grown and shrunk most. */
void diff_summary_write_answer(FILE *out, const struct comparison *comparison,
                               const struct style *style);

#endif
