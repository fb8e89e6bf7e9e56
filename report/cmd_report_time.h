/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_report_time.h -- memtrace report --cpu and --wall: where time went. */
#ifndef MEMTRACE_CMD_REPORT_TIME_H
#define MEMTRACE_CMD_REPORT_TIME_H

#include "filter.h"
#include "grouping.h"
#include "profile_rows.h"
#include "terminal.h"

struct time_request {
    enum times_kind kind;
    enum group_by group_by;
    struct profile_order order;
    struct profile_restrictions restrictions;
    const struct filters *filters;
    char *const *operands; /* the traces, added up; none: the newest */
    int operand_count;
    const char *lines; /* a function or file whose lines are asked for; NULL: all */
    double unit_s;
    uint64_t limit; /* of line tables, 0: all */
    enum color_when color;
    bool is_lines, is_callers, is_callees, skips_zero, is_system, is_json;
};

int report_time(const struct time_request *request);

#endif
