/* SPDX-License-Identifier: BSD-2-Clause */
/* line_table.h -- Source code with the time of each line beside it, one table per function, in the
 * looks of kernprof.
 *
 * A line's time is that of all samples that have it on their stack, callees and inlined calls
 * included; its own time that of samples in it. Inlined calls cost at the line that has them and in
 * the function that was inlined. */
#ifndef MEMTRACE_LINE_TABLE_H
#define MEMTRACE_LINE_TABLE_H

#include "annotate.h"
#include "profile.h"

struct line_time {
    const struct profile_item *item;
    const struct frame *frame;
    uint32_t function; /* number of its function's table */
};

struct line_function {
    const struct profile_item *item;
    const struct frame *frame;
    const struct line_time *lines; /* by line */
    uint32_t line_count;
};

struct line_table {
    struct profile functions;
    struct profile lines;
    struct annotation heap;      /* of the same trace, if it has any */
    struct line_function *items; /* by own time, or as they come in their file */
    struct line_time *times;
    uint32_t count;
    uint32_t time_count;
};

/* Of the functions that subject names, alone or by their file, in the order of the source; of all
 * of which lines are known if it is NULL, largest own time first. trace is that of the tree: its
 * heap is looked at, too. */
bool line_table_init(struct line_table *table, const struct call_tree *tree, struct trace *trace,
                     const char *subject, struct error *error);
void line_table_finish(struct line_table *table);

struct line_style {
    struct style style;
    double unit_s;             /* that times are shown in */
    uint64_t limit;            /* tables at most, 0: all */
    bool skips_zero;           /* lines without samples are left out */
    bool needs_source;         /* so are functions whose source is not at hand, if others' is */
    bool is_wall;              /* times on and off the CPU instead of own ones */
    uint64_t changed_since_ns; /* sources changed after this are pointed out */
};

void line_table_write(FILE *out, const struct line_table *table, struct sources *sources,
                      const struct line_style *style);

#endif
