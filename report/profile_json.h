/* SPDX-License-Identifier: BSD-2-Clause */
/* profile_json.h -- A profile as JSON. */
#ifndef MEMTRACE_PROFILE_JSON_H
#define MEMTRACE_PROFILE_JSON_H

#include "budget.h"
#include "profile_rows.h"

#include <stdio.h>

/* The rows that are left, in their order. */
void profile_json_write(FILE *out, const struct profile_rows *rows, const struct budget *budget,
                        enum times_kind kind);

#endif
