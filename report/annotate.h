/* SPDX-License-Identifier: BSD-2-Clause */
/* annotate.h -- Source code with figures beside each line, one table per function. */
#ifndef MEMTRACE_ANNOTATE_H
#define MEMTRACE_ANNOTATE_H

#include "source.h"
#include "statistics.h"
#include "terminal.h"

#include <stdio.h>

/* Figures of one line of one function. */
struct annotated_line {
    const char *file;
    const char *function; /* "" if unknown */
    uint32_t line;
    uint32_t function_line; /* the first line of the function that has figures */
    struct figures figures;
};

struct annotation {
    struct annotated_line *lines; /* by file, function, line */
    uint32_t count;
    bool knows_totals; /* of an earlier moment not all columns are known */
    bool knows_peak;
};

/* Everything charged to the file or the function that subject names; NULL: to any. */
bool annotation_init(struct annotation *annotation, const struct stacks *stacks,
                     const char *subject, bool is_cumulative, const struct filters *filters,
                     struct error *error);
void annotation_finish(struct annotation *annotation);

/* changed_since_ns: sources changed after this are pointed out. */
void annotation_write(FILE *out, const struct annotation *annotation, struct sources *sources,
                      const struct style *style, uint64_t changed_since_ns);

/* Whether subject names the frame's file (whole path or its end) or its function, or is NULL. */
bool annotation_covers(const char *subject, const struct frame *frame);

#endif
