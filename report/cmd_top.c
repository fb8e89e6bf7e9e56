/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_top.c -- memtrace top: where the memory of a running program is, as it changes. */
#include "command.h"
#include "find.h"
#include "harvest.h"
#include "label.h"
#include "process.h"
#include "screen.h"
#include "summary.h"
#include "terminal.h"
#include "text.h"
#include "top_keys.h"
#include "top_live.h"
#include "top_pages.h"
#include "top_program.h"
#include "top_view.h"

#include <inttypes.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    OPTION_INTERVAL = OPTION_LONG,
    OPTION_ONCE,
    OPTION_FILTER,
    OPTION_PROGRAM_OUTPUT,
    OPTION_COLOR
};

/* Until there is a trace. */
#define FIRST_INTERVAL_NS UINT64_C(20000000)

static const struct option_row rows[] = {
    {'g', "group-by", "KIND", "line (default), function, file, module, traceback, thread"},
    {'s', "sort", "COLUMN",
     "live (default), growth, growth-rate, alloc-rate, byte-rate, blocks, peak, count, total, cpu, "
     "cpu-time"},
    {'n', "limit", "N", "lines at most, 0: all (default: all that fit; with --once 10)"},
    {OPTION_FILTER, "filter", "WORD", "lines with this word, or a pattern as report has them"},
    {OPTION_INTERVAL, "interval", "SECONDS", "between two readings (default: 1)"},
    {OPTION_ONCE, "once", NULL, "print one table, after one interval, and end"},
    {'o', "output", "FILE", "with a program: its trace (default: %n.%p.memtrace)"},
    {OPTION_PROGRAM_OUTPUT, "program-output", "FILE",
     "what a program writes (default: PROGRAM.PID.output)"},
    {OPTION_COLOR, "color", "WHEN", "auto (default), always, never"},
    {'h', "help", NULL, "this text"},
};

struct request {
    const char *operand;
    char **argv; /* of the program to be run, or NULL */
    const char *filter;
    const char *output;
    const char *program_output;
    enum group_by group_by;
    enum top_sort sort;
    enum color_when color;
    uint64_t limit;
    uint64_t interval_ns;
    bool has_limit, is_once, is_help;
};

/* Everything that is open. */
struct top {
    const struct request *request;
    struct top_live *live; /* NULL: there is no trace yet */
    struct top_view view;
    struct top_status status;
    struct top_program program;
    struct grid grid;
    struct screen *screen;
    uint64_t next_ns;   /* of the next reading */
    bool has_program;   /* that we started */
    int signal;         /* that ends us, or 0 */
    size_t child_count; /* traces of the program's children */
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* --- the command line --- */

static bool parse_interval(const char *text, uint64_t *ret_ns)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end || !(seconds >= 0) || seconds > 86400)
        return false;
    *ret_ns = (uint64_t)(seconds * 1e9);
    return true;
}

static bool take_option(struct request *request, int id, const char *value)
{
    switch (id) {
    case 'g':
        return label_to_group_by(value, &request->group_by);
    case 's':
        return top_sort_parse(value, &request->sort);
    case 'n':
        request->has_limit = true;
        return text_to_number(value, UINT32_MAX, &request->limit);
    case OPTION_FILTER:
        request->filter = value;
        return strlen(value) < TOP_FILTER_BYTES;
    case OPTION_INTERVAL:
        return parse_interval(value, &request->interval_ns);
    case OPTION_ONCE:
        return request->is_once = true;
    case 'o':
        request->output = value;
        return *value;
    case OPTION_PROGRAM_OUTPUT:
        request->program_output = value;
        return *value;
    case OPTION_COLOR:
        return terminal_parse_color(value, &request->color);
    default:
        return request->is_help = true;
    }
}

/* What follows "--" is a program. */
static int find_program(struct request *request, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") != 0)
            continue;
        request->argv = argv + i + 1;
        return i;
    }
    return argc;
}

