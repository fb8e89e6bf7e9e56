/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_run.c -- memtrace run: runs a program under the recorder and prints the answer.
 *
 * The program keeps its stdin, stdout, exit status and signals; what we say goes to stderr. */
#include "child.h"
#include "command.h"
#include "find.h"
#include "library.h"
#include "recorder_value.h"
#include "stacks.h"
#include "statistics.h"
#include "summary.h"
#include "target.h"
#include "text.h"
#include "trace.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* As env, nohup and timeout have them. */
enum {
    STATUS_OWN_FAILURE = 125,
    STATUS_NOT_EXECUTABLE = 126,
    STATUS_NOT_FOUND = 127
};

/* Options of the recorder: each is passed on as MEMTRACE_<NAME>. */
enum {
    OPTION_DEPTH = OPTION_LONG,
    OPTION_SAMPLE_BYTES,
    OPTION_FOLLOW_FORK,
    OPTION_HISTORY_INTERVAL,
    OPTION_HISTORY_BYTES,
    OPTION_SNAPSHOT,
    OPTION_THREAD,
    RECORDER_OPTIONS_END,
    OPTION_COLOR = RECORDER_OPTIONS_END
};

static const struct option_row rows[] = {
    {'o', "output", "FILE", "the trace; %p pid, %n program, %h host (default: %n.%p.memtrace)"},
    {OPTION_DEPTH, "depth", "N", "frames kept per call stack, up to 4096 (default: 256)"},
    {OPTION_SAMPLE_BYTES, "sample-bytes", "N", "record about one allocation in N bytes (0: all)"},
    {OPTION_FOLLOW_FORK, "follow-fork", "0|1", "record forked children too (default: 1)"},
    {OPTION_HISTORY_INTERVAL, "history-interval", "TIME",
     "note what every call site has done so often, 0: never (default: 1s)"},
    {OPTION_HISTORY_BYTES, "history-bytes", "SIZE", "room for that in the trace (default: 64M)"},
    {OPTION_SNAPSHOT, "snapshot", "WHEN",
     "take snapshots: every=10m,signal=USR2,live=500M,live+20%,rss=1G,max=64"},
    {OPTION_THREAD, "thread", "0|1", "0: no thread of ours, so none of the three (default: 1)"},
    {'q', "quiet", NULL, "record, but print no answer"},
    {OPTION_COLOR, "color", "WHEN", "auto (default), always, never"},
    {'h', "help", NULL, "this text"},
};

enum {
    ROW_COUNT = sizeof rows / sizeof *rows,
    RECORDER_OPTION_COUNT = RECORDER_OPTIONS_END - OPTION_LONG
};

struct request {
    const char *output;                          /* template, NULL: the default */
    const char *recorder[RECORDER_OPTION_COUNT]; /* values by id, NULL: not given */
    enum color_when color;
    bool is_quiet, is_help;
    char **argv; /* the program's */
};

/* What the child's environment gets. */
struct setting {
    const struct request *request;
    char *library; /* NULL: do not record */
    char *output;  /* absolute template */
};

/* --- the command line --- */

static bool is_good_value(int id, const char *value)
{
    switch (id) {
    case OPTION_DEPTH:
        return recorder_value_is_number(value, 1, 4096);
    case OPTION_SAMPLE_BYTES:
        return recorder_value_is_number(value, 0, UINT64_C(1) << 40);
    case OPTION_HISTORY_INTERVAL:
        return recorder_value_is_duration(value, 86400 * UINT64_C(1000000000));
    case OPTION_HISTORY_BYTES:
        return recorder_value_is_size(value, UINT64_C(1) << 30);
    case OPTION_SNAPSHOT:
        return recorder_value_is_snapshot_list(value);
    default:
        return recorder_value_is_number(value, 0, 1);
    }
}

static bool take_option(struct request *request, int id, const char *value)
{
    bool is_ok = true;
    if (id >= OPTION_LONG && id < RECORDER_OPTIONS_END) {
        request->recorder[id - OPTION_LONG] = value;
        is_ok = is_good_value(id, value);
    } else if (id == 'o') {
        request->output = value;
        is_ok = *value != 0;
    } else if (id == OPTION_COLOR) {
        is_ok = terminal_parse_color(value, &request->color);
    } else if (id == 'q') {
        request->is_quiet = true;
    } else {
        request->is_help = true;
    }
    if (!is_ok)
        command_misuse("bad value: %s (see memtrace help run)", value);
    return is_ok;
}

