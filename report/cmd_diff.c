/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_diff.c -- memtrace diff: what has changed between two moments, or two traces. */
#include "command.h"
#include "diff_json.h"
#include "diff_summary.h"
#include "diff_table.h"
#include "diff_times.h"
#include "find.h"
#include "growth.h"
#include "moment.h"
#include "slowdown.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    LIMIT_DEFAULT = 10,
    GROWTH_LINES_MAX = 10
};

enum {
    OPTION_CUMULATIVE = OPTION_LONG,
    OPTION_ALL,
    OPTION_ALL_FRAMES,
    OPTION_COLOR,
    OPTION_CPU,
    OPTION_EXCLUDE,
    OPTION_FAIL_ABOVE,
    OPTION_FILTER,
    OPTION_FORMAT,
    OPTION_JSON,
    OPTION_SUPPRESSIONS,
    OPTION_SYSTEM,
    OPTION_TRACEBACK,
    OPTION_WALL
};

static const struct option_row rows[] = {
    {'g', "group-by", "KIND", "line (default), function, file, module, traceback"},
    {'s', "measure", "MEASURE", "live (default), peak, total, count"},
    {'n', "limit", "N", "show N of them; 0: all (default: 10, for scripts all)"},
    {OPTION_ALL, "all", NULL, "show all of them"},
    {OPTION_CPU, "cpu", NULL,
     "of CPU time what became slower or faster, by function, and whether samples can tell"},
    {OPTION_WALL, "wall", NULL, "the same of wall-clock time"},
    {OPTION_TRACEBACK, "traceback", NULL, "with each the call stack that changed most, and source"},
    {OPTION_CUMULATIVE, "cumulative", NULL, "charge every line of a stack, each once"},
    {OPTION_FILTER, "filter", "PATTERN", "keep file:, function: or module:PATTERN (bare: file)"},
    {OPTION_EXCLUDE, "exclude", "PATTERN", "drop it"},
    {OPTION_ALL_FRAMES, "all-frames", NULL, "let patterns match any frame, not the charged one"},
    {OPTION_FAIL_ABOVE, "fail-above", "LIMIT",
     "exit 1 if all or any one grew by more than 1M, 10% or 100blocks; of time: became surely "
     "slower by more than 5% or 200ms"},
    {OPTION_SUPPRESSIONS, "suppressions", "FILE",
     "for it: what may grow, as LeakSanitizer's files"},
    {OPTION_SYSTEM, "system", NULL, "charge libc, libstdc++ and allocator wrappers themselves"},
    {OPTION_FORMAT, "format", "FORMAT", "text (default), json, tracemalloc: to the letter"},
    {OPTION_JSON, "json", NULL, "for scripts"},
    {OPTION_COLOR, "color", "WHEN", "auto (default), always, never"},
    {'h', "help", NULL, "this text"},
};

enum format {
    FORMAT_TEXT,
    FORMAT_JSON,
    FORMAT_TRACEMALLOC
};

/* What the command line asks for. */
struct request {
    struct compare_query query;
    struct filters filters;
    const char *fail_above; /* NULL: no limit */
    struct growth_limit growth_limit;
    struct slowdown_limit slowdown_limit;
    const char *suppressions_path;
    const char *operands[SIDE_COUNT]; /* one alone: its start and the moment it names */
    uint64_t limit;
    enum format format;
    enum color_when color;
    bool has_old, has_limit;
    enum times_kind kind;
    bool has_group_by, is_time;
    bool is_system, with_traceback, is_help;
};

/* Two traces, or two moments of one. */
struct diff {
    const struct request *request;
    struct filters filters; /* the request's, and the suppressions */
    struct suppressions suppressions;
    char *paths[SIDE_COUNT];
    struct moment moments[SIDE_COUNT];
    struct trace traces[SIDE_COUNT];  /* of one trace: the old one borrows all but its counters */
    struct stacks stacks[SIDE_COUNT]; /* of one trace only the new one's are there */
    struct sites sites[SIDE_COUNT];
    struct comparison comparison;
    struct growth growth;
    struct slowdown slowdown;
    struct sources sources;
    bool is_one_trace;
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

static bool parse_format(const char *text, enum format *ret_format)
{
    static const char *const words[] = {"text", "json", "tracemalloc"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, words[i]) != 0)
            continue;
        *ret_format = (enum format)i;
        return true;
    }
    return false;
}

