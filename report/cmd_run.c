/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_run.c -- memtrace run: runs a program under the recorder and prints the answer.
 *
 * The program keeps its stdin, stdout, exit status and signals; what we say goes to stderr. */
#include "child.h"
#include "command.h"
#include "gate.h"
#include "harvest.h"
#include "library.h"
#include "recorder.h"
#include "recorder_value.h"
#include "stacks.h"
#include "statistics.h"
#include "summary.h"
#include "target.h"
#include "text.h"
#include "times.h"
#include "trace.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Options of the recorder: each is passed on as MEMTRACE_<NAME>. */
enum {
    OPTION_DEPTH = OPTION_LONG,
    OPTION_SAMPLE_BYTES,
    OPTION_FOLLOW_FORK,
    OPTION_HISTORY_INTERVAL,
    OPTION_HISTORY_BYTES,
    OPTION_RSS_INTERVAL,
    OPTION_PSS_INTERVAL,
    OPTION_SNAPSHOT,
    OPTION_THREAD,
    OPTION_HEAP,
    OPTION_CPU_HZ,
    OPTION_WALL_HZ,
    OPTION_CPU_ENGINE,
    OPTION_CPU_BUDGET,
    RECORDER_OPTIONS_END,
    OPTION_MAX_PEAK = RECORDER_OPTIONS_END,
    OPTION_MAX_LIVE,
    OPTION_MAX_ALLOCS,
    OPTION_SUPPRESSIONS,
    OPTION_CPU,
    OPTION_WALL,
    OPTION_NO_HEAP,
    OPTION_COLOR
};

static const struct option_row rows[] = {
    {'o', "output", "FILE", "the trace; %p pid, %n program, %h host (default: %n.%p.memtrace)"},
    {OPTION_DEPTH, "depth", "N", "frames kept per call stack, up to 4096 (default: 256)"},
    {OPTION_SAMPLE_BYTES, "sample-bytes", "N", "record about one allocation in N bytes (0: all)"},
    {OPTION_FOLLOW_FORK, "follow-fork", "0|1", "record forked children too (default: 1)"},
    {OPTION_HISTORY_INTERVAL, "history-interval", "TIME",
     "note what every call site has done so often, 0: never (default: 1s)"},
    {OPTION_HISTORY_BYTES, "history-bytes", "SIZE", "room for that in the trace (default: 64M)"},
    {OPTION_RSS_INTERVAL, "rss-interval", "TIME",
     "read what the process uses so often, 0: never (default: 100ms)"},
    {OPTION_PSS_INTERVAL, "pss-interval", "TIME",
     "and its PSS and USS, which takes longer (default: 0, never)"},
    {OPTION_SNAPSHOT, "snapshot", "WHEN",
     "take snapshots: every=10m,signal=USR2,live=500M,live+20%,rss=1G,max=64"},
    {OPTION_CPU, "cpu", "[=HZ]",
     "sample the call stacks by CPU time too (default: 997 per second)"},
    {OPTION_CPU_HZ, "cpu-hz", "HZ", "the same, 10 to 10000; 0: do not (default)"},
    {OPTION_WALL, "wall", "[=HZ]",
     "sample where threads wait, too (default: 100 per second); brings --cpu along"},
    {OPTION_WALL_HZ, "wall-hz", "HZ", "the same, 10 to 10000; 0: do not (default)"},
    {OPTION_CPU_ENGINE, "cpu-engine", "NAME",
     "where samples come from: auto (default), perf-ring, perf-signal, tgkill, timer"},
    {OPTION_CPU_BUDGET, "cpu-budget", "PERCENT",
     "sample less often if it takes more of the CPU time (default: 3)"},
    {OPTION_NO_HEAP, "no-heap", NULL, "record no allocations, only time; --cpu if nothing is said"},
    {OPTION_HEAP, "heap", "0|1", "0: the same (default: 1)"},
    {OPTION_THREAD, "thread", "0|1", "0: no thread of ours, so none of these (default: 1)"},
    {OPTION_MAX_PEAK, "max-peak", "SIZE", "fail if more than this is live at once: 64M, …"},
    {OPTION_MAX_LIVE, "max-live", "SIZE", "fail if more is left at the end; 0: any block at all"},
    {OPTION_MAX_ALLOCS, "max-allocs", "N", "fail if there are more allocations"},
    {OPTION_SUPPRESSIONS, "suppressions", "FILE", "what may be left, as LeakSanitizer's files say"},
    {'q', "quiet", NULL, "record, but print no answer"},
    {OPTION_COLOR, "color", "WHEN", "auto (default), always, never"},
    {'h', "help", NULL, "this text"},
};