static bool parse(struct request *request, int argc, char **argv)
{
    struct options options = {
        .rows = rows, .count = ROW_COUNT, .complaints = stderr, .stops_at_operand = true};
    int id;
    while ((id = options_next(&options, argc, argv)) != OPTIONS_END)
        if (id == OPTIONS_BAD || !take_option(request, id, options.value))
            return false;
    request->argv = argv + options.next;
    if (!*request->argv && !request->is_help) {
        command_misuse("which program? (see memtrace help run)");
        return false;
    }
    return true;
}

/* --- the environment --- */

/* Programs change directories: the template is made absolute, a % in our directory doubled. */
static char *absolute_template(const char *template)
{
    char directory[PATH_MAX];
    char *text = NULL;
    size_t text_bytes = 0;
    if (template[0] == '/' || !getcwd(directory, sizeof directory))
        return strdup(template);
    FILE *out = open_memstream(&text, &text_bytes);
    if (!out)
        return NULL;
    for (const char *c = directory; *c; c++)
        fprintf(out, *c == '%' ? "%%%%" : "%c", *c);
    fprintf(out, "%s%s", directory[1] ? "/" : "", template);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* --sample-bytes is MEMTRACE_SAMPLE_BYTES. */
static void variable_of(const struct option_row *row, char *buffer, size_t buffer_bytes)
{
    size_t used = (size_t)snprintf(buffer, buffer_bytes, "MEMTRACE_");
    for (const char *c = row->name; *c && used + 1 < buffer_bytes; c++)
        buffer[used++] = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    buffer[used] = 0;
}

static bool is_recorder_option(const struct option_row *row)
{
    return row->id >= OPTION_LONG && row->id < RECORDER_OPTIONS_END;
}

static bool is_variable(const char *variable, const char *name)
{
    size_t length = strlen(name);
    return strncmp(variable, name, length) == 0 && variable[length] == '=';
}

static bool is_known_variable(const char *variable)
{
    static const char *const known[] = {
        "MEMTRACE_OUTPUT",           "MEMTRACE_DISABLE",      "MEMTRACE_WARNED",
        "MEMTRACE_THREAD",           "MEMTRACE_SNAPSHOT",     "MEMTRACE_HISTORY_BYTES",
        "MEMTRACE_HISTORY_INTERVAL", "MEMTRACE_SUPPRESSIONS", NULL};
    for (const char *const *name = known; *name; name++)
        if (is_variable(variable, *name))
            return true;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char name[64];
        variable_of(&rows[i], name, sizeof name);
        if (is_recorder_option(&rows[i]) && is_variable(variable, name))
            return true;
    }
    return false;
}

/* Once here, instead of once in every process of the program. */
static void warn_of_unknown_variables(void)
{
    for (char **variable = environ; *variable; variable++) {
        if (!text_starts_with(*variable, "MEMTRACE_") || is_known_variable(*variable))
            continue;
        fputs("memtrace: unknown option in the environment, ignored: ", stderr);
        text_write(stderr, *variable);
        fputc('\n', stderr);
        setenv("MEMTRACE_WARNED", "1", 1);
        return;
    }
}

/* Ours comes first, so that what others preload is next in line. */
static void preload(const char *library)
{
    const char *others = getenv("LD_PRELOAD");
    char *value = NULL;
    if (!others || !*others)
        setenv("LD_PRELOAD", library, 1);
    else if (asprintf(&value, "%s:%s", library, others) > 0)
        setenv("LD_PRELOAD", value, 1);
    free(value);
}

static void prepare(void *context)
{
    const struct setting *setting = context;
    const struct request *request = setting->request;
    if (!setting->library)
        return;
    preload(setting->library);
    setenv("MEMTRACE_OUTPUT", setting->output, 1);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char name[64];
        if (!is_recorder_option(&rows[i]) || !request->recorder[rows[i].id - OPTION_LONG])
            continue;
        variable_of(&rows[i], name, sizeof name);
        setenv(name, request->recorder[rows[i].id - OPTION_LONG], 1);
    }
}

/* --- its traces --- */

/* The traces that a run left. */
struct harvest {
    struct trace_list list;
    const struct trace_entry *own;    /* the last program the child became */
    const struct trace_entry *before; /* one that it was before an exec, NULL if none */
    size_t child_count;               /* traces of its descendants */
};