static bool take_flag(struct request *request, int id)
{
    switch (id) {
    case OPTION_CUMULATIVE:
        return request->query.is_cumulative = true;
    case OPTION_ALL:
        request->limit = 0;
        return request->has_limit = true;
    case OPTION_ALL_FRAMES:
        return request->filters.is_all_frames = true;
    case OPTION_TRACEBACK:
        return request->with_traceback = true;
    case OPTION_SYSTEM:
        return request->is_system = true;
    case OPTION_CPU:
    case OPTION_WALL:
        request->kind = id == OPTION_CPU ? TIMES_CPU : TIMES_WALL;
        return request->is_time = true;
    case OPTION_JSON:
        request->format = FORMAT_JSON;
        return true;
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
        request->has_group_by = is_ok;
        break;
    case 's':
        is_ok = label_to_measure(value, &request->query.measure) &&
                request->query.measure != MEASURE_TEMPORARY;
        break;
    case 'n':
        is_ok = request->has_limit = text_to_number(value, UINT32_MAX, &request->limit);
        break;
    case OPTION_FILTER:
    case OPTION_EXCLUDE:
        return take_filter(request, value, id == OPTION_EXCLUDE);
    case OPTION_FAIL_ABOVE:
        request->fail_above = value;
        break;
    case OPTION_SUPPRESSIONS:
        request->suppressions_path = value;
        is_ok = *value != 0;
        break;
    case OPTION_FORMAT:
        is_ok = parse_format(value, &request->format);
        break;
    case OPTION_COLOR:
        is_ok = terminal_parse_color(value, &request->color);
        break;
    default:
        return take_flag(request, id);
    }
    if (!is_ok)
        command_bad_value(&command_diff, id, value);
    return is_ok;
}

/* Time has one measure, and names and words of its own. */
static bool complete_time_request(struct request *request)
{
    struct compare_query *query = &request->query;
    if (query->measure != MEASURE_LIVE || request->with_traceback || request->suppressions_path ||
        request->format == FORMAT_TRACEMALLOC)
        return command_misuse("--cpu and --wall are of time: no measure, --traceback, "
                              "--suppressions or tracemalloc") == STATUS_OK;
    query->measure = MEASURE_TOTAL;
    if (!request->has_group_by)
        query->group_by = GROUP_BY_FUNCTION;
    return true;
}

/* What is too much of time is said in other words than of memory. */
static bool read_limit(struct request *request)
{
    const char *text = request->fail_above;
    bool is_ok = !text || (request->is_time ? slowdown_limit_parse(&request->slowdown_limit, text)
                                            : growth_limit_parse(&request->growth_limit, text));
    if (!is_ok)
        command_misuse("bad value: %s (see memtrace help diff)", text);
    return is_ok;
}

static bool check_request(struct request *request)
{
    struct compare_query *query = &request->query;
    if (!read_limit(request) || (request->is_time && !complete_time_request(request)))
        return false;
    enum group_by group_by = query->group_by;
    query->is_tracemalloc = request->filters.is_tracemalloc = request->format == FORMAT_TRACEMALLOC;
    if (query->is_cumulative && group_by == GROUP_BY_TRACEBACK)
        return command_misuse("--cumulative makes no sense with --group-by=traceback") == STATUS_OK;
    if (query->is_tracemalloc && (group_by == GROUP_BY_FUNCTION || group_by == GROUP_BY_MODULE))
        return command_misuse("tracemalloc does not know --group-by=%s",
                              label_group_by(group_by)) == STATUS_OK;
    if (query->is_tracemalloc && query->measure != MEASURE_LIVE)
        return command_misuse("tracemalloc knows only what is live") == STATUS_OK;
    if (request->suppressions_path && !request->fail_above)
        return command_misuse("suppressions are for a limit: --fail-above") == STATUS_OK;
    if (!request->has_limit)
        request->limit = request->format == FORMAT_TEXT ? LIMIT_DEFAULT : 0;
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
    int count = argc - options.next;
    if (count > SIDE_COUNT) {
        command_misuse("two traces at a time: %s", argv[options.next + 2]);
        return false;
    }
    request->has_old = count == SIDE_COUNT;
    request->operands[SIDE_NEW] = count ? argv[argc - 1] : NULL;
    request->operands[SIDE_OLD] = argv[request->has_old ? options.next : 0];
    return request->is_help || check_request(request);
}

