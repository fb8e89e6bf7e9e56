/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_rm.c -- memtrace rm: removes traces, and nothing that is none. */
#include "command.h"
#include "find.h"
#include "text.h"
#include "trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct option_row rows[] = {
    {'a', "all", NULL, "all traces in the current directory, but for those of running programs"},
    {'n', "dry-run", NULL, "say what would be removed, and leave it"},
    {'f', "force", NULL, "also traces that are damaged, and those of running programs"},
    {'h', "help", NULL, "this text"},
};

struct request {
    bool is_all, is_dry, is_forced, is_help;
};

/* Whether it may be removed; fails with the reason why not. */
static bool check(const struct request *request, const char *path, struct stat *status,
                  struct error *error)
{
    struct trace trace;
    if (lstat(path, status) != 0)
        return error_set(error, "%s", strerror(errno));
    if (!S_ISREG(status->st_mode))
        return error_set(error, "not a regular file: left alone");
    if (!trace_open_header(&trace, path, error)) {
        if (!trace_is_name(text_basename(path)))
            return error_set(error, "not a trace: left alone");
        return request->is_forced ||
               error_set(error, "cannot be read as a trace: --force removes it all the same");
    }
    bool is_running = trace.is_running;
    trace_close(&trace);
    return !is_running || request->is_forced ||
           error_set(error, "its program is running: --force removes it all the same");
}

static int remove_trace(const struct request *request, const char *path)
{
    struct stat status;
    struct error error;
    if (!check(request, path, &status, &error))
        return command_complain(path, &error);
    if (!request->is_dry && unlink(path) != 0) {
        error_set(&error, "%s", strerror(errno));
        return command_complain(path, &error);
    }
    fputs(request->is_dry ? "would remove " : "removed ", stdout);
    text_write(stdout, path);
    printf(" (%s)\n", text_size((double)status.st_size).text);
    return STATUS_OK;
}

static int remove_all(const struct request *request)
{
    struct trace_list list;
    struct error error;
    int status = STATUS_OK;
    if (!trace_list_init(&list, ".", false, 0, &error))
        return command_complain(".", &error);
    for (size_t i = 0; i < list.count; i++) {
        struct stat details;
        const char *path = list.entries[i].path;
        bool is_own = lstat(path, &details) == 0 && S_ISREG(details.st_mode); /* and no link */
        if (is_own && !list.entries[i].is_running && remove_trace(request, path))
            status = STATUS_BAD_INPUT;
    }
    if (list.count == 0)
        fputs("memtrace: no traces here\n", stderr);
    trace_list_finish(&list);
    return status;
}

static int remove_operands(const struct request *request, char **operands, int count)
{
    int status = STATUS_OK;
    for (int i = 0; i < count; i++) {
        struct error error;
        char *path = find_trace(operands[i], &error);
        int one = path ? remove_trace(request, path) : command_complain(operands[i], &error);
        status = one ? one : status;
        free(path);
    }
    return status;
}

static bool parse(struct request *request, struct options *options, int argc, char **argv)
{
    int id;
    while ((id = options_next(options, argc, argv)) != OPTIONS_END) {
        if (id == OPTIONS_BAD)
            return false;
        request->is_all |= id == 'a';
        request->is_dry |= id == 'n';
        request->is_forced |= id == 'f';
        request->is_help |= id == 'h';
    }
    if (request->is_help)
        return true;
    bool has_operands = options->next < argc;
    if (!has_operands && !request->is_all)
        return command_misuse("which traces? (or --all)") == STATUS_OK;
    return !(has_operands && request->is_all) ||
           command_misuse("either --all or names") == STATUS_OK;
}

static int run(int argc, char **argv)
{
    struct options options = {
        .rows = rows, .count = sizeof rows / sizeof *rows, .complaints = stderr};
    struct request request = {0};
    if (!parse(&request, &options, argc, argv))
        return STATUS_USAGE;
    if (request.is_help) {
        command_print_help(stdout, &command_rm);
        return command_flush(STATUS_OK);
    }
    int status = request.is_all
                     ? remove_all(&request)
                     : remove_operands(&request, argv + options.next, argc - options.next);
    return command_flush(status);
}

const struct command command_rm = {
    .name = "rm",
    .operands = "[OPTIONS] TRACE...",
    .summary = "Remove traces, and nothing that is none.",
    .options = rows,
    .option_count = sizeof rows / sizeof *rows,
    .run = run,
};
