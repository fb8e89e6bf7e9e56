/* SPDX-License-Identifier: BSD-2-Clause */
/* report_json.h -- The report as JSON; its names are fixed in the design. */
#ifndef MEMTRACE_REPORT_JSON_H
#define MEMTRACE_REPORT_JSON_H

#include "json.h"
#include "statistics.h"

#include <stdio.h>

/* At most limit statistics (0: all). */
void report_json_write(FILE *out, const struct statistics *statistics, uint64_t limit);

/* The members that say which call sites a group holds: file, line, function …, traceback. */
void report_json_write_group(struct json *json, const struct stacks *stacks, enum group_by group_by,
                             uint32_t frame, uint32_t node);
/* The member that says where the names of modules come from. */
void report_json_write_modules(struct json *json, const struct stacks *stacks);

/* The member "suppressions": those that were used. */
void report_json_write_suppressions(struct json *json, const struct suppressions *suppressions);

/* The member "traceback" of a call site. */
void report_json_write_traceback(struct json *json, const struct stacks *stacks, uint32_t node);

/* Of which run and moment, and how complete: the first members of the object. */
void report_json_write_head(struct json *json, const struct trace *trace);
/* These, and all others that tell of the trace as a whole. */
void report_json_write_trace(struct json *json, const struct stacks *stacks);
/* The tid and name of a thread, as members of the object at hand. */
void report_json_write_thread(struct json *json, const struct trace_thread *thread);

#endif