static bool check(const struct request *request, int operand_count)
{
    bool has_program = request->argv && *request->argv;
    if (request->argv && !has_program)
        command_misuse("which program? (see memtrace help top)");
    else if (operand_count > 1)
        command_misuse("more than one trace (see memtrace help top)");
    else if (operand_count && has_program)
        command_misuse("either a trace or a program (see memtrace help top)");
    else if ((request->output || request->program_output) && !has_program)
        command_misuse("--output and --program-output are for programs that top runs");
    else if (request->is_once && has_program)
        command_misuse("--once shows a program that runs already (see memtrace help top)");
    else if (!request->interval_ns && !request->is_once)
        command_bad_value(&command_top, OPTION_INTERVAL, "0");
    else
        return true;
    return false;
}

static bool parse(struct request *request, int argc, char **argv)
{
    struct options options = {
        .rows = rows, .count = sizeof rows / sizeof *rows, .complaints = stderr};
    int id;
    argc = find_program(request, argc, argv);
    while ((id = options_next(&options, argc, argv)) != OPTIONS_END) {
        if (id == OPTIONS_BAD)
            return false;
        if (!take_option(request, id, options.value)) {
            command_bad_value(&command_top, id, options.value);
            return false;
        }
    }
    if (options.next < argc)
        request->operand = argv[options.next];
    return request->is_help || check(request, argc - options.next);
}

/* --- a trace --- */

/* Shows the trace at path, which is freed, instead of the one before; on failure that stays. */
static bool open_trace(struct top *top, char *path, struct error *error)
{
    const struct request *request = top->request;
    const struct top_model *before = top->live ? &top->live->model : NULL;
    struct top_live *live =
        path ? top_live_open(path, request->is_once ? 0 : request->interval_ns, error) : NULL;
    if (!live)
        return false;
    top_model_sort(&live->model, before ? before->sort : request->sort);
    const char *filter = request->filter ? request->filter : "";
    if (!top_model_group(&live->model, before ? before->group_by : request->group_by) ||
        !top_model_filter(&live->model, before ? before->filter.text : filter)) {
        top_live_close(live);
        return error_out_of_memory(error);
    }
    top_live_close(top->live);
    top->live = live;
    top->view.is_row_chosen = false;
    top_view_open(&top->view, TOP_TABLE);
    return true;
}

static void finish(struct top *top)
{
    top_live_close(top->live);
    top_view_finish(&top->view);
    grid_finish(&top->grid);
    if (top->has_program)
        top_program_finish(&top->program);
}

static void describe(struct top *top)
{
    if (top->live)
        top_live_describe(top->live, &top->status);
    top->status.interval_ns = top->request->is_once ? 0 : top->request->interval_ns;
    top->status.output_path = top->has_program ? top->program.output_path : NULL;
}

/* --- once --- */

static void wait_interval(uint64_t interval_ns)
{
    struct timespec left = {(time_t)(interval_ns / 1000000000), (long)(interval_ns % 1000000000)};
    while (nanosleep(&left, &left) != 0)
        ;
}

static bool read_twice(struct top *top, struct error *error)
{
    if (!top->live->is_final && top->request->interval_ns) {
        wait_interval(top->request->interval_ns);
        if (!top_live_read(top->live, error))
            return false;
    }
    return top_live_find_names(top->live, error);
}

/* As wide as the window, or as COLUMNS says; else as wide as it gets. */
static unsigned print_columns(void)
{
    size_t columns = terminal_style(stdout, COLOR_NEVER).columns;
    uint64_t wanted;
    const char *variable = getenv("COLUMNS");
    if (columns == SIZE_MAX && variable && text_to_number(variable, GRID_COLUMNS_MAX, &wanted) &&
        wanted >= 20)
        columns = wanted;
    return columns < GRID_COLUMNS_MAX ? (unsigned)columns : GRID_COLUMNS_MAX;
}

static bool print_once(struct top *top, struct error *error)
{
    if (!read_twice(top, error))
        return false;
    describe(top);
    if (!grid_init(&top->grid, 1, print_columns(), screen_is_utf8()))
        return error_out_of_memory(error);
    top->view.limit = top->request->has_limit ? top->request->limit : 10;
    top_view_print(stdout, &top->view, &top->live->model, &top->status, &top->grid);
    return true;
}

