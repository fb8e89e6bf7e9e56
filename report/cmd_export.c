/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_export.c -- memtrace export: a trace for the viewers that people already have. */
#include "cmd_progress.h"
#include "command.h"
#include "export.h"
#include "label.h"
#include "opened.h"
#include "output.h"
#include "text.h"
#include "times.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OPTION_FILTER = OPTION_LONG,
    OPTION_EXCLUDE,
    OPTION_ALL_FRAMES,
    OPTION_CPU,
    OPTION_SYSTEM,
    OPTION_CUMULATIVE,
    OPTION_WALL
};

static const struct option_row rows[] = {
    {'f', "format", "FORMAT", "one of those below"},
    {'o', "output", "FILE", "default: stdout, also -; compressed if it ends in .gz or .zst"},
    {'m', "measure", "MEASURE",
     "live, peak, total, count, temporary (of time: total, count); several: again"},
    {OPTION_CPU, "cpu", NULL, "CPU time instead of memory"},
    {OPTION_WALL, "wall", NULL, "wall-clock time instead of memory"},
    {'g', "group-by", "KIND", "folded, speedscope: line, function; json, csv: any of report's"},
    {OPTION_CUMULATIVE, "cumulative", NULL, "json, csv: charge every line of a stack, each once"},
    {OPTION_FILTER, "filter", "PATTERN", "keep file:, function: or module:PATTERN (bare: file)"},
    {OPTION_EXCLUDE, "exclude", "PATTERN", "drop it"},
    {OPTION_ALL_FRAMES, "all-frames", NULL, "let patterns match any frame, not the charged one"},
    {OPTION_SYSTEM, "system", NULL, "show libc, libstdc++ and allocator wrappers too"},
    {'h', "help", NULL, "this text"},
};

