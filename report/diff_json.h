/* SPDX-License-Identifier: BSD-2-Clause */
/* diff_json.h -- Differences as JSON; its names are fixed in the design. */
#ifndef MEMTRACE_DIFF_JSON_H
#define MEMTRACE_DIFF_JSON_H

#include "compare.h"
#include "json.h"

struct growth;

/* What is said of a side: its file. */
struct diff_json {
    const char *paths[SIDE_COUNT];
    const struct trace *traces[SIDE_COUNT]; /* each at its own moment */
    const struct growth *growth;            /* NULL: nobody asked */
    uint64_t limit;                         /* items at most, 0: all */
};

void diff_json_write(FILE *out, const struct comparison *comparison, const struct diff_json *about);

#endif