/* --- the window --- */

static bool fit_grid(struct top *top)
{
    unsigned rows_now, columns_now;
    screen_size(top->screen, &rows_now, &columns_now);
    if (top->grid.rows == rows_now && top->grid.columns == columns_now)
        return true;
    grid_finish(&top->grid);
    return grid_init(&top->grid, rows_now, columns_now, screen_is_utf8());
}

static void draw_waiting(struct top *top)
{
    char text[300];
    snprintf(text, sizeof text, "waiting for %.200s to allocate something; q quits",
             top->has_program ? top->program.child.argv[0] : top->status.program);
    grid_clear(&top->grid);
    grid_put(&top->grid, (struct span){.columns = top->grid.columns},
             top->view.question ? top->view.question : text);
}

static bool draw(struct top *top)
{
    if (!fit_grid(top))
        return false;
    describe(top);
    if (top->live)
        top_view_draw(&top->view, &top->live->model, &top->status, &top->grid);
    else
        draw_waiting(top);
    screen_show(top->screen, &top->grid);
    return true;
}

/* --- reading --- */

/* A program that became another one (exec) goes on in another trace, as soon as there is one; that
 * of the program we started appears with its first allocation. */
static void find_next_trace(struct top *top)
{
    struct error ignored;
    pid_t pid = top->live ? (pid_t)top->live->follow.trace.header.pid : top->program.child.pid;
    char *path = process_find_trace((uint32_t)pid, &ignored);
    if (path)
        open_trace(top, path, &ignored);
}

static bool is_another_awaited(const struct top *top)
{
    return !top->live ||
           (top->live->is_final && top->live->follow.trace.header.state == TRACE_EXECED);
}

/* What cannot be read any more stays as it was. */
static void read_trace(struct top *top)
{
    struct error error;
    if (top->live && (!top_live_read(top->live, &error) || !top_live_ask_names(top->live, &error)))
        snprintf(top->view.message, sizeof top->view.message, "%.190s", error.text);
    if (is_another_awaited(top))
        find_next_trace(top);
}

/* What to wait for when there is nothing to be read. */
static bool is_idle(const struct top *top)
{
    return top->view.is_paused || (top->live && top->live->is_final &&
                                   !top_live_is_naming(top->live) && !is_another_awaited(top));
}

static void read_if_due(struct top *top)
{
    uint64_t now = now_ns();
    if (is_idle(top) || now < top->next_ns)
        return;
    read_trace(top);
    uint64_t interval_ns = top->live ? top->request->interval_ns : FIRST_INTERVAL_NS;
    top->next_ns += interval_ns;
    if (top->next_ns <= now)
        top->next_ns = now + interval_ns;
}

/* --- events --- */

static const char leave_question[] = "The program runs: e ends it, l lets it run on, else back";

static bool is_program_running(const struct top *top)
{
    return top->has_program && !top->program.has_ended;
}

/* Whether to go on. */
static bool answer(struct top *top, uint32_t key)
{
    top->view.question = NULL;
    if (key == 'e') {
        kill(top->program.child.pid, SIGTERM);
        snprintf(top->view.message, sizeof top->view.message,
                 "asked to end (SIGTERM); q again to leave it alone");
    }
    return key != 'l';
}

static bool press(struct top *top, uint32_t key, struct error *error)
{
    enum top_action action = TOP_DONE;
    if (top->view.question)
        return answer(top, key);
    if (top->live)
        action = top_key(&top->view, &top->live->model, key);
    else if (key == 'q')
        action = TOP_QUIT;
    if (action == TOP_OUT_OF_MEMORY)
        return error_out_of_memory(error);
    if (action == TOP_PAUSE)
        top->next_ns = now_ns();
    if (action != TOP_QUIT)
        return true;
    if (is_program_running(top))
        top->view.question = leave_question;
    return top->view.question != NULL;
}

