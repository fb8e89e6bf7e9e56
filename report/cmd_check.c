/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_check.c -- memtrace check: fails when a trace passes a limit, and says why. */
#include "command.h"
#include "find.h"
#include "gate.h"
#include "json.h"
#include "label.h"
#include "moment.h"
#include "summary.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    JSON_LINES = 10
};

enum {
    OPTION_MAX_PEAK = OPTION_LONG,
    OPTION_MAX_LIVE,
    OPTION_MAX_ALLOCS,
    OPTION_SUPPRESSIONS,
    OPTION_FILTER,
    OPTION_EXCLUDE,
    OPTION_ALL_FRAMES,
    OPTION_JSON,
    OPTION_COLOR
};

static const struct option_row rows[] = {
    {OPTION_MAX_PEAK, "max-peak", "SIZE", "what may be live at once: 64M, 1.5GiB, …"},
    {OPTION_MAX_LIVE, "max-live", "SIZE", "what may be left at the end; 0: no block at all"},
    {OPTION_MAX_ALLOCS, "max-allocs", "N", "how many allocations there may be"},
    {OPTION_SUPPRESSIONS, "suppressions", "FILE", "what may be left, as LeakSanitizer's files say"},
    {OPTION_FILTER, "filter", "PATTERN", "count file:, function: or module:PATTERN (bare: file)"},
    {OPTION_EXCLUDE, "exclude", "PATTERN", "do not count it"},
    {OPTION_ALL_FRAMES, "all-frames", NULL, "let patterns match any frame, not the charged one"},
    {OPTION_JSON, "json", NULL, "for scripts"},
    {OPTION_COLOR, "color", "WHEN", "auto (default), always, never"},
    {'h', "help", NULL, "this text"},
};

struct request {
    struct gates gates;
    const char *suppressions_path;
    char *const *operands; /* traces; none: the newest one here */
    int operand_count;
    enum color_when color;
    bool is_json, is_help;
};

/* One trace after the other. */
struct check {
    const struct request *request;
    struct gates gates;
    struct suppressions suppressions;
    struct style style;
    struct json json;
    bool is_failed;
};

/* --- the command line --- */

static bool take_filter(struct request *request, const char *pattern, bool is_exclusive)
{
    struct error error;
    if (filters_add(&request->gates.filters, pattern, is_exclusive, &error))
        return true;
    command_misuse("%s", error.text);
    return false;
}

static bool take_flag(struct request *request, int id)
{
    if (id == OPTION_ALL_FRAMES)
        return request->gates.filters.is_all_frames = true;
    if (id == OPTION_JSON)
        return request->is_json = true;
    return request->is_help = true;
}

static bool take_option(struct request *request, int id, const char *value)
{
    bool is_ok = true;
    switch (id) {
    case OPTION_MAX_PEAK:
    case OPTION_MAX_LIVE:
    case OPTION_MAX_ALLOCS:
        is_ok =
            gates_set(&request->gates, (enum gate_kind)(GATE_PEAK + id - OPTION_MAX_PEAK), value);
        break;
    case OPTION_FILTER:
    case OPTION_EXCLUDE:
        return take_filter(request, value, id == OPTION_EXCLUDE);
    case OPTION_SUPPRESSIONS:
        request->suppressions_path = value;
        is_ok = *value != 0;
        break;
    case OPTION_COLOR:
        is_ok = terminal_parse_color(value, &request->color);
        break;
    default:
        return take_flag(request, id);
    }
    if (!is_ok)
        command_bad_value(&command_check, id, value);
    return is_ok;
}

static bool parse(struct request *request, int argc, char **argv)
{
    struct options options = {
        .rows = rows, .count = sizeof rows / sizeof *rows, .complaints = stderr};
    int id;
    while ((id = options_next(&options, argc, argv)) != OPTIONS_END)
        if (id == OPTIONS_BAD || !take_option(request, id, options.value))
            return false;
    request->operands = argv + options.next;
    request->operand_count = argc - options.next;
    if (gates_are_set(&request->gates) || request->is_help)
        return true;
    command_misuse("no limit: --max-peak, --max-live or --max-allocs (see memtrace help check)");
    return false;
}

/* --- telling --- */

static void write_json_lines(struct json *json, const struct statistics *lines)
{
    json_name(json, "statistics");
    json_open_array(json);
    for (uint32_t i = 0; i < lines->count && i < JSON_LINES; i++) {
        const struct statistic *item = &lines->items[i];
        struct amount amount = figures_amount(&item->figures, lines->measure);
        char *key = label_group(lines, item, LABEL_FULL);
        json_open_object(json);
        json_member_string(json, "key", key ? key : "");
        json_member_signed(json, "size", amount.size_bytes);
        json_member_signed(json, "count", amount.count);
        json_close_object(json);
        free(key);
    }
    json_close_array(json);
}

