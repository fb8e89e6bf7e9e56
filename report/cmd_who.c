/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_who.c -- memtrace who: who allocated the block that an address is in. */
#include "command.h"
#include "find.h"
#include "process.h"
#include "text.h"
#include "who.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OPTION_SYSTEM = OPTION_LONG,
    OPTION_JSON,
    OPTION_COLOR
};

/* More than a peak that is read a moment too early can be wrong by. */
#define REACH_MARGIN_BYTES (UINT64_C(1) << 30)

static const struct option_row rows[] = {
    {OPTION_SYSTEM, "system", NULL, "show frames of libc, libstdc++ and allocator wrappers too"},
    {OPTION_JSON, "json", NULL, "for scripts"},
    {OPTION_COLOR, "color", "WHEN", "auto (default), always, never"},
    {'h', "help", NULL, "this text"},
};

struct request {
    const char *operand; /* the process, or its trace */
    uint64_t *addresses;
    size_t count;
    enum color_when color;
    bool is_system, is_json, is_help;
};

/* A process that is asked. */
struct inquiry {
    const struct request *request;
    char *path;
    uint32_t pid;
    struct trace trace;
    struct stacks stacks;
    struct who *answers;
};

/* --- the command line --- */

static bool take_option(struct request *request, int id, const char *value)
{
    if (id == OPTION_COLOR && !terminal_parse_color(value, &request->color)) {
        command_bad_value(&command_who, id, value);
        return false;
    }
    request->is_system = request->is_system || id == OPTION_SYSTEM;
    request->is_json = request->is_json || id == OPTION_JSON;
    request->is_help = request->is_help || id == 'h';
    return true;
}

/* As %p prints them, with or without 0x. */
static bool parse_address(const char *text, uint64_t *ret_address)
{
    const char *digits = text_starts_with(text, "0x") ? text + 2 : text;
    size_t length = strlen(digits);
    if (!length || length > 16 || strspn(digits, "0123456789abcdefABCDEF") != length)
        return false;
    *ret_address = strtoull(digits, NULL, 16);
    return true;
}

static bool take_addresses(struct request *request, char *const *texts, size_t count)
{
    request->addresses = calloc(count + 1, sizeof *request->addresses);
    for (size_t i = 0; request->addresses && i < count; i++)
        if (!parse_address(texts[i], &request->addresses[request->count++])) {
            command_misuse("not an address: %s", texts[i]);
            return false;
        }
    return request->addresses != NULL;
}

static bool parse(struct request *request, int argc, char **argv)
{
    struct options options = {
        .rows = rows, .count = sizeof rows / sizeof *rows, .complaints = stderr};
    int id;
    while ((id = options_next(&options, argc, argv)) != OPTIONS_END)
        if (id == OPTIONS_BAD || !take_option(request, id, options.value))
            return false;
    if (request->is_help)
        return true;
    if (argc - options.next < 2) {
        command_misuse("a process and an address are wanted (see memtrace help who)");
        return false;
    }
    request->operand = argv[options.next];
    return take_addresses(request, argv + options.next + 1, (size_t)(argc - options.next - 1));
}

/* --- the work --- */

/* The process whose table it is: also a forked child that has no trace of its own yet. */
static bool find_process(struct inquiry *inquiry, struct trace_header *ret_header,
                         struct error *error)
{
    struct trace trace;
    uint64_t pid;
    inquiry->path = find_trace(inquiry->request->operand, error);
    if (!inquiry->path || !trace_open_header(&trace, inquiry->path, error))
        return false;
    *ret_header = trace.header;
    bool is_running = trace.is_running;
    trace_close(&trace);
    inquiry->pid = ret_header->pid;
    if (text_to_number(inquiry->request->operand, INT32_MAX, &pid))
        inquiry->pid = (uint32_t)pid;
    else if (!is_running)
        return error_set(error, "does not run any more: only a running program can be asked");
    return ret_header->live_map_address ||
           error_set(error, "the recorder keeps no table of live blocks");
}

