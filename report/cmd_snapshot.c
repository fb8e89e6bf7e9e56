/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_snapshot.c -- memtrace snapshot: keeps what a running program has live at this moment.
 *
 * The program takes no part in it: its trace is read, and nothing else is done to it. */
#include "command.h"
#include "find.h"
#include "moment.h"
#include "snapshot.h"
#include "statistics.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_DEFAULT_NS UINT64_C(1000000000)

enum {
    OPTION_EVERY = OPTION_LONG,
    OPTION_COUNT
};

static const struct option_row rows[] = {
    {'o', "output", "FILE", "the snapshot, or a directory for it"},
    {OPTION_EVERY, "every", "TIME", "one every 10s, 500ms, 5m, … until the program ends"},
    {OPTION_COUNT, "count", "N", "so many of them (default: one; every second)"},
    {'h', "help", NULL, "this text"},
};

struct request {
    const char *operand; /* NULL: the newest trace here */
    const char *output;
    uint64_t interval_ns; /* 0: not given */
    uint64_t count;       /* 0: not given */
    bool is_help;
};

/* What snapshots are taken of. */
struct source {
    const struct request *request;
    struct moment moment;
    char *path;
    int fd;
};

/* --- the command line --- */

static bool take_option(struct request *request, int id, const char *value)
{
    bool is_ok = true;
    if (id == 'o') {
        request->output = value;
        is_ok = *value != 0;
    } else if (id == OPTION_EVERY) {
        is_ok = text_to_duration(value, &request->interval_ns) && request->interval_ns;
    } else if (id == OPTION_COUNT) {
        is_ok = text_to_number(value, UINT32_MAX, &request->count) && request->count;
    } else {
        request->is_help = true;
    }
    if (!is_ok)
        command_bad_value(&command_snapshot, id, value);
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

static bool is_series(const struct request *request)
{
    return request->interval_ns || request->count > 1;
}

/* --- the work --- */

static void print(const struct snapshot *snapshot, const struct trace *trace)
{
    uint32_t site_count;
    struct figures total = trace_total(trace, &site_count);
    const struct snapshot_moment *moment = &trace->sections.moment;
    text_write(stdout, snapshot->path);
    printf("  %s: %s live in %" PRId64 " blocks", text_size((double)snapshot->size_bytes).text,
           text_size((double)total.live_bytes).text, total.live_count);
    if (moment->moved_sites)
        printf(", %" PRIu32 " of %" PRIu32 " call sites up to %s later", moment->moved_sites,
               site_count, text_duration(moment->spread_ns).text);
    putchar('\n');
}

static bool keep(const struct trace *trace, const char *output, uint64_t number,
                 struct error *error)
{
    struct snapshot snapshot;
    if (!snapshot_write(&snapshot, trace, output, number, error))
        return false;
    print(&snapshot, trace);
    snapshot_finish(&snapshot);
    return true;
}

/* is_over: the program has ended; what it left is its trace then, and no one of a series. */
static bool take_one(const struct source *source, uint64_t number, bool *ret_is_over,
                     struct error *error)
{
    struct trace trace;
    if (!trace_read(&trace, source->fd, error))
        return false;
    *ret_is_over = !trace.is_running;
    bool is_ok =
        (*ret_is_over && number > 1) || (moment_rewind(&source->moment, &trace, error) &&
                                         keep(&trace, source->request->output, number, error));
    trace_close(&trace);
    return is_ok;
}

static void sleep_until(const struct timespec *due)
{
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, due, NULL) == EINTR)
        ;
}

/* The next multiple of the interval that has not passed yet. */
static void advance(struct timespec *due, uint64_t interval_ns)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t due_ns = (uint64_t)due->tv_sec * 1000000000 + (uint64_t)due->tv_nsec;
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    due_ns += interval_ns;
    if (due_ns < now_ns)
        due_ns += (now_ns - due_ns + interval_ns - 1) / interval_ns * interval_ns;
    due->tv_sec = (time_t)(due_ns / 1000000000);
    due->tv_nsec = (long)(due_ns % 1000000000);
}

static bool take_all(const struct source *source, struct error *error)
{
    struct timespec due;
    const struct request *request = source->request;
    uint64_t interval_ns = request->interval_ns ? request->interval_ns : INTERVAL_DEFAULT_NS;
    uint64_t count = request->count ? request->count : request->interval_ns ? UINT64_MAX : 1;
    bool is_over = false;
    clock_gettime(CLOCK_MONOTONIC, &due);
    for (uint64_t i = 1; i <= count && !is_over; i++) {
        if (i > 1) {
            advance(&due, interval_ns);
            sleep_until(&due);
        }
        if (!take_one(source, is_series(request) ? i : 0, &is_over, error))
            return false;
        fflush(stdout);
    }
    return true;
}

static bool take(struct source *source, struct error *error)
{
    source->fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (source->fd < 0)
        return error_set(error, "%s", strerror(errno));
    bool is_ok = take_all(source, error);
    close(source->fd);
    return is_ok;
}

static int snapshot(const struct request *request)
{
    struct source source = {.request = request};
    struct error error;
    char *trace = NULL;
    int status = STATUS_OK;
    bool is_ok = moment_divide(&source.moment, request->operand, &trace, &error);
    source.path = is_ok ? find_trace(trace, &error) : NULL;
    if (!source.path || !take(&source, &error)) {
        const char *subject = source.path ? source.path : request->operand;
        status = command_complain(subject ? subject : "snapshot", &error);
    }
    moment_finish(&source.moment);
    free(source.path);
    free(trace);
    return command_flush(status);
}

static int run(int argc, char **argv)
{
    struct request request = {0};
    if (!parse(&request, argc, argv))
        return STATUS_USAGE;
    if (!request.is_help)
        return snapshot(&request);
    command_print_help(stdout, &command_snapshot);
    return command_flush(STATUS_OK);
}

const struct command command_snapshot = {
    .name = "snapshot",
    .operands = "[OPTIONS] [PID|TRACE][@MOMENT]",
    .summary = "Keep what a running program has live at this moment, from outside, in a file.",
    .options = rows,
    .option_count = sizeof rows / sizeof *rows,
    .run = run,
};
