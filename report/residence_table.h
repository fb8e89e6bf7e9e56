/* SPDX-License-Identifier: BSD-2-Clause */
/* residence_table.h -- What the resident memory of a running process is made of, in words. */
#ifndef MEMTRACE_RESIDENCE_TABLE_H
#define MEMTRACE_RESIDENCE_TABLE_H

#include "json.h"
#include "residence.h"
#include "terminal.h"

#include <stdio.h>

void residence_table_write(FILE *out, const struct residence *residence, const struct style *style);
/* The value of a member. */
void residence_table_write_json(struct json *json, const struct residence *residence);

#endif
