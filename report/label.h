/* SPDX-License-Identifier: BSD-2-Clause */
/* label.h -- What frames and groups are called. */
#ifndef MEMTRACE_LABEL_H
#define MEMTRACE_LABEL_H

#include "statistics.h"

enum label_style {
    LABEL_FULL, /* paths as they are: for scripts */
    LABEL_SHORT /* relative to the current directory where that is possible: for people */
};

/* Each returns text to be freed, or NULL when out of memory. Nothing is escaped yet. */

/* "demo.c:8"; without lines "demo+0x1136". */
char *label_line(const struct frame *frame, enum label_style style);
/* "dup_name"; without names "demo+0x1136". */
char *label_function(const struct frame *frame);
/* The same, without types, template arguments and parameters. */
char *label_short_function(const struct frame *frame);
/* The same for a function of the runtime, as its callers know it. */
char *label_via(const struct frame *frame);
/* What a group is called: the key of a statistic. */
char *label_group(const struct statistics *statistics, const struct statistic *item,
                  enum label_style style);

/* "line", "function", … and "live", "peak", …: the words of the command line. */
const char *label_group_by(enum group_by group_by);
const char *label_measure(enum measure measure);
bool label_to_group_by(const char *word, enum group_by *ret_group_by);
bool label_to_measure(const char *word, enum measure *ret_measure);

#endif