/* --- loading --- */

static bool find_side(struct diff *diff, uint32_t side, struct error *error)
{
    char *trace = NULL;
    if (!moment_divide(&diff->moments[side], diff->request->operands[side], &trace, error))
        return false;
    diff->paths[side] = find_trace(trace, error);
    free(trace);
    return diff->paths[side];
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat left;
    struct stat right;
    return stat(a, &left) == 0 && stat(b, &right) == 0 && left.st_dev == right.st_dev &&
           left.st_ino == right.st_ino;
}

/* Without an old one, the start of the new one is meant. */
static bool find_sides(struct diff *diff, struct error *error)
{
    if (!find_side(diff, SIDE_NEW, error))
        return false;
    if (diff->request->has_old) {
        if (!find_side(diff, SIDE_OLD, error))
            return false;
        diff->is_one_trace = is_same_file(diff->paths[SIDE_OLD], diff->paths[SIDE_NEW]);
        return true;
    }
    diff->is_one_trace = true;
    diff->moments[SIDE_OLD].kind = MOMENT_START;
    diff->paths[SIDE_OLD] = strdup(diff->paths[SIDE_NEW]);
    return diff->paths[SIDE_OLD] || error_out_of_memory(error);
}

/* Of a running program one reading serves both, so that they belong together. */
static bool borrow_trace(struct diff *diff, struct error *error)
{
    const struct trace *whole = &diff->traces[SIDE_NEW];
    struct trace *borrowed = &diff->traces[SIDE_OLD];
    *borrowed = *whole;
    borrowed->counters = calloc((size_t)whole->owner_count + 1, sizeof *whole->counters);
    if (!borrowed->counters)
        return error_out_of_memory(error);
    memcpy(borrowed->counters, whole->counters, whole->owner_count * sizeof *whole->counters);
    return true;
}

static bool open_traces(struct diff *diff, struct error *error)
{
    if (!trace_open(&diff->traces[SIDE_NEW], diff->paths[SIDE_NEW], error))
        return false;
    if (diff->is_one_trace)
        return borrow_trace(diff, error);
    if (!trace_open(&diff->traces[SIDE_OLD], diff->paths[SIDE_OLD], error))
        return false;
    trace_share_root(&diff->traces[SIDE_OLD], &diff->traces[SIDE_NEW]);
    return true;
}

static void close_traces(struct diff *diff)
{
    if (diff->is_one_trace)
        free(diff->traces[SIDE_OLD].counters);
    else
        trace_close(&diff->traces[SIDE_OLD]);
    trace_close(&diff->traces[SIDE_NEW]);
}

static bool rewind_side(struct diff *diff, uint32_t side, struct error *error)
{
    return moment_rewind(&diff->moments[side], &diff->traces[side], error);
}

/* Which of the two failed: its name for the complaint. */
static const char *load(struct diff *diff, struct error *error)
{
    const struct request *request = diff->request;
    const char *newest = request->operands[SIDE_NEW] ? request->operands[SIDE_NEW] : "diff";
    if (!find_sides(diff, error))
        return diff->paths[SIDE_NEW] && request->has_old ? request->operands[SIDE_OLD] : newest;
    if (!open_traces(diff, error))
        return diff->traces[SIDE_NEW].nodes ? diff->paths[SIDE_OLD] : diff->paths[SIDE_NEW];
    for (uint32_t side = 0; side < SIDE_COUNT; side++)
        if (!rewind_side(diff, side, error))
            return diff->paths[side];
    return NULL;
}

