/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_leaks.c -- memtrace leaks: what grows and goes on growing. */
#include "command.h"
#include "completeness.h"
#include "filter.h"
#include "find.h"
#include "label.h"
#include "leaks_json.h"
#include "leaks_table.h"
#include "moment.h"
#include "process.h"
#include "summary.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LIMIT_DEFAULT = 10,
    CAUSES_MAX = 10,
    LEAVES_MAX = 1 << 16 /* a heap that is spread over 64 GiB */
};

enum {
    OPTION_ALL = OPTION_LONG,
    OPTION_ALL_FRAMES,
    OPTION_COLOR,
    OPTION_DOMAIN,
    OPTION_EXCLUDE,
    OPTION_FAIL_ABOVE,
    OPTION_FILTER,
    OPTION_JSON,
    OPTION_OUTLIVED,
    OPTION_SUPPRESSIONS,
    OPTION_SYSTEM,
    OPTION_TRACEBACK
};

static const struct option_row rows[] = {
    {'g', "group-by", "KIND", "line (default), function, file, module, traceback"},
    {'n', "limit", "N", "show N of them; 0: all (default: 10, with --json all)"},
    {OPTION_ALL, "all", NULL, "also what levels off, is uneven or steady"},
    {OPTION_TRACEBACK, "traceback", NULL, "with each the call stack that grew most, and source"},
    {OPTION_OUTLIVED, "outlived", "N", "allocations that a block is to outlive (default: a tenth)"},
    {OPTION_FILTER, "filter", "PATTERN", "keep file:, function: or module:PATTERN (bare: file)"},
    {OPTION_EXCLUDE, "exclude", "PATTERN", "drop it"},
    {OPTION_ALL_FRAMES, "all-frames", NULL, "let patterns match any frame, not the charged one"},
    {OPTION_DOMAIN, "domain", "DOMAIN",
     "heap (default), pool: the program's own allocators, mapped"},
    {OPTION_SUPPRESSIONS, "suppressions", "FILE", "as LeakSanitizer's: leak:PATTERN"},
    {OPTION_FAIL_ABOVE, "fail-above", "SIZE",
     "exit 1 if more than that grows in an hour; 0: at all"},
    {OPTION_SYSTEM, "system", NULL, "charge libc, libstdc++ and allocator wrappers themselves"},
    {OPTION_JSON, "json", NULL, "for scripts"},
    {OPTION_COLOR, "color", "WHEN", "auto (default), always, never"},
    {'h', "help", NULL, "this text"},
};

/* What the command line asks for. */
struct request {
    struct leaks_query query;
    struct filters filters;
    const char *operand; /* the trace, NULL: the newest */
    const char *suppressions_path;
    uint64_t limit;
    uint32_t domain; /* enum trace_domain */
    struct leaks_gate gate;
    enum color_when color;
    bool has_limit, has_gate, is_all, is_system, is_json, is_help, with_traceback;
};

/* A trace with all that is found in it. */
struct hunt {
    const struct request *request;
    struct filters filters; /* the request's, and the suppressions */
    struct suppressions suppressions;
    struct trace trace;
    struct history history;
    struct stacks stacks;
    struct live_table table;
    struct error no_table; /* why the memory of a running process cannot be read */
    struct leaks leaks;
    struct sources sources;
    char *path;
};

/* --- the command line --- */

static bool take_filter(struct request *request, const char *pattern, bool is_exclusive)
{
    struct error error;
    if (filters_add(&request->filters, pattern, is_exclusive, &error))
        return true;
    command_misuse("%s", error.text);
    return false;
}

static bool take_flag(struct request *request, int id)
{
    switch (id) {
    case OPTION_ALL:
        return request->is_all = true;
    case OPTION_ALL_FRAMES:
        return request->filters.is_all_frames = true;
    case OPTION_JSON:
        return request->is_json = true;
    case OPTION_SYSTEM:
        return request->is_system = true;
    case OPTION_TRACEBACK:
        return request->with_traceback = true;
    default:
        return request->is_help = true;
    }
}

static bool take_option(struct request *request, int id, const char *value)
{
    bool is_ok = true;
    switch (id) {
    case 'g':
        is_ok = label_to_group_by(value, &request->query.group_by) &&
                request->query.group_by != GROUP_BY_THREAD;
        break;
    case 'n':
        is_ok = request->has_limit = text_to_number(value, UINT32_MAX, &request->limit);
        break;
    case OPTION_OUTLIVED:
        is_ok = text_to_number(value, UINT64_MAX, &request->query.outlived_allocs) &&
                request->query.outlived_allocs;
        break;
    case OPTION_DOMAIN:
        is_ok = label_to_domain(value, &request->domain);
        break;
    case OPTION_FILTER:
    case OPTION_EXCLUDE:
        return take_filter(request, value, id == OPTION_EXCLUDE);
    case OPTION_SUPPRESSIONS:
        request->suppressions_path = value;
        break;
    case OPTION_FAIL_ABOVE:
        is_ok = request->has_gate = text_to_size(value, &request->gate.limit_bytes_per_hour);
        break;
    case OPTION_COLOR:
        is_ok = terminal_parse_color(value, &request->color);
        break;
    default:
        return take_flag(request, id);
    }
    if (!is_ok)
        command_bad_value(&command_leaks, id, value);
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
    if (argc - options.next > 1) {
        command_misuse("one trace at a time: %s", argv[options.next + 1]);
        return false;
    }
    if (options.next < argc)
        request->operand = argv[options.next];
    return true;
}

