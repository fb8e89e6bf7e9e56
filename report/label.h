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
/* A line of a traceback: '  File "demo.c", line 8, in dup_name'. */
char *label_frame(const struct frame *frame);
/* "dup_name < push < main (via strdup)": who called whom, from a stack's charged frame outwards. */
char *label_callers(const struct stacks *stacks, uint32_t node, uint32_t via, bool is_via_mixed);
/* What a group of call sites is called, of which frame and node stand for all. */
char *label_site(const struct stacks *stacks, enum group_by group_by, uint32_t frame, uint32_t node,
                 enum label_style style);
/* The same where the group is a file or a module. */
char *label_frame_group(const struct frame *frame, enum group_by group_by, enum label_style style);
/* "worker (1234)" */
char *label_thread(const struct trace *trace, uint32_t thread);
/* The same of a statistic, which may be a thread's. */
char *label_group(const struct statistics *statistics, const struct statistic *item,
                  enum label_style style);

/* "line", "function", … and "live", "peak", …: the words of the command line. */
const char *label_group_by(enum group_by group_by);
const char *label_measure(enum measure measure);
const char *label_domain(uint32_t domain);
bool label_to_group_by(const char *word, enum group_by *ret_group_by);
bool label_to_measure(const char *word, enum measure *ret_measure);
bool label_to_domain(const char *word, uint32_t *ret_domain);

#endif
