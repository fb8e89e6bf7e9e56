/* SPDX-License-Identifier: BSD-2-Clause */
/* diff_times.h -- What became slower and what faster from one trace to another, and whether the
 * samples can tell.
 *
 * A count of samples is Poisson's. A change is believed if chance alone would bring forth one as
 * large, anywhere in the table, in less than one of twenty comparisons. */
#ifndef MEMTRACE_DIFF_TIMES_H
#define MEMTRACE_DIFF_TIMES_H

#include "compare.h"
#include "label.h"
#include "table.h"
#include "times.h"

enum time_verdict {
    VERDICT_UNTOLD,  /* the samples cannot tell */
    VERDICT_PERHAPS, /* likely if it were the only thing compared */
    VERDICT_FASTER,
    VERDICT_SLOWER
};

struct time_change {
    struct times old;
    struct times new;
    double error_ns; /* standard error of the difference */
    double z_score;
    double chance; /* that nothing has changed and it looks like this all the same */
    enum time_verdict verdict;
};

/* Of an item of the comparison, or of all with item NULL. */
struct time_change diff_times_change(const struct comparison *comparison,
                                     const struct difference *item);

/* What its row is called; NULL: out of memory. */
char *diff_times_name(const struct comparison *comparison, const struct difference *item,
                      enum label_style style);

struct slowdown;

/* paths are of the two sides. Returns how many rows were written. */
uint64_t diff_times_write(const struct table *table, const struct comparison *comparison,
                          const char *const paths[SIDE_COUNT]);
/* slowdown: NULL without a limit. */
void diff_times_write_json(FILE *out, const struct comparison *comparison,
                           const char *const paths[SIDE_COUNT], uint64_t limit,
                           const struct slowdown *slowdown);

#endif