/* --- the work --- */

static bool load_suppressions(struct hunt *hunt, struct error *error)
{
    hunt->filters = hunt->request->filters;
    if (!suppressions_init(&hunt->suppressions, hunt->request->suppressions_path, error))
        return false;
    if (hunt->suppressions.count)
        hunt->filters.suppressions = &hunt->suppressions;
    return true;
}

/* Of the start and of the peak there is no history. */
static bool has_past(const struct trace *trace, struct error *error)
{
    return trace->instant.kind == INSTANT_END || trace->instant.kind == INSTANT_TICK ||
           error_set(error, "what grew is known up to the end or an earlier time, not up to %s",
                     trace->instant.kind == INSTANT_PEAK ? "the peak" : "the start");
}

static bool load(struct hunt *hunt, struct error *error)
{
    struct moment moment;
    char *trace = NULL;
    if (!moment_divide(&moment, hunt->request->operand, &trace, error))
        return false;
    hunt->path = find_trace(trace, error);
    bool is_ok = hunt->path && trace_open(&hunt->trace, hunt->path, error);
    hunt->trace.domain = hunt->request->domain;
    is_ok = is_ok && moment_rewind(&moment, &hunt->trace, error) && has_past(&hunt->trace, error);
    moment_finish(&moment);
    free(trace);
    return is_ok;
}

/* A program that runs is asked how old its blocks are. Samples stand for others that nobody knows
 * of. */
static bool open_table(struct hunt *hunt)
{
    const struct trace *trace = &hunt->trace;
    const struct trace_header *header = &trace->header;
    bool is_wanted = trace->is_running && trace->instant.kind == INSTANT_END &&
                     !header->sample_bytes && header->live_map_address;
    hunt->table = (struct live_table){
        .memory_fd = -1, .map_address = header->live_map_address, .leaves_max = LEAVES_MAX};
    if (is_wanted)
        hunt->table.memory_fd = process_open_memory(trace->pid, &hunt->no_table);
    return hunt->table.memory_fd >= 0;
}

static bool compute(struct hunt *hunt, struct error *error)
{
    struct leaks_query query = hunt->request->query;
    query.filters = &hunt->filters;
    query.table = open_table(hunt) ? &hunt->table : NULL;
    return history_init(&hunt->history, &hunt->trace, error) &&
           stacks_init(&hunt->stacks, &hunt->trace, hunt->request->is_system, error) &&
           leaks_init(&hunt->leaks, &hunt->stacks, &hunt->history, &query, error) &&
           (filters_count_suppressed(&hunt->filters, &hunt->stacks) || error_out_of_memory(error));
}

static void finish(struct hunt *hunt)
{
    if (hunt->table.memory_fd > 0)
        close(hunt->table.memory_fd);
    leaks_finish(&hunt->leaks);
    sources_finish(&hunt->sources);
    suppressions_finish(&hunt->suppressions);
    stacks_finish(&hunt->stacks);
    history_finish(&hunt->history);
    trace_close(&hunt->trace);
    free(hunt->path);
}

/* --- text --- */

static void print_title(const struct hunt *hunt, const struct style *style)
{
    char end[128];
    char when[256];
    const struct trace *trace = &hunt->trace;
    completeness_describe_end(trace, end, sizeof end);
    fputs(style->strong, stdout);
    text_write(stdout, *trace->program ? trace->program : hunt->path);
    printf("%s (pid %" PRIu32 ") %s\n", style->plain, trace->header.pid, end);
    if (trace_knows_all(trace))
        return;
    instant_describe(trace, when, sizeof when);
    printf("  %s", style->strong);
    text_write(stdout, when);
    printf("%s\n", style->plain);
}

static void print_modules(const struct hunt *hunt, uint64_t written, const struct style *style)
{
    bool *is_said = calloc((size_t)hunt->trace.module_count + 1, sizeof *is_said);
    for (uint64_t i = 0; is_said && i < written; i++) {
        uint32_t frame = hunt->leaks.items[i].frame;
        uint32_t module = hunt->stacks.frames[frame].module_index;
        if (module < hunt->trace.module_count)
            summary_write_module(stdout, &hunt->stacks, frame, &is_said[module], "note: ", style);
    }
    free(is_said);
}

/* Of a program that has ended nobody expects more than the history tells. */
static void print_ages(const struct hunt *hunt)
{
    const struct error *error = hunt->leaks.query.table ? &hunt->leaks.no_ages : &hunt->no_table;
    if (!*error->text)
        return;
    fputs("note: ages are from the history alone: ", stdout);
    text_write(stdout, error->text);
    putchar('\n');
}