enum {
    ROW_COUNT = sizeof rows / sizeof *rows,
    RECORDER_OPTION_COUNT = RECORDER_OPTIONS_END - OPTION_LONG
};

#define DEFAULT_CPU_HZ "997" /* a prime: in step with nothing */
#define DEFAULT_WALL_HZ "100"

struct request {
    const char *output;                          /* template, NULL: the default */
    const char *recorder[RECORDER_OPTION_COUNT]; /* values by id, NULL: not given */
    struct gates gates;
    const char *suppressions_path;
    enum color_when color;
    bool is_quiet, is_help;
    char **argv; /* the program's */
};

/* What the child's environment gets. */
struct setting {
    const struct request *request;
    char *library; /* NULL: do not record */
    char *output;  /* absolute template */
    struct gates gates;
    struct suppressions suppressions;
};

/* --- the command line --- */

static bool is_engine(const char *value)
{
    static const char *const names[] = TRACE_ENGINE_NAMES;
    for (int engine = ENGINE_PERF_RING; engine < ENGINE_COUNT; engine++)
        if (strcmp(value, names[engine]) == 0)
            return true;
    return strcmp(value, "auto") == 0;
}

static bool is_good_value(int id, const char *value)
{
    switch (id) {
    case OPTION_DEPTH:
        return recorder_value_is_number(value, 1, 4096);
    case OPTION_SAMPLE_BYTES:
        return recorder_value_is_number(value, 0, UINT64_C(1) << 40);
    case OPTION_HISTORY_INTERVAL:
    case OPTION_RSS_INTERVAL:
    case OPTION_PSS_INTERVAL:
        return recorder_value_is_duration(value, 86400 * UINT64_C(1000000000));
    case OPTION_HISTORY_BYTES:
        return recorder_value_is_size(value, UINT64_C(1) << 30);
    case OPTION_CPU_HZ:
    case OPTION_WALL_HZ:
        return strcmp(value, "0") == 0 || recorder_value_is_number(value, 10, 10000);
    case OPTION_CPU_ENGINE:
        return is_engine(value);
    case OPTION_CPU_BUDGET:
        return recorder_value_is_number(value, 1, 100);
    case OPTION_SNAPSHOT:
        return recorder_value_is_snapshot_list(value);
    default:
        return recorder_value_is_number(value, 0, 1);
    }
}

static bool take_option(struct request *request, int id, const char *value)
{
    bool is_ok = true;
    if (id == OPTION_CPU) {
        id = OPTION_CPU_HZ;
        value = value ? value : DEFAULT_CPU_HZ;
    } else if (id == OPTION_WALL) {
        id = OPTION_WALL_HZ;
        value = value ? value : DEFAULT_WALL_HZ;
    } else if (id == OPTION_NO_HEAP) {
        id = OPTION_HEAP;
        value = "0";
    }
    if (id >= OPTION_LONG && id < RECORDER_OPTIONS_END) {
        request->recorder[id - OPTION_LONG] = value;
        is_ok = is_good_value(id, value);
    } else if (id == 'o') {
        request->output = value;
        is_ok = *value != 0;
    } else if (id >= OPTION_MAX_PEAK && id <= OPTION_MAX_ALLOCS) {
        is_ok =
            gates_set(&request->gates, (enum gate_kind)(GATE_PEAK + id - OPTION_MAX_PEAK), value);
    } else if (id == OPTION_SUPPRESSIONS) {
        request->suppressions_path = value;
        is_ok = *value != 0;
    } else if (id == OPTION_COLOR) {
        is_ok = terminal_parse_color(value, &request->color);
    } else if (id == 'q') {
        request->is_quiet = true;
    } else {
        request->is_help = true;
    }
    if (!is_ok)
        command_bad_value(&command_run, id, value);
    return is_ok;
}

/* Something is to be recorded, and what is not can have no limit. */
static bool complete_without_heap(struct request *request)
{
    const char **cpu_hz = &request->recorder[OPTION_CPU_HZ - OPTION_LONG];
    const char *wall_hz = request->recorder[OPTION_WALL_HZ - OPTION_LONG];
    if (gates_are_set(&request->gates))
        return command_misuse("--no-heap: limits are of the heap") == STATUS_OK;
    if (!*cpu_hz && !wall_hz && !getenv("MEMTRACE_CPU_HZ") && !getenv("MEMTRACE_WALL_HZ"))
        *cpu_hz = DEFAULT_CPU_HZ;
    return true;
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
    const char *heap = request->recorder[OPTION_HEAP - OPTION_LONG];
    if (heap && *heap == '0' && !complete_without_heap(request))
        return false;
    if (request->suppressions_path && !request->gates.is_set[GATE_LIVE]) {
        command_misuse("suppressions are of what is left: --max-live");
        return false;
    }
    return true;
}