/* The directory of the template with its letters filled in. */
static char *output_directory(const char *template, const struct child *child)
{
    char host[256] = "";
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *out = open_memstream(&text, &text_bytes);
    const char *end = strrchr(template, '/');
    if (!out)
        return NULL;
    gethostname(host, sizeof host - 1);
    for (const char *c = template; c < end; c++) {
        if (*c != '%' || c + 1 == end) {
            fputc(*c, out);
            continue;
        }
        switch (*++c) {
        case 'p':
            fprintf(out, "%ld", (long)child->pid);
            break;
        case 'n':
            fputs(text_basename(child->argv[0]), out);
            break;
        case 'h':
            fputs(host, out);
            break;
        default:
            fputc(*c, out);
        }
    }
    if (end == template)
        fputc('/', out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static bool is_descendant(const struct harvest *harvest, const bool *is_known, pid_t pid,
                          uint32_t parent_pid)
{
    if (parent_pid == (uint32_t)pid)
        return true;
    for (size_t i = 0; i < harvest->list.count; i++)
        if (is_known[i] && harvest->list.entries[i].pid == parent_pid)
            return true;
    return false;
}

/* Traces of children, of their children, and so on; others may be at work in the same directory. */
static size_t count_descendants(const struct harvest *harvest, pid_t pid, uint64_t since_ns)
{
    bool *is_known = calloc(harvest->list.count + 1, sizeof *is_known);
    size_t count = 0;
    size_t before;
    do {
        before = count;
        for (size_t i = 0; is_known && i < harvest->list.count; i++) {
            const struct trace_entry *entry = &harvest->list.entries[i];
            if (is_known[i] || entry->pid == (uint32_t)pid || entry->start_time_ns < since_ns ||
                entry->is_snapshot || !is_descendant(harvest, is_known, pid, entry->parent_pid))
                continue;
            is_known[i] = true;
            count++;
        }
    } while (count != before);
    free(is_known);
    return count;
}

static bool harvest_init(struct harvest *harvest, const struct setting *setting,
                         const struct child *child, uint64_t since_ns, struct error *error)
{
    *harvest = (struct harvest){0};
    char *directory = output_directory(setting->output, child);
    bool any_name = setting->request->output || getenv("MEMTRACE_OUTPUT");
    time_t since_s = time(NULL) - (time_t)(child->run_time_ns / 1000000000) - 3;
    bool is_ok = directory ? trace_list_init(&harvest->list, directory, any_name, since_s, error)
                           : error_out_of_memory(error);
    free(directory);
    for (size_t i = 0; is_ok && i < harvest->list.count; i++) {
        const struct trace_entry *entry = &harvest->list.entries[i];
        if (entry->pid != (uint32_t)child->pid || entry->start_time_ns < since_ns ||
            entry->is_snapshot)
            continue;
        if (!harvest->own || entry->start_time_ns > harvest->own->start_time_ns) {
            harvest->before = harvest->own;
            harvest->own = entry;
        } else if (!harvest->before) {
            harvest->before = entry;
        }
    }
    if (is_ok)
        harvest->child_count = count_descendants(harvest, child->pid, since_ns);
    return is_ok;
}

/* --- the answer --- */

static void print_end(const struct child *child)
{
    fputs("memtrace: ", stderr);
    text_write(stderr, child->argv[0]);
    if (WIFSIGNALED(child->status))
        fprintf(stderr, " was killed by signal %d (%s)", WTERMSIG(child->status),
                strsignal(WTERMSIG(child->status)));
    else
        fprintf(stderr, " exited %d", WEXITSTATUS(child->status));
    fprintf(stderr, " after %s\n", text_duration(child->run_time_ns).text);
}

static bool print_figures(const char *path, const struct style *style, struct error *error)
{
    struct trace trace;
    struct stacks stacks = {0};
    struct statistics statistics = {0};
    struct filters filters = {0};
    const struct statistics_query query = {
        .group_by = GROUP_BY_LINE, .measure = MEASURE_PEAK, .filters = &filters};
    if (!trace_open(&trace, path, error))
        return false;
    bool is_ok = stacks_init(&stacks, &trace, false, error) &&
                 statistics_init(&statistics, &stacks, &query, error);
    if (is_ok) {
        const char *live_word = trace.is_running ? "now" : "at exit";
        summary_write_totals(stderr, &trace, live_word);
        fputc('\n', stderr);
        summary_write_lines(stderr, &statistics, style, live_word);
        summary_write_reasons(stderr, &trace, "  ", style);
        summary_write_modules(stderr, &statistics, 3, "  ", style);
    }
    statistics_finish(&statistics);
    stacks_finish(&stacks);
    trace_close(&trace);
    return is_ok;
}

static void print_next(const struct harvest *harvest)
{
    const char *path = text_short_path(harvest->own->path);
    bool is_newest_here =
        !strchr(path, '/') && strstr(path, ".memtrace") && harvest->own == harvest->list.entries;
    fputs("\n  trace: ", stderr);
    text_write(stderr, path);
    fprintf(stderr, " (%s)", text_size((double)harvest->own->size_bytes).text);
    fputs("     next: memtrace report ", stderr);
    if (!is_newest_here) {
        text_write(stderr, path);
        fputc(' ', stderr);
    }
    fputs("· --leaks · --lines FILE\n", stderr);
    if (harvest->before) {
        fputs("  before it became another program: ", stderr);
        text_write(stderr, text_short_path(harvest->before->path));
        fputc('\n', stderr);
    }
    if (harvest->child_count)
        fprintf(stderr, "  and %zu %s of child processes: memtrace list\n", harvest->child_count,
                harvest->child_count == 1 ? "trace" : "traces");
}

static void print_answer(const struct setting *setting, const struct child *child,
                         uint64_t since_ns)
{
    struct harvest harvest;
    struct error error;
    const struct style style = terminal_style(stderr, setting->request->color);
    bool is_ok = harvest_init(&harvest, setting, child, since_ns, &error);
    print_end(child);
    if (!is_ok) {
        command_complain(setting->output, &error);
    } else if (!harvest.own) {
        fputs("memtrace: no trace was left: nothing was recorded\n", stderr);
    } else if (!print_figures(harvest.own->path, &style, &error)) {
        command_complain(harvest.own->path, &error);
    } else {
        print_next(&harvest);
    }
    trace_list_finish(&harvest.list);
}

/* --- running --- */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int explain_failure(const char *name, int reason)
{
    struct error error;
    bool is_missing = reason == ENOENT || reason == ENOTDIR;
    error_set(&error, "%s", reason == ENOENT ? "not found" : strerror(reason));
    command_complain(name, &error);
    return is_missing ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}

static void explain_target(const char *name, const struct target *target)
{
    struct error error;
    if (!target->note[0])
        return;
    error_set(&error, "%.230s", target->note);
    command_complain(name, &error);
}

static int run_child(const struct setting *setting, const char *path, bool is_elf)
{
    struct child child = {.argv = setting->request->argv,
                          .prepare = prepare,
                          .context = (void *)setting,
                          .is_elf = is_elf};
    struct error error;
    uint64_t since_ns = now_ns();
    if (!child_run(&child, path)) {
        error_set(&error, "cannot start a process: %s", strerror(errno));
        command_complain(child.argv[0], &error);
        return STATUS_OWN_FAILURE;
    }
    if (child.exec_errno) {
        error_set(&error, "%s",
                  child.exec_errno == ENOENT ? "its interpreter is missing"
                                             : strerror(child.exec_errno));
        command_complain(child.argv[0], &error);
        return STATUS_NOT_EXECUTABLE;
    }
    if (setting->library && !setting->request->is_quiet)
        print_answer(setting, &child, since_ns);
    return child_end_alike(&child);
}

static int run_target(const struct request *request, const char *path)
{
    struct setting setting = {.request = request};
    struct target target;
    struct error error;
    const char *template = request->output ? request->output : getenv("MEMTRACE_OUTPUT");
    target_inspect(&target, path);
    explain_target(request->argv[0], &target);
    warn_of_unknown_variables();
    setting.output = absolute_template(template && *template ? template : "%n.%p.memtrace");
    setting.library = target.can_preload ? library_find(&error) : NULL;
    int status = STATUS_OWN_FAILURE;
    if (target.can_preload && !setting.library)
        command_complain("run", &error);
    else if (setting.output)
        status = run_child(&setting, path, target.is_elf);
    free(setting.library);
    free(setting.output);
    return status;
}

static int run(int argc, char **argv)
{
    struct request request = {0};
    if (!parse(&request, argc, argv))
        return STATUS_USAGE;
    if (request.is_help) {
        command_print_help(stdout, &command_run);
        return command_flush(STATUS_OK);
    }
    char *found = target_search(request.argv[0]);
    if (!found)
        return explain_failure(request.argv[0], errno);
    char *path = NULL;
    if (strchr(found, '/'))
        path = strdup(found);
    free(found);
    int status = path ? run_target(&request, path) : STATUS_OWN_FAILURE;
    free(path);
    return status;
}

const struct command command_run = {
    .name = "run",
    .operands = "[OPTIONS] [--] PROGRAM [ARGUMENTS]",
    .summary = "Run a program, record every allocation, print where they come from.",
    .options = rows,
    .option_count = ROW_COUNT,
    .run = run,
};