/* What ends us was meant for the program as well. */
static bool take_signal(struct top *top, int number)
{
    top->signal = number;
    if (is_program_running(top))
        kill(top->program.child.pid, number);
    return false;
}

/* Whether to go on; error->text says why not, if there is a reason to complain. */
static bool take_event(struct top *top, enum screen_event event, uint32_t what, struct error *error)
{
    switch (event) {
    case SCREEN_KEY:
        return press(top, what, error);
    case SCREEN_WOKEN:
        return top_live_take_names(top->live, error);
    case SCREEN_SIGNAL:
        return take_signal(top, (int)what);
    case SCREEN_GONE:
        return take_signal(top, SIGHUP);
    default:
        return true;
    }
}

/* A program that ran for a moment only, or became another one at the last, has a trace all the
 * same. */
static void read_last(struct top *top)
{
    struct harvest harvest;
    struct error error;
    const struct top_program *program = &top->program;
    bool any_name = top->request->output || getenv("MEMTRACE_OUTPUT");
    if (!harvest_init(&harvest, program->trace_output, any_name, &program->child, &error))
        return;
    const char *path = harvest.own ? harvest.own->path : NULL;
    if (path && top->live && strcmp(path, top->live->path) == 0)
        top_live_read(top->live, &error);
    else if (path)
        open_trace(top, strdup(path), &error);
    top->child_count = harvest.child_count;
    harvest_finish(&harvest);
}

static void watch(struct top *top, struct error *error)
{
    bool goes_on = true;
    top->next_ns = now_ns();
    while (goes_on) {
        uint32_t what = 0;
        if (top->has_program && top_program_has_ended(&top->program)) {
            read_last(top);
            return;
        }
        read_if_due(top);
        if (!draw(top)) {
            error_out_of_memory(error);
            return;
        }
        uint64_t until_ns = is_idle(top) ? UINT64_MAX : top->next_ns;
        enum screen_event event =
            screen_wait(top->screen, until_ns, top->live ? top_live_fd(top->live) : -1, &what);
        goes_on = take_event(top, event, what, error);
    }
}

/* --- all together --- */

static bool wants_color(const struct request *request)
{
    return *terminal_style(stdout, request->color).plain;
}

/* UTF-8 if the locale says so, even one that is not installed here. */
static void choose_locale(void)
{
    const char *variables[] = {getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG")};
    if (setlocale(LC_CTYPE, ""))
        return;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        if (!variables[i] || !*variables[i])
            continue;
        if (strcasestr(variables[i], "utf-8") || strcasestr(variables[i], "utf8"))
            setlocale(LC_CTYPE, "C.UTF-8");
        return;
    }
}