/* --- the environment --- */

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

static const char *recorder_option(const struct request *request, int id)
{
    const char *value = request->recorder[id - OPTION_LONG];
    if (value)
        return value;
    return id == OPTION_CPU_ENGINE ? getenv("MEMTRACE_CPU_ENGINE") : getenv("MEMTRACE_CPU_HZ");
}

/* Is perf's clock of a thread to be had? Programs inherit it if not. */
static bool is_perf_refused(void)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
                                   .size = sizeof attr,
                                   .config = PERF_COUNT_SW_TASK_CLOCK,
                                   .exclude_kernel = 1,
                                   .exclude_hv = 1};
    long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd >= 0)
        close((int)fd);
    return fd < 0;
}

/* The same line that the recorder writes, once. */
static void warn_of_refused_engine(const struct request *request)
{
    const char *hz = recorder_option(request, OPTION_CPU_HZ);
    const char *engine = recorder_option(request, OPTION_CPU_ENGINE);
    if (!hz || strcmp(hz, "0") == 0 || !engine || !text_starts_with(engine, "perf-") ||
        !is_engine(engine) || !is_perf_refused())
        return;
    fprintf(stderr, "memtrace: the kernel does not permit the CPU engine %s, tgkill instead\n",
            engine);
    setenv("MEMTRACE_WARNED", "1", 1);
}

static void prepare(void *context)
{
    const struct setting *setting = context;
    const struct request *request = setting->request;
    if (!setting->library)
        return;
    recorder_prepare(setting->library, setting->output);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char name[64];
        if (!is_recorder_option(&rows[i]) || !request->recorder[rows[i].id - OPTION_LONG])
            continue;
        variable_of(&rows[i], name, sizeof name);
        setenv(name, request->recorder[rows[i].id - OPTION_LONG], 1);
    }
}

/* --- the answer --- */

static void print_end(const struct child *child)
{
    char end[128];
    child_describe_end(child, end, sizeof end);
    fputs("memtrace: ", stderr);
    text_write(stderr, child->argv[0]);
    fprintf(stderr, " %s\n", end);
}

/* *ret_more: the options that show more. */
static bool print_figures(const char *path, const struct style *style, const char **ret_more,
                          struct error *error)
{
    struct trace trace;
    struct stacks stacks = {0};
    if (!trace_open(&trace, path, error))
        return false;
    bool is_ok =
        stacks_init(&stacks, &trace, false, error) && summary_write(stderr, &stacks, style, error);
    *ret_more = times_are_there(&trace, TIMES_WALL)  ? " · --cpu · --wall"
                : times_are_there(&trace, TIMES_CPU) ? " · --cpu"
                                                     : "";
    if (trace_is_without_heap(&trace))
        *ret_more = times_are_there(&trace, TIMES_WALL) ? "--cpu · --wall" : "--cpu";
    stacks_finish(&stacks);
    trace_close(&trace);
    return is_ok;
}

static void print_next(const struct harvest *harvest, const char *more)
{
    const char *path = text_short_path(harvest->own->path);
    bool is_newest_here =
        !strchr(path, '/') && strstr(path, ".memtrace") && harvest->own == harvest->list.entries;
    fputs("\n  trace: ", stderr);
    text_write(stderr, path);
    fprintf(stderr, " (%s)", text_size((double)harvest->own->size_bytes).text);
    fputs("     next: memtrace report ", stderr);
    bool is_heap_there = !text_starts_with(more, "--");
    if (!is_newest_here) {
        text_write(stderr, path);
        fputc(' ', stderr);
    }
    fprintf(stderr, "%s%s\n", is_heap_there ? "· --leaks · --lines FILE" : "", more);
    if (harvest->before) {
        fputs("  before it became another program: ", stderr);
        text_write(stderr, text_short_path(harvest->before->path));
        fputc('\n', stderr);
    }
    if (harvest->child_count)
        fprintf(stderr, "  and %zu %s of child processes: memtrace list\n", harvest->child_count,
                harvest->child_count == 1 ? "trace" : "traces");
}

static void print_answer(const struct setting *setting, const struct harvest *harvest)
{
    struct error error;
    const char *more = "";
    const struct style style = terminal_style(stderr, setting->request->color);
    if (!harvest->own)
        fputs("memtrace: no trace was left: nothing was recorded\n", stderr);
    else if (!print_figures(harvest->own->path, &style, &more, &error))
        command_complain(harvest->own->path, &error);
    else
        print_next(harvest, more);
}

