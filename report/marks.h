/* SPDX-License-Identifier: BSD-2-Clause */
/* marks.h -- The moments of a trace that have names: snapshots, marks and phases, as text and JSON.
 */
#ifndef MEMTRACE_MARKS_H
#define MEMTRACE_MARKS_H

#include "history.h"
#include "json.h"
#include "terminal.h"

#include <stdio.h>

/* "snapshot", "phase begin", … */
const char *mark_kind(uint32_t kind);

/* The list, and between which times else moments are known. */
void marks_write(FILE *out, const struct history *history, const struct style *style);
/* "3 snapshots, 1 phase"; "" if there is nothing. */
void marks_describe(const struct trace *trace, char *buffer, size_t buffer_bytes);

/* The value: an array of marks; an object that tells of the ticks. */
void marks_write_json(struct json *json, const struct trace *trace);
void history_write_json(struct json *json, const struct history *history);

#endif