/* No block is larger than all of them were at the peak. */
static uint64_t reach_of(const struct inquiry *inquiry, const struct trace_header *header)
{
    bool is_known = header->pid == inquiry->pid && !header->sample_bytes && header->peak_bytes >= 0;
    return is_known ? (uint64_t)header->peak_bytes + REACH_MARGIN_BYTES : UINT64_MAX;
}

static bool ask_table(struct inquiry *inquiry, const struct live_table *table,
                      const struct pool_table *pools, struct error *error)
{
    const struct request *request = inquiry->request;
    inquiry->answers = calloc(request->count + 1, sizeof *inquiry->answers);
    if (!inquiry->answers)
        return error_out_of_memory(error);
    for (size_t i = 0; i < request->count; i++)
        if (!who_find(&inquiry->answers[i], table, pools, request->addresses[i], error))
            return false;
    return true;
}

/* The table first: the call sites that it names are in the trace by then. */
static bool ask(struct inquiry *inquiry, struct error *error)
{
    struct trace_header header;
    if (!find_process(inquiry, &header, error))
        return false;
    struct live_table table = {.memory_fd = process_open_memory(inquiry->pid, error),
                               .map_address = header.live_map_address,
                               .reach_bytes = reach_of(inquiry, &header)};
    if (table.memory_fd < 0)
        return false;
    struct pool_table pools = {.memory_fd = table.memory_fd, .address = header.pool_table_address};
    bool is_ok = ask_table(inquiry, &table, &pools, error);
    close(table.memory_fd);
    if (!is_ok || !trace_open(&inquiry->trace, inquiry->path, error))
        return false;
    for (size_t i = 0; i < inquiry->request->count; i++)
        who_explain(&inquiry->answers[i], &inquiry->trace);
    return stacks_init(&inquiry->stacks, &inquiry->trace, inquiry->request->is_system, error);
}

static void print_json(const struct inquiry *inquiry)
{
    struct json json = json_begin(stdout);
    json_open_array(&json);
    for (size_t i = 0; i < inquiry->request->count; i++)
        who_write_json(&json, &inquiry->answers[i], &inquiry->stacks);
    json_close_array(&json);
    json_end(&json);
}

static void print_text(const struct inquiry *inquiry)
{
    struct sources sources = {0};
    const struct table table = {.out = stdout,
                                .style = terminal_style(stdout, inquiry->request->color),
                                .sources = &sources};
    for (size_t i = 0; i < inquiry->request->count; i++)
        who_write(&table, &inquiry->answers[i], &inquiry->stacks);
    if (inquiry->trace.header.sample_bytes)
        puts("note: sampled: blocks that are no samples are not known");
    sources_finish(&sources);
}

static int who(const struct request *request)
{
    struct inquiry inquiry = {.request = request};
    struct error error;
    int status = STATUS_OK;
    if (!ask(&inquiry, &error))
        status = command_complain(request->operand, &error);
    else if (request->is_json)
        print_json(&inquiry);
    else
        print_text(&inquiry);
    stacks_finish(&inquiry.stacks);
    trace_close(&inquiry.trace);
    free(inquiry.answers);
    free(inquiry.path);
    return command_flush(status);
}

static int run(int argc, char **argv)
{
    struct request request = {0};
    int status = STATUS_USAGE;
    if (parse(&request, argc, argv)) {
        if (request.is_help)
            command_print_help(stdout, &command_who);
        status = request.is_help ? command_flush(STATUS_OK) : who(&request);
    }
    free(request.addresses);
    return status;
}

const struct command command_who = {
    .name = "who",
    .operands = "[OPTIONS] PID ADDRESS…",
    .summary = "Who allocated the block that an address of a running program is in.",
    .options = rows,
    .option_count = sizeof rows / sizeof *rows,
    .run = run,
};