/* The old one first: of one trace, call sites are shared. */
static const char *show_times(struct diff *diff, struct error *error)
{
    enum times_kind kind = diff->request->kind;
    for (uint32_t side = 0; side < SIDE_COUNT; side++) {
        if (!times_are_there(&diff->traces[SIDE_NEW - side], kind) && !diff->is_one_trace) {
            error_set(error, "it has no samples of that time");
            return diff->paths[SIDE_NEW - side];
        }
        if (kind == TIMES_WALL &&
            (diff->is_one_trace || !trace_knows_all(&diff->traces[SIDE_NEW - side]))) {
            error_set(error, "wall-clock time is known of the end only");
            return diff->paths[SIDE_NEW - side];
        }
        times_show(&diff->traces[SIDE_NEW - side], kind);
    }
    return NULL;
}

/* Of an earlier moment less is known than of the end. */
static bool is_known(const struct diff *diff)
{
    enum measure measure = diff->request->query.measure;
    for (uint32_t side = 0; side < SIDE_COUNT; side++) {
        const struct trace *trace = &diff->traces[side];
        if (measure != MEASURE_LIVE && !trace_knows_totals(trace))
            return command_misuse("of the peak only what was live is known") == STATUS_OK;
        if (measure == MEASURE_PEAK && !trace_knows_all(trace))
            return command_misuse("--measure=peak is known of the end only") == STATUS_OK;
    }
    return true;
}

/* --- the work --- */

/* What grows is judged by them; who only looks is shown everything. */
static bool load_suppressions(struct diff *diff, struct error *error)
{
    diff->filters = diff->request->filters;
    if (!diff->request->fail_above || diff->request->is_time)
        return true;
    if (!suppressions_init(&diff->suppressions, diff->request->suppressions_path, error))
        return false;
    if (diff->suppressions.count)
        diff->filters.suppressions = &diff->suppressions;
    return true;
}

static bool count_suppressed(const struct diff *diff, struct error *error)
{
    return filters_count_suppressed(&diff->filters, &diff->stacks[SIDE_NEW]) ||
           error_out_of_memory(error);
}

static bool init_limit(struct diff *diff, struct error *error)
{
    const struct request *request = diff->request;
    return request->is_time
               ? slowdown_init(&diff->slowdown, &diff->comparison, &request->slowdown_limit, error)
               : growth_init(&diff->growth, &diff->comparison, &request->growth_limit, error);
}

static bool compute(struct diff *diff, struct error *error)
{
    const struct request *request = diff->request;
    struct compare_side sides[SIDE_COUNT];
    struct compare_query query = request->query;
    query.filters = &diff->filters;
    for (uint32_t side = SIDE_COUNT; side-- > 0;) {
        bool is_shared = diff->is_one_trace && side == SIDE_OLD;
        if (!is_shared &&
            !stacks_init(&diff->stacks[side], &diff->traces[side], request->is_system, error))
            return false;
        if (!sites_init(&diff->sites[side], &diff->traces[side]))
            return error_out_of_memory(error);
        sides[side] =
            (struct compare_side){&diff->stacks[is_shared ? SIDE_NEW : side], &diff->sites[side]};
    }
    return comparison_init(&diff->comparison, &sides[SIDE_OLD], &sides[SIDE_NEW], &query, error) &&
           (!request->fail_above || init_limit(diff, error)) && count_suppressed(diff, error);
}

static void finish(struct diff *diff)
{
    growth_finish(&diff->growth);
    slowdown_finish(&diff->slowdown);
    suppressions_finish(&diff->suppressions);
    sources_finish(&diff->sources);
    comparison_finish(&diff->comparison);
    for (uint32_t side = 0; side < SIDE_COUNT; side++) {
        sites_finish(&diff->sites[side]);
        stacks_finish(&diff->stacks[side]);
        moment_finish(&diff->moments[side]);
        free(diff->paths[side]);
    }
    close_traces(diff);
}

/* --- text --- */

/* As a shell takes it. */
static void print_operand(const char *operand)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./@:+,%=";
    const char *quote = !operand[strspn(operand, plain)] ? "" : strchr(operand, '\'') ? "\"" : "'";
    printf(" %s", quote);
    text_write(stdout, operand);
    fputs(quote, stdout);
}

