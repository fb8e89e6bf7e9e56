/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_list.c -- memtrace list: the traces here, newest first. */
#include "command.h"
#include "find.h"
#include "json.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    OPTION_JSON = OPTION_LONG
};

static const struct option_row rows[] = {
    {OPTION_JSON, "json", NULL, "for scripts"},
    {'h', "help", NULL, "this text"},
};

static void print_json(const struct trace_list *list)
{
    struct json json = json_begin(stdout);
    json_open_array(&json);
    for (size_t i = 0; i < list->count; i++) {
        const struct trace_entry *entry = &list->entries[i];
        json_open_object(&json);
        json_member_string(&json, "path", entry->path);
        json_member_string(&json, "program", entry->program);
        json_member_unsigned(&json, "pid", entry->pid);
        json_member_bool(&json, "running", entry->is_running);
        json_member_unsigned(&json, "start_time_ns", entry->start_realtime_ns);
        if (entry->is_snapshot)
            json_member_unsigned(&json, "snapshot_time_ns", entry->snapshot_realtime_ns);
        json_member_unsigned(&json, "size_bytes", entry->size_bytes);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_end(&json);
}

static const char *state(const struct trace_entry *entry)
{
    return entry->is_running ? "running" : entry->is_snapshot ? "snapshot" : "";
}

static void print_text(const struct trace_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct trace_entry *entry = &list->entries[i];
        char start[32] = "?";
        struct tm local;
        uint64_t time_ns =
            entry->is_snapshot ? entry->snapshot_realtime_ns : entry->start_realtime_ns;
        time_t seconds = (time_t)(time_ns / 1000000000);
        if (localtime_r(&seconds, &local))
            strftime(start, sizeof start, "%Y-%m-%d %H:%M:%S", &local);
        printf("%s  %9s  %-8s  ", start, text_size((double)entry->size_bytes).text, state(entry));
        text_write(stdout, entry->path);
        fputs("  ", stdout);
        text_write(stdout, entry->program);
        printf(" (pid %" PRIu32 ")\n", entry->pid);
    }
}

static int list_directory(const char *directory, bool is_json)
{
    struct trace_list list;
    struct error error;
    if (!trace_list_init(&list, directory, false, 0, &error))
        return command_complain(directory, &error);
    if (is_json)
        print_json(&list);
    else
        print_text(&list);
    if (!is_json && list.count == 0)
        fputs("memtrace: no traces here\n", stderr);
    trace_list_finish(&list);
    return command_flush(STATUS_OK);
}

static int run(int argc, char **argv)
{
    struct options options = {
        .rows = rows, .count = sizeof rows / sizeof *rows, .complaints = stderr};
    bool is_json = false;
    int id;
    while ((id = options_next(&options, argc, argv)) != OPTIONS_END) {
        if (id == OPTIONS_BAD)
            return STATUS_USAGE;
        if (id == 'h') {
            command_print_help(stdout, &command_list);
            return command_flush(STATUS_OK);
        }
        is_json = true;
    }
    if (argc - options.next > 1)
        return command_misuse("one directory at a time: %s", argv[options.next + 1]);
    return list_directory(options.next < argc ? argv[options.next] : ".", is_json);
}

const struct command command_list = {
    .name = "list",
    .operands = "[--json] [DIRECTORY]",
    .summary = "The traces here, newest first.",
    .options = rows,
    .option_count = sizeof rows / sizeof *rows,
    .run = run,
};
