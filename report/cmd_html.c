/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_html.c -- memtrace html: a trace, or what changed between two, as one page for a browser. */
#include "cmd_progress.h"
#include "command.h"
#include "find.h"
#include "moment.h"
#include "output.h"
#include "page.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TRACES_MAX = 2
};

enum {
    OPTION_FILTER = OPTION_LONG,
    OPTION_EXCLUDE,
    OPTION_ALL_FRAMES,
    OPTION_SYSTEM,
    OPTION_NO_SOURCE
};

static const struct option_row rows[] = {
    {'o', "output", "FILE",
     "default: named after the trace, in the current directory; - is stdout"},
    {OPTION_NO_SOURCE, "no-source", NULL, "leave out the lines of source files"},
    {OPTION_FILTER, "filter", "PATTERN", "keep file:, function: or module:PATTERN (bare: file)"},
    {OPTION_EXCLUDE, "exclude", "PATTERN", "drop it"},
    {OPTION_ALL_FRAMES, "all-frames", NULL, "let patterns match any frame, not the charged one"},
    {OPTION_SYSTEM, "system", NULL, "show libc, libstdc++ and allocator wrappers too"},
    {'h', "help", NULL, "this text"},
};

struct request {
    struct filters filters;
    const char *operands[TRACES_MAX]; /* NULL: the newest trace */
    size_t count;
    const char *output; /* NULL: named after the trace */
    bool is_system, has_no_source, is_help;
};

/* What is read of an operand. */
struct side {
    struct trace trace;
    struct stacks stacks;
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

static bool take_option(struct request *request, int id, const char *value)
{
    switch (id) {
    case 'o':
        request->output = value;
        return *value || command_misuse("no name for the output") == STATUS_OK;
    case OPTION_NO_SOURCE:
        return request->has_no_source = true;
    case OPTION_FILTER:
    case OPTION_EXCLUDE:
        return take_filter(request, value, id == OPTION_EXCLUDE);
    case OPTION_ALL_FRAMES:
        return request->filters.is_all_frames = true;
    case OPTION_SYSTEM:
        return request->is_system = true;
    default:
        return request->is_help = true;
    }
}

static bool parse(struct request *request, int argc, char **argv)
{
    struct options options = {
        .rows = rows, .count = sizeof rows / sizeof *rows, .complaints = stderr};
    int id;
    while ((id = options_next(&options, argc, argv)) != OPTIONS_END)
        if (id == OPTIONS_BAD || !take_option(request, id, options.value))
            return false;
    request->count = 1;
    if (argc - options.next > TRACES_MAX) {
        command_misuse("two traces at most: %s", argv[options.next + TRACES_MAX]);
        return false;
    }
    for (int i = options.next; i < argc; i++)
        request->operands[i - options.next] = argv[i];
    if (request->operands[1])
        request->count = 2;
    return true;
}

/* --- reading --- */

static bool read_side(struct side *side, const char *name, bool is_system, struct error *error)
{
    struct moment moment;
    char *operand = NULL;
    if (!moment_divide(&moment, name, &operand, error))
        return false;
    side->path = find_trace(operand, error);
    bool is_ok = side->path && trace_open(&side->trace, side->path, error) &&
                 moment_rewind(&moment, &side->trace, error) &&
                 stacks_init(&side->stacks, &side->trace, is_system, error);
    moment_finish(&moment);
    free(operand);
    return is_ok;
}

static bool load(struct side *side, const char *name, bool is_system, struct error *error)
{
    struct progress progress;
    progress_begin(&progress, "reading the trace and finding names");
    bool is_ok = read_side(side, name, is_system, error);
    progress_end(&progress);
    return is_ok;
}

/* --- writing --- */

/* "app.17.html" of "/traces/app.17.memtrace"; to be freed. */
static char *default_output(const struct request *request, const struct side *sides)
{
    static const char suffix[] = ".memtrace";
    const char *name = text_basename(sides[request->count - 1].path);
    size_t length = strlen(name);
    size_t suffix_length = strlen(suffix);
    char *path = NULL;
    if (length > suffix_length && strcmp(name + length - suffix_length, suffix) == 0)
        length -= suffix_length;
    if (asprintf(&path, "%.*s%s.html", (int)length, name, request->count > 1 ? ".diff" : "") < 0)
        return NULL;
    return path;
}

static void print_answer(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return;
    fputs("wrote ", stdout);
    text_write(stdout, path);
    printf(" (%s)     next: open it in a browser\n", text_size((double)status.st_size).text);
}

static bool write_file(const char *path, const struct page_trace *traces, size_t count,
                       struct error *error)
{
    struct output output;
    if (!output_open(&output, path, output_compression(path), error))
        return false;
    if (page_write(output.file, traces, count, error))
        return output_commit(&output, error);
    output_abandon(&output);
    return false;
}

static int write_output(const char *path, const struct page_trace *traces, size_t count)
{
    struct progress progress;
    struct error error;
    progress_begin(&progress, "writing the page");
    bool is_ok = write_file(path, traces, count, &error);
    progress_end(&progress);
    if (!is_ok)
        return command_complain(path, &error);
    if (strcmp(path, "-") != 0)
        print_answer(path);
    return command_flush(STATUS_OK);
}

static int write_sides(const struct request *request, struct side *sides)
{
    struct page_trace traces[TRACES_MAX];
    char *path = request->output ? strdup(request->output) : default_output(request, sides);
    for (size_t i = 0; i < request->count; i++)
        traces[i] = (struct page_trace){
            .name = text_basename(sides[i].path),
            .trace = &sides[i].trace,
            .stacks = &sides[i].stacks,
            .filters = &request->filters,
            .has_source = !request->has_no_source,
        };
    struct error error;
    error_out_of_memory(&error);
    int status =
        path ? write_output(path, traces, request->count) : command_complain("html", &error);
    free(path);
    return status;
}

static int write_page(const struct request *request)
{
    struct side sides[TRACES_MAX] = {0};
    struct error error;
    int status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < request->count; i++) {
        if (load(&sides[i], request->operands[i], request->is_system, &error))
            continue;
        const char *subject = sides[i].path ? sides[i].path : request->operands[i];
        status = command_complain(subject ? subject : "html", &error);
    }
    if (status == STATUS_OK)
        status = write_sides(request, sides);
    for (size_t i = 0; i < request->count; i++) {
        stacks_finish(&sides[i].stacks);
        trace_close(&sides[i].trace);
        free(sides[i].path);
    }
    return status;
}

static int run(int argc, char **argv)
{
    struct request request = {0};
    int status = STATUS_USAGE;
    if (parse(&request, argc, argv)) {
        if (request.is_help) {
            command_print_help(stdout, &command_html);
            status = command_flush(STATUS_OK);
        } else if (page_missing()) {
            status = command_misuse("this memtrace was built without its page: %s; memtrace "
                                    "export --format=speedscope needs none",
                                    page_missing());
        } else if (!request.output || strcmp(request.output, "-") != 0 || !isatty(STDOUT_FILENO)) {
            status = write_page(&request);
        } else {
            status = command_misuse("a page is not for a terminal: use -o FILE");
        }
    }
    filters_finish(&request.filters);
    return status;
}

const struct command command_html = {
    .name = "html",
    .operands = "[OPTIONS] [TRACE|PID][@MOMENT] | OLD NEW",
    .summary = "A page for a browser, in one file without network; of two traces: what changed.",
    .options = rows,
    .option_count = sizeof rows / sizeof *rows,
    .print_more = command_print_moments,
    .run = run,
};