static void print_next(const struct diff *diff)
{
    const struct request *request = diff->request;
    bool is_by_line = request->query.group_by == GROUP_BY_LINE;
    if (!diff->comparison.changed_count)
        return;
    fputs("\n  next: memtrace diff ", stdout);
    fputs(diff->comparison.naming.is_changed && is_by_line ? "-g function"
          : request->with_traceback                        ? "-g function"
                                                           : "--traceback -n 3",
          stdout);
    if (request->has_old)
        print_operand(request->operands[SIDE_OLD]);
    if (request->operands[SIDE_NEW])
        print_operand(request->operands[SIDE_NEW]);
    putchar('\n');
}

static void print_text(struct diff *diff)
{
    static const char *const nouns[] = {"lines", "functions", "files", "modules", "call stacks"};
    static const char *const measures[] = {"what is live", "what was live at the peak",
                                           "bytes allocated", "allocations"};
    const struct request *request = diff->request;
    const struct comparison *comparison = &diff->comparison;
    const struct style style = terminal_style(stdout, request->color);
    const struct diff_about about = {
        {diff->paths[0], diff->paths[1]}, {&diff->traces[0], &diff->traces[1]}, diff->is_one_trace};
    const struct table table = {.out = stdout,
                                .style = style,
                                .sources = &diff->sources,
                                .limit = request->limit,
                                .with_traceback = request->with_traceback ||
                                                  request->query.group_by == GROUP_BY_TRACEBACK};
    diff_summary_write_head(stdout, comparison, &about, &style);
    printf("\n%s by change of %s%s:\n", nouns[request->query.group_by],
           measures[request->query.measure],
           request->query.is_cumulative ? ", callers included" : "");
    uint64_t written = diff_table_write(&table, comparison);
    if (!comparison->count)
        puts("nothing");
    diff_summary_write_rest(stdout, comparison, written);
    diff_summary_write_modules(stdout, comparison, written, &style);
    if (diff->filters.suppressions)
        suppressions_write(stdout, diff->filters.suppressions);
    putchar('\n');
    diff_summary_write_answer(stdout, comparison, &style);
    print_next(diff);
}

static void print_tracemalloc(struct diff *diff)
{
    const struct table table = {.out = stdout,
                                .style = terminal_style(stdout, COLOR_NEVER),
                                .sources = &diff->sources,
                                .limit = diff->request->limit,
                                .with_traceback = diff->request->with_traceback};
    diff_table_write_tracemalloc(&table, &diff->comparison, false);
}

static void print_json(struct diff *diff)
{
    const struct diff_json about = {{diff->paths[0], diff->paths[1]},
                                    {&diff->traces[0], &diff->traces[1]},
                                    diff->request->fail_above ? &diff->growth : NULL,
                                    diff->request->limit};
    diff_json_write(stdout, &diff->comparison, &about);
}

/* One line says that it failed, and one for each cause. */
static void complain_of_growth(const struct diff *diff)
{
    const struct growth *growth = &diff->growth;
    enum growth_unit unit = growth->limit.unit;
    fprintf(stderr, "memtrace: grew by more than %s: %s in all\n",
            growth_text(unit, growth->limit.number, false).text,
            growth_text(unit, growth->total, true).text);
    for (uint32_t i = 0; i < growth->item_count && i < GROWTH_LINES_MAX; i++) {
        const struct difference *item = &diff->comparison.items[growth->items[i]];
        char *label = diff_label(&diff->comparison, item, LABEL_SHORT);
        fputs("memtrace:   ", stderr);
        text_write(stderr, label ? label : "?");
        fprintf(stderr, ": %s, %+" PRId64 " blocks\n",
                text_size_change((double)item->size_diff).text, item->count_diff);
        free(label);
    }
    if (growth->item_count > GROWTH_LINES_MAX)
        fprintf(stderr, "memtrace:   and %" PRIu32 " more\n",
                growth->item_count - GROWTH_LINES_MAX);
    if (growth->item_count && diff->comparison.naming.is_changed &&
        diff->request->query.group_by == GROUP_BY_LINE)
        fputs("memtrace: builds differ, and lines move when a source changes: --group-by=function "
              "compares what does not\n",
              stderr);
}