static void print_next(const struct hunt *hunt)
{
    const struct leaks *leaks = &hunt->leaks;
    const char *operand = hunt->request->operand ? hunt->request->operand : hunt->path;
    uint64_t from_s = (leaks->course.origin_ns + leaks->from_ns) / 1000000000;
    fputs("  next: memtrace ", stdout);
    if (!leaks->counts[TREND_GROWS]) {
        fputs("report ", stdout);
    } else if (!hunt->request->with_traceback) {
        fputs("leaks --traceback -n 3 ", stdout);
    } else {
        fputs("diff --traceback -n 3 ", stdout);
        text_write(stdout, hunt->path);
        printf("@%" PRIu64 "s ", from_s);
    }
    text_write(stdout, operand);
    putchar('\n');
}

static void print_text(struct hunt *hunt)
{
    const struct request *request = hunt->request;
    static const char *const domains[MEMORY_DOMAIN_COUNT] = {"", " in custom pools",
                                                             " in mappings"};
    const struct leaks *leaks = &hunt->leaks;
    const struct style style = terminal_style(stdout, request->color);
    const struct table table = {.out = stdout,
                                .style = style,
                                .sources = &hunt->sources,
                                .limit = request->has_limit ? request->limit : LIMIT_DEFAULT,
                                .with_traceback = request->with_traceback ||
                                                  request->query.group_by == GROUP_BY_TRACEBACK};
    print_title(hunt, &style);
    leaks_table_write_head(stdout, leaks);
    summary_write_reasons(stdout, &hunt->trace, "  ", &style);
    printf("\n%s%s %s:\n", leaks_noun(request->query.group_by, 2), domains[request->domain],
           request->is_all ? "by growth per hour" : "that grow, by growth per hour");
    uint64_t written = leaks_table_write(&table, leaks, request->is_all);
    if (!written)
        puts("nothing");
    leaks_table_write_rest(stdout, leaks, written);
    print_modules(hunt, written, &style);
    print_ages(hunt);
    if (hunt->filters.suppressions)
        suppressions_write(stdout, hunt->filters.suppressions);
    putchar('\n');
    leaks_table_write_answer(stdout, leaks, &style);
    print_next(hunt);
}

/* One line says that it failed, and one for each cause. */
static void complain_of_growth(const struct hunt *hunt)
{
    const struct leaks *leaks = &hunt->leaks;
    uint32_t count = leaks->counts[TREND_GROWS];
    fprintf(stderr, "memtrace: grows by more than %s in an hour: at least %s\n",
            text_size((double)hunt->request->gate.limit_bytes_per_hour).text,
            text_size_change(leaks->floor_per_hour).text);
    for (uint32_t i = 0; i < count && i < CAUSES_MAX; i++) {
        const struct leak *leak = &leaks->items[i];
        char *label =
            label_site(&hunt->stacks, leaks->query.group_by, leak->frame, leak->node, LABEL_SHORT);
        fputs("memtrace:   ", stderr);
        text_write(stderr, label ? label : "?");
        fputs(": ", stderr);
        leaks_table_write_amount(stderr, leak);
        fputc('\n', stderr);
        free(label);
    }
    if (count > CAUSES_MAX)
        fprintf(stderr, "memtrace:   and %" PRIu32 " more\n", count - CAUSES_MAX);
}

static int print(struct hunt *hunt)
{
    const struct request *request = hunt->request;
    const struct leaks_gate *gate = request->has_gate ? &request->gate : NULL;
    if (request->is_json)
        leaks_json_write(stdout, &hunt->leaks, gate, request->limit);
    else
        print_text(hunt);
    int status = command_flush(STATUS_OK);
    if (!gate || !leaks_fail(&hunt->leaks, gate))
        return status;
    complain_of_growth(hunt);
    return STATUS_BAD_INPUT;
}

static int leaks(const struct request *request)
{
    struct hunt hunt = {.request = request};
    struct error error;
    int status = STATUS_OK;
    if (!load_suppressions(&hunt, &error))
        return command_complain("suppressions", &error);
    if (!load(&hunt, &error) || !compute(&hunt, &error))
        status = command_complain(hunt.path          ? hunt.path
                                  : request->operand ? request->operand
                                                     : "leaks",
                                  &error);
    else
        status = print(&hunt);
    finish(&hunt);
    return status;
}

static int run(int argc, char **argv)
{
    struct request request = {0};
    int status = STATUS_USAGE;
    if (parse(&request, argc, argv)) {
        if (request.is_help)
            command_print_help(stdout, &command_leaks);
        status = request.is_help ? command_flush(STATUS_OK) : leaks(&request);
    }
    filters_finish(&request.filters);
    return status;
}

static void print_more(FILE *out)
{
    fputs(
        "\nThe run is cut into tenths, by the mean of time and allocations. Something grows if "
        "what\n"
        "it has live goes up, with 99 % confidence, over all of them but the first and the last,\n"
        "and has not stopped doing so.\n",
        out);
}

const struct command command_leaks = {
    .name = "leaks",
    .operands = "[OPTIONS] [TRACE|PID][@MOMENT]",
    .summary = "What grows and goes on growing, how fast and how surely.",
    .options = rows,
    .option_count = sizeof rows / sizeof *rows,
    .print_more = print_more,
    .run = run,
};
