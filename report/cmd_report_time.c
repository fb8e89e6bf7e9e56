/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_report_time.c -- memtrace report --cpu and --wall: where time went. */
#include "cmd_report_time.h"

#include "budget.h"
#include "command.h"
#include "completeness.h"
#include "line_table.h"
#include "moment.h"
#include "opened.h"
#include "profile_json.h"
#include "profile_table.h"
#include "summary.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A trace with everything that is said of its time. */
struct report {
    const struct time_request *request;
    struct opened opened;
    struct stacks stacks;
    struct call_tree tree;
    struct budget budget;
};

/* --- text --- */

static void print_title(const struct report *report, const struct style *style)
{
    const struct trace *trace = report->opened.trace;
    char text[512];
    fputs(style->strong, stdout);
    text_write(stdout, *trace->program ? trace->program : report->opened.paths[0]);
    if (report->opened.count > 1) {
        printf("%s, %zu traces of %s together\n", style->plain, report->opened.count,
               text_duration(trace_duration_ns(trace)).text);
        return;
    }
    completeness_describe_end(trace, text, sizeof text);
    printf("%s (pid %" PRIu32 ") %s\n", style->plain, trace->header.pid, text);
    if (trace_knows_all(trace))
        return;
    instant_describe(trace, text, sizeof text);
    fputs("  ", stdout);
    text_write(stdout, text);
    putchar('\n');
}

/* The sampler's account is of the whole run. */
static void print_head(const struct report *report, const struct style *style)
{
    const struct trace *trace = report->opened.trace;
    print_title(report, style);
    if (trace_knows_all(trace))
        budget_write(stdout, &report->budget, style);
    summary_write_reasons(stdout, trace, "  ", style);
    putchar('\n');
}

/* Who has read the functions wants their lines, or who called them. */
static void print_next(const struct report *report)
{
    const struct time_request *request = report->request;
    const char *option = request->kind == TIMES_WALL ? "--wall" : "--cpu";
    if (request->restrictions.count > 1 || request->operand_count > 1)
        return;
    printf("\n  next: memtrace report %s --lines · --callers FUNCTION", option);
    if (request->operand_count) {
        putchar(' ');
        text_write(stdout, request->operands[0]);
    }
    putchar('\n');
}

static bool print_calls(const struct report *report, const struct profile_table *table,
                        struct error *error)
{
    struct call_graph graph;
    bool is_ok = true;
    if (!call_graph_init(&graph, &report->tree, CALLS_BY_SITE, error))
        return false;
    if (report->request->is_callers)
        is_ok = profile_table_write_callers(table, &graph);
    if (report->request->is_callees)
        is_ok = is_ok && profile_table_write_callees(table, &graph);
    call_graph_finish(&graph);
    return is_ok || error_out_of_memory(error);
}

static bool print_rows(const struct report *report, const struct profile *profile,
                       struct error *error)
{
    const struct time_request *request = report->request;
    const struct style style = terminal_style(stdout, request->color);
    struct profile_rows rows;
    if (!profile_rows_init(&rows, profile, &request->order, &request->restrictions,
                           request->is_json ? LABEL_FULL : LABEL_SHORT, error))
        return false;
    const struct profile_table table = {.out = stdout,
                                        .rows = &rows,
                                        .order = &request->order,
                                        .restrictions = &request->restrictions,
                                        .is_wall = request->kind == TIMES_WALL};
    bool is_ok = true;
    if (request->is_json) {
        profile_json_write(stdout, &rows, &report->budget, request->kind);
    } else {
        print_head(report, &style);
        if (request->is_callers || request->is_callees)
            is_ok = print_calls(report, &table, error);
        else
            profile_table_write(&table);
        if (!request->is_callers && !request->is_callees)
            print_next(report);
    }
    profile_rows_finish(&rows);
    return is_ok;
}

/* Of the lines of functions, those that were asked for. */
static void drop_other_lines(const struct report *report, struct profile *profile)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < profile->count; i++)
        if (annotation_covers(report->request->lines,
                              &report->stacks.frames[profile->items[i].frame]))
            profile->items[kept++] = profile->items[i];
    profile->count = kept;
}

static bool report_rows(const struct report *report, struct error *error)
{
    const struct time_request *request = report->request;
    struct profile profile;
    enum group_by group_by = request->is_lines ? GROUP_BY_TRACEBACK : request->group_by;
    if (!profile_init(&profile, &report->tree, group_by, error))
        return false;
    if (request->is_lines)
        drop_other_lines(report, &profile);
    bool is_ok = print_rows(report, &profile, error);
    profile_finish(&profile);
    return is_ok;
}

static bool report_lines(const struct report *report, struct error *error)
{
    const struct time_request *request = report->request;
    const struct style style = terminal_style(stdout, request->color);
    const struct line_style lines = {.style = style,
                                     .unit_s = request->unit_s,
                                     .limit = request->lines ? 0 : request->limit,
                                     .skips_zero = request->skips_zero,
                                     .needs_source = !request->lines,
                                     .is_wall = request->kind == TIMES_WALL,
                                     .changed_since_ns =
                                         report->opened.trace->header.start_realtime_ns};
    struct line_table table;
    struct sources sources = {0};
    if (!line_table_init(&table, &report->tree, report->opened.trace, request->lines, error))
        return false;
    bool is_ok = table.time_count != 0;
    if (is_ok) {
        print_head(report, &style);
        line_table_write(stdout, &table, &sources, &lines);
    } else {
        error_set(error, "no samples in lines of %.100s",
                  request->lines ? request->lines : "known sources");
    }
    sources_finish(&sources);
    line_table_finish(&table);
    return is_ok;
}

/* --- the work --- */

static bool load(struct report *report, struct error *error)
{
    const struct time_request *request = report->request;
    const char *const words[] = {
        "CPU samples: memtrace run --cpu, or MEMTRACE_CPU_HZ=997",
        "wall-clock samples: memtrace run --wall, or MEMTRACE_WALL_HZ=100"};
    if (!opened_init(&report->opened, request->operands, request->operand_count, error))
        return false;
    struct trace *trace = report->opened.trace;
    if (!times_are_there(trace, request->kind))
        return error_set(error, "it has no %s", words[request->kind]);
    if (request->kind == TIMES_WALL && !trace_knows_all(trace))
        return error_set(error, "wall-clock time is known of the end only");
    times_show(trace, request->kind);
    budget_init(&report->budget, trace, request->kind);
    return stacks_init(&report->stacks, trace, request->is_system, error) &&
           call_tree_init(&report->tree, &report->stacks, request->filters, GRAIN_LINE, error);
}

int report_time(const struct time_request *request)
{
    struct report report = {.request = request};
    struct error error;
    int status;
    bool is_ok = load(&report, &error);
    if (is_ok)
        is_ok = request->is_lines && !request->is_json ? report_lines(&report, &error)
                                                       : report_rows(&report, &error);
    status = is_ok ? command_flush(STATUS_OK)
                   : command_complain(opened_subject(&report.opened, "report"), &error);
    call_tree_finish(&report.tree);
    stacks_finish(&report.stacks);
    opened_finish(&report.opened);
    return status;
}