static void write_json_gates(struct json *json, const struct judgement *judgement)
{
    json_name(json, "gates");
    json_open_array(json);
    for (int i = 0; i < GATE_COUNT; i++) {
        const struct gate_verdict *verdict = &judgement->verdicts[i];
        if (!verdict->is_judged)
            continue;
        json_open_object(json);
        json_member_string(json, "gate", gate_name((enum gate_kind)i));
        json_member_bool(json, "passed", !verdict->is_failed);
        json_member_unsigned(json, "limit", verdict->limit);
        json_member_signed(json, "value",
                           i == GATE_ALLOCS ? verdict->amount.count : verdict->amount.size_bytes);
        json_member_signed(json, "count", verdict->amount.count);
        if (verdict->is_failed)
            write_json_lines(json, &verdict->lines);
        json_close_object(json);
    }
    json_close_array(json);
}

static void write_json(struct json *json, const struct judgement *judgement, const char *path)
{
    json_open_object(json);
    json_member_string(json, "trace", path);
    json_member_string(json, "program", judgement->trace->program);
    json_member_unsigned(json, "pid", judgement->trace->header.pid);
    json_member_bool(json, "passed", !judgement->is_failed);
    write_json_gates(json, judgement);
    json_close_object(json);
}

static void tell(struct check *check, struct judgement *judgement, const char *path)
{
    const struct trace *trace = judgement->trace;
    char *name = NULL;
    if (check->request->is_json) {
        write_json(&check->json, judgement, path);
        return;
    }
    if (asprintf(&name, "%s (pid %" PRIu32 ")", *trace->program ? trace->program : path,
                 trace->header.pid) < 0)
        name = NULL;
    judgement_write(stdout, judgement, name ? name : path, false, &check->style);
    summary_write_reasons(stdout, trace, "       ", &check->style);
    free(name);
}

/* --- the work --- */

/* Of an earlier moment less is known than of the end. */
static bool is_known(const struct check *check, const struct trace *trace, struct error *error)
{
    const bool *is_set = check->gates.is_set;
    if ((is_set[GATE_PEAK] && !trace_knows_all(trace)) ||
        (is_set[GATE_ALLOCS] && !trace_knows_totals(trace)))
        return error_set(error, "of that moment only what was live is known");
    return true;
}

static bool open_trace(struct trace *trace, const char *operand, char **ret_path,
                       struct error *error)
{
    struct moment moment;
    char *name = NULL;
    if (!moment_divide(&moment, operand, &name, error))
        return false;
    *ret_path = find_trace(name, error);
    bool is_ok = *ret_path && trace_open(trace, *ret_path, error);
    if (is_ok && !moment_rewind(&moment, trace, error)) {
        trace_close(trace);
        is_ok = false;
    }
    moment_finish(&moment);
    free(name);
    return is_ok;
}

static bool check_open_trace(struct check *check, const struct trace *trace, const char *path,
                             struct error *error)
{
    struct judgement judgement;
    if (!is_known(check, trace, error) || !judgement_init(&judgement, trace, &check->gates, error))
        return false;
    tell(check, &judgement, path);
    check->is_failed = check->is_failed || judgement.is_failed;
    judgement_finish(&judgement);
    return true;
}

static void check_one(struct check *check, const char *operand)
{
    struct trace trace;
    struct error error;
    char *path = NULL;
    bool is_open = open_trace(&trace, operand, &path, &error);
    if (!is_open || !check_open_trace(check, &trace, path, &error)) {
        const char *subject = path ? path : operand;
        command_complain(subject ? subject : "check", &error);
        check->is_failed = true;
    }
    if (is_open)
        trace_close(&trace);
    free(path);
}

static void check_all(struct check *check)
{
    const struct request *request = check->request;
    if (request->is_json) {
        check->json = json_begin(stdout);
        json_open_array(&check->json);
    }
    if (!request->operand_count)
        check_one(check, NULL);
    for (int i = 0; i < request->operand_count; i++)
        check_one(check, request->operands[i]);
    if (request->is_json) {
        json_close_array(&check->json);
        json_end(&check->json);
    } else {
        suppressions_write(stdout, &check->suppressions);
    }
}

static int check_traces(const struct request *request)
{
    struct check check = {.request = request,
                          .gates = request->gates,
                          .style = terminal_style(stdout, request->color)};
    struct error error;
    if (!suppressions_init(&check.suppressions, request->suppressions_path, &error) ||
        !suppressions_add_runtime(&check.suppressions, &error))
        return command_complain("suppressions", &error);
    check.gates.suppressions = &check.suppressions;
    check_all(&check);
    suppressions_finish(&check.suppressions);
    return command_flush(check.is_failed ? STATUS_BAD_INPUT : STATUS_OK);
}

static int run(int argc, char **argv)
{
    struct request request = {0};
    int status = STATUS_USAGE;
    if (parse(&request, argc, argv)) {
        if (request.is_help)
            command_print_help(stdout, &command_check);
        status = request.is_help ? command_flush(STATUS_OK) : check_traces(&request);
    }
    filters_finish(&request.gates.filters);
    return status;
}

const struct command command_check = {
    .name = "check",
    .operands = "[OPTIONS] [TRACE|PID][@MOMENT]…",
    .summary = "Fail if a trace passes a limit, and say which lines made it so.",
    .options = rows,
    .option_count = sizeof rows / sizeof *rows,
    .run = run,
};