/* --- limits --- */

static bool judge(const struct setting *setting, const struct trace_entry *entry, bool is_brief,
                  struct error *error)
{
    struct trace trace;
    struct judgement judgement;
    char *name = NULL;
    const struct style style = terminal_style(stderr, setting->request->color);
    if (!trace_open(&trace, entry->path, error))
        return false;
    bool is_judged = judgement_init(&judgement, &trace, &setting->gates, error);
    bool is_kept = is_judged && !judgement.is_failed;
    if (is_judged) {
        if (asprintf(&name, "%s (pid %" PRIu32 ")", entry->program, entry->pid) < 0)
            name = NULL;
        judgement_write(stderr, &judgement, name ? name : entry->path, is_brief, &style);
        judgement_finish(&judgement);
        free(name);
        error->text[0] = 0; /* what there is to say has been said */
    }
    trace_close(&trace);
    return is_kept;
}

static bool load_limits(struct setting *setting, struct error *error)
{
    const struct request *request = setting->request;
    setting->gates = request->gates;
    if (!request->gates.is_set[GATE_LIVE])
        return true;
    setting->gates.suppressions = &setting->suppressions;
    return suppressions_init(&setting->suppressions, request->suppressions_path, error) &&
           suppressions_add_runtime(&setting->suppressions, error);
}

/* Every process of the run has to keep the limits. */
static bool judge_all(const struct setting *setting, const struct harvest *harvest)
{
    bool is_kept = harvest->own != NULL;
    bool is_brief = setting->request->is_quiet || harvest->child_count;
    if (!is_kept)
        fputs("memtrace: limits cannot be checked: nothing was recorded\n", stderr);
    else if (!setting->request->is_quiet)
        fputc('\n', stderr);
    for (size_t i = 0; i < harvest->list.count; i++) {
        struct error error;
        if (!harvest->is_ours[i] || judge(setting, &harvest->list.entries[i], is_brief, &error))
            continue;
        is_kept = false;
        if (error.text[0])
            command_complain(harvest->list.entries[i].path, &error);
    }
    if (is_kept && harvest->child_count && !setting->request->is_quiet)
        fprintf(stderr, "ok     all %zu processes\n", harvest->child_count + 1);
    if (!is_kept || !setting->request->is_quiet)
        suppressions_write(stderr, &setting->suppressions);
    return is_kept;
}

/* What there is to say once the program has ended. False if it passed a limit. */
static bool conclude(const struct setting *setting, const struct child *child)
{
    struct harvest harvest;
    struct error error;
    bool any_name = setting->request->output || getenv("MEMTRACE_OUTPUT");
    bool is_quiet = setting->request->is_quiet;
    bool is_ok = harvest_init(&harvest, setting->output, any_name, child, &error);
    if (!is_quiet)
        print_end(child);
    if (!is_ok)
        command_complain(setting->output, &error);
    else if (!is_quiet)
        print_answer(setting, &harvest);
    if (gates_are_set(&setting->gates))
        is_ok = is_ok && judge_all(setting, &harvest);
    else
        is_ok = true;
    harvest_finish(&harvest);
    return is_ok;
}

/* --- running --- */

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
    bool is_kept = true;
    if (setting->library && (!setting->request->is_quiet || gates_are_set(&setting->gates))) {
        is_kept = conclude(setting, &child);
    } else if (gates_are_set(&setting->gates)) {
        fputs("memtrace: limits cannot be checked: nothing was recorded\n", stderr);
        is_kept = false;
    }
    int status = child_end_alike(&child);
    return status == 0 && !is_kept ? STATUS_BAD_INPUT : status;
}

static int run_target(const struct request *request, const char *path)
{
    struct setting setting = {.request = request};
    struct target target;
    struct error error;
    if (!load_limits(&setting, &error)) {
        command_complain("suppressions", &error);
        return STATUS_OWN_FAILURE;
    }
    target_inspect(&target, path);
    explain_target(request->argv[0], &target);
    warn_of_unknown_variables();
    warn_of_refused_engine(request);
    setting.output = recorder_output(request->output);
    setting.library = target.can_preload ? library_find(&error) : NULL;
    int status = STATUS_OWN_FAILURE;
    if (target.can_preload && !setting.library)
        command_complain("run", &error);
    else if (setting.output)
        status = run_child(&setting, path, target.is_elf);
    suppressions_finish(&setting.suppressions);
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