static void complain_of_change(const struct time_change *change, const char *name)
{
    fputs("memtrace:   ", stderr);
    text_write(stderr, name);
    fprintf(stderr, ": %+.3f s ± %.3f, from %.3f to %.3f s\n",
            (double)(change->new.time_ns - change->old.time_ns) / 1e9, change->error_ns / 1e9,
            (double)change->old.time_ns / 1e9, (double)change->new.time_ns / 1e9);
}

static void complain_of_slowdown(const struct diff *diff)
{
    const struct slowdown *slowdown = &diff->slowdown;
    fprintf(stderr, "memtrace: became slower by more than %s:\n",
            slowdown_limit_text(&slowdown->limit).text);
    if (slowdown->is_whole_failed)
        complain_of_change(&slowdown->whole, "all");
    for (uint32_t i = 0; i < slowdown->item_count && i < GROWTH_LINES_MAX; i++) {
        const struct difference *item = &diff->comparison.items[slowdown->items[i]];
        struct time_change change = diff_times_change(&diff->comparison, item);
        char *name = diff_times_name(&diff->comparison, item, LABEL_SHORT);
        complain_of_change(&change, name ? name : "?");
        free(name);
    }
    if (slowdown->item_count > GROWTH_LINES_MAX)
        fprintf(stderr, "memtrace:   and %" PRIu32 " more\n",
                slowdown->item_count - GROWTH_LINES_MAX);
}

static int print_times(struct diff *diff)
{
    const char *const paths[SIDE_COUNT] = {diff->paths[SIDE_OLD], diff->paths[SIDE_NEW]};
    const struct request *request = diff->request;
    const struct table table = {
        .out = stdout, .style = terminal_style(stdout, request->color), .limit = request->limit};
    if (request->format == FORMAT_JSON)
        diff_times_write_json(stdout, &diff->comparison, paths, request->limit,
                              request->fail_above ? &diff->slowdown : NULL);
    else
        diff_times_write(&table, &diff->comparison, paths);
    int status = command_flush(STATUS_OK);
    if (diff->slowdown.is_failed)
        complain_of_slowdown(diff);
    return diff->slowdown.is_failed ? STATUS_BAD_INPUT : status;
}

static int print(struct diff *diff)
{
    if (diff->request->is_time)
        return print_times(diff);
    if (diff->request->format == FORMAT_JSON)
        print_json(diff);
    else if (diff->request->format == FORMAT_TRACEMALLOC)
        print_tracemalloc(diff);
    else
        print_text(diff);
    int status = command_flush(STATUS_OK);
    if (diff->growth.is_failed)
        complain_of_growth(diff);
    return diff->growth.is_failed ? STATUS_BAD_INPUT : status;
}

static int diff_traces(const struct request *request)
{
    struct diff diff = {.request = request};
    struct error error;
    int status = STATUS_USAGE;
    if (!load_suppressions(&diff, &error))
        return command_complain("suppressions", &error);
    const char *failed = load(&diff, &error);
    if (!failed && request->is_time)
        failed = show_times(&diff, &error);
    if (failed)
        status = command_complain(failed, &error);
    else if (is_known(&diff))
        status =
            compute(&diff, &error) ? print(&diff) : command_complain(diff.paths[SIDE_NEW], &error);
    finish(&diff);
    return status;
}

static int run(int argc, char **argv)
{
    struct request request = {0};
    int status = STATUS_USAGE;
    if (parse(&request, argc, argv)) {
        if (request.is_help)
            command_print_help(stdout, &command_diff);
        status = request.is_help ? command_flush(STATUS_OK) : diff_traces(&request);
    }
    filters_finish(&request.filters);
    return status;
}

const struct command command_diff = {
    .name = "diff",
    .operands = "[OPTIONS] [OLD[@MOMENT]] [NEW[@MOMENT]]",
    .summary = "What has changed between two traces or moments. With one: since its start.",
    .options = rows,
    .option_count = sizeof rows / sizeof *rows,
    .print_more = command_print_moments,
    .run = run,
};