/* As the signal would have ended us had we not taken it. */
static int end_by_signal(int number)
{
    sigset_t set;
    signal(number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(number);
    return 128 + number;
}

static int show(struct top *top)
{
    struct error error = {.text = ""};
    top->view.limit = top->request->limit;
    top->screen = screen_open(wants_color(top->request), &error);
    if (!top->screen)
        return command_complain("top", &error);
    watch(top, &error);
    screen_close(top->screen);
    return error.text[0] ? command_complain("top", &error) : STATUS_OK;
}

/* A program instead of a trace is an easy slip. */
static int complain_of(const char *subject, struct error *error)
{
    struct stat status;
    size_t used = strlen(error->text);
    if (stat(subject, &status) == 0 && S_ISREG(status.st_mode) && access(subject, X_OK) == 0) {
        snprintf(error->text + used, sizeof error->text - used,
                 ": a program is run by memtrace top -- PROGRAM");
        error->offset = ERROR_NO_OFFSET;
    }
    return command_complain(subject, error);
}

static int show_trace(struct top *top)
{
    const struct request *request = top->request;
    struct error error;
    if (!request->is_once && !screen_check(&error))
        return command_misuse("%s (--once prints one table)", error.text);
    char *path = find_trace(request->operand, &error);
    if (!path)
        return command_complain(request->operand ? request->operand : "top", &error);
    char *subject = strdup(path);
    bool is_ok = open_trace(top, path, &error) && (!request->is_once || print_once(top, &error));
    int status = is_ok ? STATUS_OK : complain_of(subject ? subject : "top", &error);
    free(subject);
    if (!is_ok)
        return status;
    return request->is_once ? command_flush(status) : show(top);
}

/* --- a program of our own --- */

static void say_where(const char *what, const char *path)
{
    fprintf(stderr, "  %s: ", what);
    text_write(stderr, text_short_path(path));
    fputc('\n', stderr);
}

/* The end of text from so many lines before it on. */
static char *last_lines(char *text, int count)
{
    char *at = text + strlen(text);
    if (at > text && at[-1] == '\n')
        *--at = 0;
    while (at > text && (at[-1] != '\n' || --count))
        at--;
    return at;
}

/* Of a program that failed they tell why. */
static void print_last_output(const struct top_program *program)
{
    char *text = program->child.status ? top_read_end(program->output_path) : NULL;
    char *rest = text ? last_lines(text, 5) : NULL;
    for (char *line; (line = strsep(&rest, "\n"));) {
        fputs("    ", stderr);
        text_write(stderr, line);
        fputc('\n', stderr);
    }
    free(text);
}

/* The same answer as run's. */
static void print_answer(struct top *top)
{
    const struct style style = terminal_style(stderr, top->request->color);
    struct error error;
    if (!top->live) {
        fputs("memtrace: no trace was left: nothing was recorded\n", stderr);
    } else if (!top->live->namer.is_busy &&
               (!top_live_find_names(top->live, &error) ||
                !summary_write(stderr, &top->live->stacks, &style, &error))) {
        command_complain(top->live->path, &error);
    }
}

static void say_how_it_ended(struct top *top)
{
    const struct top_program *program = &top->program;
    char end[128];
    snprintf(end, sizeof end, "runs on: memtrace top %ld", (long)program->child.pid);
    if (program->has_ended)
        child_describe_end(&program->child, end, sizeof end);
    fputs("memtrace: ", stderr);
    text_write(stderr, program->child.argv[0]);
    fprintf(stderr, " %s\n", end);
    if (program->has_ended)
        print_answer(top);
    fputc('\n', stderr);
    if (top->live)
        say_where("trace", top->live->path);
    if (top->child_count)
        fprintf(stderr, "  and %zu %s of child processes: memtrace list\n", top->child_count,
                top->child_count == 1 ? "trace" : "traces");
    if (!program->output_path)
        return;
    say_where("output", program->output_path);
    if (program->has_ended)
        print_last_output(program);
}

static int show_program(struct top *top)
{
    const struct request *request = top->request;
    struct error error;
    if (!screen_check(&error))
        return command_misuse("%s", error.text);
    int status = top_program_start(&top->program, request->argv, request->output,
                                   request->program_output, &error);
    if (status) {
        command_complain(request->argv[0], &error);
        return status;
    }
    top->has_program = true;
    snprintf(top->view.message, sizeof top->view.message, "%.190s", top->program.note);
    status = show(top);
    top_program_tidy(&top->program);
    if (!top->signal)
        say_how_it_ended(top);
    return !status && top->program.has_ended ? child_end_alike(&top->program.child) : status;
}

static int run(int argc, char **argv)
{
    struct request request = {.interval_ns = 1000000000};
    struct top top = {.request = &request};
    if (!parse(&request, argc, argv))
        return STATUS_USAGE;
    if (request.is_help) {
        command_print_help(stdout, &command_top);
        return command_flush(STATUS_OK);
    }
    choose_locale();
    int status = request.argv ? show_program(&top) : show_trace(&top);
    finish(&top);
    return top.signal ? end_by_signal(top.signal) : status;
}

const struct command command_top = {
    .name = "top",
    .operands = "[OPTIONS] [TRACE|PID | -- PROGRAM [ARGUMENTS]]",
    .summary = "Watch a program: its lines by memory, growth and allocation rate.",
    .options = rows,
    .option_count = sizeof rows / sizeof *rows,
    .run = run,
};
