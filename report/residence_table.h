/* SPDX-License-Identifier: BSD-2-Clause */
/* residence_table.h -- What the resident memory of a process is made of, in words. */
#ifndef MEMTRACE_RESIDENCE_TABLE_H
#define MEMTRACE_RESIDENCE_TABLE_H

#include "json.h"
#include "residence.h"
#include "terminal.h"

#include <stdio.h>

/* A moment. */
struct residence_column {
    const char *moment; /* "now", "at the peak of RSS" */
    const struct residence *residence;
    uint64_t time_ns;
};

/* One column or two. */
void residence_table_write(FILE *out, const struct residence_column *columns, size_t count,
                           const struct style *style);
/* The members of an object. */
void residence_table_write_json(struct json *json, const struct residence *residence);

#endif