struct request {
    struct filters filters;
    enum measure measures[MEASURE_COUNT_OF];
    size_t measure_count;
    const struct export_format *format;
    char *const *operands; /* the traces, added up; none: the newest */
    int operand_count;
    const char *output;
    enum times_kind kind;
    enum group_by group_by;
    bool has_group_by, is_cumulative, is_system, is_time, is_help;
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

static bool take_measure(struct request *request, const char *value)
{
    enum measure measure;
    if (!label_to_measure(value, &measure)) {
        command_misuse("no such measure: %s (see memtrace help export)", value);
        return false;
    }
    for (size_t i = 0; i < request->measure_count; i++)
        if (request->measures[i] == measure)
            return true;
    request->measures[request->measure_count++] = measure;
    return true;
}

static bool take_format(struct request *request, const char *value)
{
    request->format = export_find(value);
    if (!request->format)
        command_misuse("no such format: %s (see memtrace help export)", value);
    return request->format;
}

static bool take_option(struct request *request, int id, const char *value)
{
    switch (id) {
    case 'f':
        return take_format(request, value);
    case 'o':
        request->output = value;
        return *value || command_misuse("no name for the output") == STATUS_OK;
    case 'm':
        return take_measure(request, value);
    case 'g':
        request->has_group_by = label_to_group_by(value, &request->group_by);
        return request->has_group_by || command_misuse("no such grouping: %s", value) == STATUS_OK;
    case OPTION_CUMULATIVE:
        return request->is_cumulative = true;
    case OPTION_FILTER:
    case OPTION_EXCLUDE:
        return take_filter(request, value, id == OPTION_EXCLUDE);
    case OPTION_ALL_FRAMES:
        return request->filters.is_all_frames = true;
    case OPTION_SYSTEM:
        return request->is_system = true;
    case OPTION_CPU:
    case OPTION_WALL:
        request->kind = id == OPTION_CPU ? TIMES_CPU : TIMES_WALL;
        return request->is_time = true;
    default:
        return request->is_help = true;
    }
}

static bool takes_grouping(const struct request *request)
{
    switch (request->format->groups) {
    case EXPORT_BY_ANY:
        return true;
    case EXPORT_BY_LINE_OR_FUNCTION:
        return !request->is_cumulative && request->group_by <= GROUP_BY_FUNCTION;
    default:
        return !request->is_cumulative && !request->has_group_by;
    }
}

/* Of time there are totals and counts alone. */
static bool check_time(const struct request *request)
{
    if (!request->is_time)
        return true;
    for (size_t i = 0; i < request->measure_count; i++)
        if (request->measures[i] != MEASURE_TOTAL && request->measures[i] != MEASURE_COUNT)
            return command_misuse("of time there are total and count, not %s",
                                  label_measure(request->measures[i])) == STATUS_OK;
    if (!request->format->has_time)
        return command_misuse("%s is of memory alone", request->format->name) == STATUS_OK;
    if (request->is_cumulative)
        return command_misuse("--cumulative is of memory: a report of time has both") == STATUS_OK;
    return request->group_by != GROUP_BY_TRACEBACK ||
           command_misuse("no time by traceback: export --format=folded has it") == STATUS_OK;
}

static bool check_request(const struct request *request)
{
    if (!request->format)
        return command_misuse("which --format? (see memtrace help export)") == STATUS_OK;
    if (!takes_grouping(request))
        return command_misuse("%s does not take that grouping (see memtrace help export)",
                              request->format->name) == STATUS_OK;
    if (!check_time(request))
        return false;
    if (request->format->is_of_series && request->operand_count > 1)
        return command_misuse("%s is of one trace", request->format->name) == STATUS_OK;
    if (request->is_cumulative &&
        (request->group_by == GROUP_BY_TRACEBACK || request->group_by == GROUP_BY_THREAD))
        return command_misuse("--cumulative makes no sense with --group-by=%s",
                              label_group_by(request->group_by)) == STATUS_OK;
    if (request->group_by == GROUP_BY_THREAD && request->filters.count)
        return command_misuse("patterns do not go with --group-by=thread") == STATUS_OK;
    if (request->format->is_binary && strcmp(request->output, "-") == 0 && isatty(STDOUT_FILENO))
        return command_misuse("%s is not for a terminal: use -o FILE", request->format->name) ==
               STATUS_OK;
    return true;
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
    return request->is_help || check_request(request);
}

static void print_formats(FILE *out)
{
    const struct export_format *format;
    fputs("\nFormats:\n", out);
    for (size_t i = 0; (format = export_format_at(i)); i++)
        fprintf(out, "  %-11s %s\n", format->name, format->summary);
}

/* --- the work --- */

/* A file: that it is there, how large, and what to do with it. */
static void print_answer(const struct request *request, enum compression compression)
{
    struct stat status;
    if (stat(request->output, &status) != 0 || !S_ISREG(status.st_mode))
        return;
    fputs("wrote ", stdout);
    text_write(stdout, request->output);
    printf(" (%s)", text_size((double)status.st_size).text);
    bool is_plain = compression == COMPRESSION_NONE || request->format->is_gzip;
    if (request->format->next && is_plain) {
        fputs("     next: ", stdout);
        const char *place = strstr(request->format->next, "%s");
        printf("%.*s", (int)(place - request->format->next), request->format->next);
        text_write(stdout, request->output);
        fputs(place + 2, stdout);
    }
    putchar('\n');
}

/* Nothing is said in the midst of what a terminal shows. */
static bool write_format(const struct request *request, const struct export *export, FILE *out,
                         struct error *error)
{
    struct progress progress;
    if (strcmp(request->output, "-") == 0 && isatty(STDOUT_FILENO))
        return request->format->write(out, export, error);
    progress_begin(&progress, "writing");
    bool is_ok = request->format->write(out, export, error);
    progress_end(&progress);
    return is_ok;
}

static int write_output(const struct request *request, const struct export *export)
{
    struct output output;
    struct error error;
    enum compression compression =
        request->format->is_gzip ? COMPRESSION_GZIP : output_compression(request->output);
    if (!output_open(&output, request->output, compression, &error))
        return command_complain(request->output, &error);
    if (!write_format(request, export, output.file, &error)) {
        output_abandon(&output);
        return command_complain(export->path, &error);
    }
    if (!output_commit(&output, &error))
        return command_complain(request->output, &error);
    if (strcmp(request->output, "-") != 0)
        print_answer(request, compression);
    return command_flush(STATUS_OK);
}

/* Reports of time are by function, others by line. */
static enum group_by group_of(const struct request *request)
{
    bool is_report = request->format->groups == EXPORT_BY_ANY;
    return request->is_time && is_report && !request->has_group_by ? GROUP_BY_FUNCTION
                                                                   : request->group_by;
}

static int export_stacks(const struct request *request, const struct stacks *stacks,
                         const char *path)
{
    struct export export = {
        .stacks = stacks,
        .path = path,
        .filters = &request->filters,
        .measure_count = request->measure_count,
        .group_by = group_of(request),
        .is_cumulative = request->is_cumulative,
    };
    memcpy(export.measures, request->measures, sizeof export.measures);
    return write_output(request, &export);
}

static bool open_traces(const struct request *request, struct opened *opened, struct error *error)
{
    if (!opened_init(opened, request->operands, request->operand_count, error))
        return false;
    if (!request->is_time)
        return true;
    if (!times_are_there(opened->trace, request->kind))
        return error_set(error, "it has no samples of that time");
    times_show(opened->trace, request->kind);
    return true;
}

static bool load(const struct request *request, struct opened *opened, struct error *error)
{
    struct progress progress;
    progress_begin(&progress, "reading the trace");
    bool is_ok = open_traces(request, opened, error);
    progress_end(&progress);
    return is_ok;
}

static bool find_names(const struct request *request, const struct trace *trace,
                       struct stacks *stacks, struct error *error)
{
    struct progress progress;
    progress_begin(&progress, "finding names");
    bool is_ok = stacks_init(stacks, trace, request->is_system, error);
    progress_end(&progress);
    return is_ok;
}

/* Of an earlier moment less is known than of the end. */
static bool is_known(const struct request *request, const struct trace *trace)
{
    bool is_whole = request->format->is_whole || request->group_by == GROUP_BY_THREAD;
    if (is_whole && !trace_knows_all(trace))
        return command_misuse("%s is not known of an earlier moment",
                              request->format->is_whole ? request->format->name
                                                        : "--group-by=thread") == STATUS_OK;
    for (size_t i = 0; i < request->measure_count; i++)
        if (!export_knows(trace, request->measures[i]))
            return command_misuse("--measure=%s is not known of an earlier moment",
                                  label_measure(request->measures[i])) == STATUS_OK;
    return true;
}

static int export_trace(const struct request *request)
{
    struct error error;
    struct opened opened;
    struct stacks stacks = {0};
    int status = STATUS_USAGE;
    bool is_loaded = load(request, &opened, &error);
    bool is_good = !is_loaded || is_known(request, opened.trace);
    bool has_stacks = !request->format->is_of_series;
    if (is_loaded && is_good && (!has_stacks || find_names(request, opened.trace, &stacks, &error)))
        status = export_stacks(request, &stacks, opened.paths[0]);
    else if (is_good)
        status = command_complain(opened_subject(&opened, "export"), &error);
    stacks_finish(&stacks);
    opened_finish(&opened);
    return status;
}

static int run(int argc, char **argv)
{
    struct request request = {.output = "-"};
    int status = STATUS_USAGE;
    if (parse(&request, argc, argv)) {
        if (request.is_help)
            command_print_help(stdout, &command_export);
        status = request.is_help ? command_flush(STATUS_OK) : export_trace(&request);
    }
    filters_finish(&request.filters);
    return status;
}

const struct command command_export = {
    .name = "export",
    .operands = "--format=FORMAT [OPTIONS] [TRACE|PID][@MOMENT]…",
    .summary = "A trace for other tools; several are added up. Without a TRACE: the newest one.",
    .options = rows,
    .option_count = sizeof rows / sizeof *rows,
    .print_more = print_formats,
    .run = run,
};
