/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_report.c -- memtrace report: who allocated how much. */
#include "annotate.h"
#include "cmd_report_time.h"
#include "command.h"
#include "completeness.h"
#include "diff_table.h"
#include "filter.h"
#include "label.h"
#include "marks.h"
#include "moment.h"
#include "opened.h"
#include "process.h"
#include "report_json.h"
#include "residence.h"
#include "rss_view.h"
#include "statistics.h"
#include "summary.h"
#include "table.h"
#include "text.h"
#include "trace.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LIMIT_DEFAULT = 10,
    LEAVES_MAX = 1 << 18 /* a heap that is spread over 256 GiB */
};

enum {
    OPTION_CUMULATIVE = OPTION_LONG,
    OPTION_FILTER,
    OPTION_FORMAT,
    OPTION_EXCLUDE,
    OPTION_ALL_FRAMES,
    OPTION_CALLEES,
    OPTION_CALLERS,
    OPTION_CPU,
    OPTION_DOMAIN,
    OPTION_LEAKS,
    OPTION_SUPPRESSIONS,
    OPTION_LINES,
    OPTION_MARKS,
    OPTION_RSS,
    OPTION_RESTRICT,
    OPTION_SYSTEM,
    OPTION_JSON,
    OPTION_COLOR,
    OPTION_MEASURE,
    OPTION_WALL
};

static const struct option_row rows[] = {
    {'g', "group-by", "KIND",
     "line (default; of time function), function, file, module, traceback, thread"},
    {'s', "sort", "MEASURE",
     "live (default), peak, total, count, temporary; of time tottime (default), cumulative …"},
    {OPTION_MEASURE, "measure", "MEASURE", "the same"},
    {'n', "limit", "N", "show N of them; 0: all (default: 10, with --json all)"},
    {OPTION_CUMULATIVE, "cumulative", NULL, "charge every line of a stack, each once"},
    {OPTION_FILTER, "filter", "PATTERN", "keep file:, function: or module:PATTERN (bare: file)"},
    {OPTION_EXCLUDE, "exclude", "PATTERN", "drop it"},
    {OPTION_ALL_FRAMES, "all-frames", NULL, "let patterns match any frame, not the charged one"},
    {OPTION_DOMAIN, "domain", "DOMAIN",
     "heap (default), pool: the program's own allocators, mapped"},
    {OPTION_LEAKS, "leaks", NULL, "what is live, with tracebacks and their source"},
    {OPTION_SUPPRESSIONS, "suppressions", "FILE", "of leaks, as LeakSanitizer's: leak:PATTERN"},
    {OPTION_LINES, "lines", "[WHAT]",
     "the source of a FILE or FUNCTION with figures beside it; of time also of all"},
    {OPTION_CPU, "cpu", NULL, "where CPU time went, in pstats' words; --lines: in kernprof's"},
    {OPTION_WALL, "wall", NULL, "where wall-clock time went, on and off the CPU"},
    {OPTION_RESTRICT, "restrict", "R",
     "of time: so many rows, such a part (0.1), or those that match a regex; again: of these"},
    {OPTION_CALLERS, "callers", "R", "of time: who called the functions that R restricts to"},
    {OPTION_CALLEES, "callees", "R", "of time: whom they called"},
    {'u', "unit", "SECONDS", "of time with --lines: what to show times in (default: 1e-6)"},
    {'z', "skip-zero", NULL, "of time with --lines: leave out lines without samples"},
    {OPTION_MARKS, "marks", NULL,
     "the snapshots, marks and phases of the run, which @NAME can name"},
    {OPTION_RSS, "rss", NULL, "what the resident memory was made of"},
    {OPTION_SYSTEM, "system", NULL, "charge libc, libstdc++ and allocator wrappers themselves"},
    {OPTION_FORMAT, "format", "FORMAT", "text (default), json, tracemalloc: its very words"},
    {OPTION_JSON, "json", NULL, "for scripts"},
    {OPTION_COLOR, "color", "WHEN", "auto (default), always, never"},
    {'h', "help", NULL, "this text"},
};

/* What the command line asks for. */
struct request {
    struct statistics_query query;
    struct filters filters;
    struct time_request time;
    char *const *operands; /* the traces, none: the newest */
    int operand_count;
    const char *sort_word;
    const char *suppressions_path;
    const char *lines;
    uint64_t limit;
    char limit_text[32];
    uint32_t domain; /* enum trace_domain */
    enum color_when color;
    bool has_group_by, has_measure, has_limit;
    bool is_time, is_lines;
    bool is_leaks, is_marks, is_rss, is_system, is_json, is_tracemalloc, is_help;
};

/* A trace with everything that is said of it. */
struct report {
    const struct request *request;
    struct opened opened;
    struct stacks stacks;
    struct statistics statistics;
    struct annotation annotation;
    struct sources sources;
    struct filters filters; /* the request's, and the suppressions */
    struct suppressions suppressions;
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

static bool take_restriction(struct request *request, const char *text)
{
    struct error error;
    if (profile_restrictions_add(&request->time.restrictions, text, &error))
        return true;
    command_misuse("%s: %s", text, error.text);
    return false;
}

/* A measure of memory, or keys of pstats: which, is known when all has been read. */
static bool take_sort(struct request *request, const char *word)
{
    request->sort_word = word;
    request->has_measure = label_to_measure(word, &request->query.measure);
    if (request->has_measure || profile_order_add(&request->time.order, word))
        return true;
    command_bad_value(&command_report, 's', word);
    return false;
}

static bool take_unit(struct time_request *time, const char *text)
{
    char *end;
    time->unit_s = strtod(text, &end);
    return end != text && !*end && time->unit_s >= 1e-12 && time->unit_s <= 1e6;
}

static bool take_format(struct request *request, const char *word)
{
    request->is_json = strcmp(word, "json") == 0;
    request->is_tracemalloc = strcmp(word, "tracemalloc") == 0;
    return request->is_json || request->is_tracemalloc || strcmp(word, "text") == 0;
}

static bool take_flag(struct request *request, int id)
{
    switch (id) {
    case OPTION_CUMULATIVE:
        return request->query.is_cumulative = true;
    case OPTION_ALL_FRAMES:
        return request->filters.is_all_frames = true;
    case OPTION_LEAKS:
        return request->is_leaks = true;
    case OPTION_MARKS:
        return request->is_marks = true;
    case OPTION_RSS:
        return request->is_rss = true;
    case OPTION_SYSTEM:
        return request->is_system = true;
    case OPTION_JSON:
        return request->is_json = true;
    case 'z':
        return request->time.skips_zero = true;
    case OPTION_CPU:
    case OPTION_WALL:
        request->time.kind = id == OPTION_CPU ? TIMES_CPU : TIMES_WALL;
        return request->is_time = true;
    default:
        return request->is_help = true;
    }
}

static bool take_option(struct request *request, int id, const char *value)
{
    bool is_ok = true;
    switch (id) {
    case 'g':
        is_ok = request->has_group_by = label_to_group_by(value, &request->query.group_by);
        break;
    case 's':
        return take_sort(request, value);
    case OPTION_MEASURE:
        is_ok = request->has_measure = label_to_measure(value, &request->query.measure);
        break;
    case 'n':
        is_ok = request->has_limit = text_to_number(value, UINT32_MAX, &request->limit);
        break;
    case OPTION_FILTER:
    case OPTION_EXCLUDE:
        return take_filter(request, value, id == OPTION_EXCLUDE);
    case OPTION_DOMAIN:
        is_ok = label_to_domain(value, &request->domain);
        break;
    case OPTION_FORMAT:
        is_ok = take_format(request, value);
        break;
    case OPTION_SUPPRESSIONS:
        request->suppressions_path = value;
        is_ok = *value != 0;
        break;
    case OPTION_LINES:
        request->is_lines = true;
        request->lines = value;
        is_ok = !value || *value;
        break;
    case 'u':
        is_ok = take_unit(&request->time, value);
        break;
    case OPTION_CALLERS:
    case OPTION_CALLEES:
        request->time.is_callers = request->time.is_callers || id == OPTION_CALLERS;
        request->time.is_callees = request->time.is_callees || id == OPTION_CALLEES;
        return take_restriction(request, value);
    case OPTION_RESTRICT:
        return take_restriction(request, value);
    case OPTION_COLOR:
        is_ok = terminal_parse_color(value, &request->color);
        break;
    default:
        return take_flag(request, id);
    }
    if (!is_ok)
        command_bad_value(&command_report, id, value);
    return is_ok;
}

/* tracemalloc has nothing but what is live, and other groups. */
static bool check_tracemalloc(const struct request *request)
{
    enum group_by group_by = request->query.group_by;
    if (group_by != GROUP_BY_LINE && group_by != GROUP_BY_FILE && group_by != GROUP_BY_TRACEBACK)
        return command_misuse("tracemalloc does not know --group-by=%s",
                              label_group_by(group_by)) == STATUS_OK;
    if (request->has_measure && request->query.measure != MEASURE_LIVE)
        return command_misuse("tracemalloc knows only what is live") == STATUS_OK;
    if (request->lines)
        return command_misuse("tracemalloc has no --lines") == STATUS_OK;
    return true;
}

/* What is of memory alone. */
static bool check_time(const struct request *request)
{
    const struct time_request *time = &request->time;
    if (request->sort_word && !time->order.count)
        return command_misuse(
                   "of time there are other keys to sort by (see memtrace help report)") ==
               STATUS_OK;
    if (request->has_measure || request->is_leaks || request->is_marks || request->is_rss ||
        request->suppressions_path || request->is_tracemalloc || request->domain != DOMAIN_HEAP ||
        request->query.is_cumulative)
        return command_misuse("--cpu and --wall are of time: no measure, domain, leaks, marks, "
                              "--cumulative or tracemalloc") == STATUS_OK;
    if (time->group_by == GROUP_BY_TRACEBACK)
        return command_misuse("call stacks of time: memtrace export --cpu --format=folded") ==
               STATUS_OK;
    if ((time->is_callers || time->is_callees) &&
        (time->group_by != GROUP_BY_FUNCTION || request->is_lines || request->is_json))
        return command_misuse("callers and callees are of functions, and text") == STATUS_OK;
    if (time->group_by == GROUP_BY_THREAD && request->filters.count)
        return command_misuse("patterns do not go with --group-by=thread") == STATUS_OK;
    return true;
}

static bool complete_time_request(struct request *request)
{
    struct time_request *time = &request->time;
    time->group_by = request->has_group_by ? request->query.group_by : GROUP_BY_FUNCTION;
    if (!check_time(request))
        return false;
    if (!time->order.count)
        time->order = (struct profile_order){{PROFILE_BY_TIME}, 1};
    request->limit = request->has_limit || request->is_json ? request->limit : LIMIT_DEFAULT;
    if (request->limit && (!request->is_lines || request->is_json)) {
        snprintf(request->limit_text, sizeof request->limit_text, "%" PRIu64, request->limit);
        if (!take_restriction(request, request->limit_text))
            return false;
    }
    time->unit_s = time->unit_s > 0 ? time->unit_s : 1e-6;
    time->limit = request->limit;
    time->filters = &request->filters;
    time->operands = request->operands;
    time->operand_count = request->operand_count;
    time->lines = request->lines;
    time->is_lines = request->is_lines;
    time->color = request->color;
    time->is_system = request->is_system;
    time->is_json = request->is_json;
    return true;
}

static bool check_not_time(const struct request *request)
{
    const struct time_request *time = &request->time;
    if (time->order.count || time->restrictions.count || time->skips_zero || time->unit_s > 0)
        return command_misuse("keys and restrictions of pstats are of time: --cpu or --wall") ==
               STATUS_OK;
    if (request->is_lines && !request->lines)
        return command_misuse("the lines of which file or function?") == STATUS_OK;
    return true;
}

static bool check_request(struct request *request)
{
    if (request->is_time)
        return complete_time_request(request);
    if (!check_not_time(request))
        return false;
    request->filters.is_tracemalloc = request->is_tracemalloc;
    if (request->is_tracemalloc && !check_tracemalloc(request))
        return false;
    const struct statistics_query *query = &request->query;
    if (request->is_leaks && !request->has_group_by)
        request->query.group_by = GROUP_BY_TRACEBACK;
    if (query->is_cumulative &&
        (query->group_by == GROUP_BY_TRACEBACK || query->group_by == GROUP_BY_THREAD))
        return command_misuse("--cumulative makes no sense with --group-by=%s",
                              label_group_by(query->group_by)) == STATUS_OK;
    if (query->group_by == GROUP_BY_THREAD && request->filters.count)
        return command_misuse(
                   "patterns do not go with --group-by=thread: figures by thread are not "
                   "known by line") == STATUS_OK;
    if (query->group_by == GROUP_BY_THREAD && request->has_measure &&
        query->measure == MEASURE_PEAK)
        return command_misuse("what each thread had at the peak is not recorded") == STATUS_OK;
    if (query->group_by == GROUP_BY_THREAD && request->domain != DOMAIN_HEAP)
        return command_misuse("figures by thread are known of the heap only") == STATUS_OK;
    if (request->is_leaks && request->has_measure && query->measure != MEASURE_LIVE)
        return command_misuse("--leaks shows what is live") == STATUS_OK;
    if (request->suppressions_path && !request->is_leaks)
        return command_misuse("suppressions are of leaks: --leaks") == STATUS_OK;
    return true;
}

/* After --lines: a trace or a PID, or what lines are of? */
static bool is_operand(const char *word)
{
    char magic[sizeof TRACE_MAGIC - 1];
    int fd = open(word, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool is_trace = fd >= 0 && read(fd, magic, sizeof magic) == sizeof magic &&
                    memcmp(magic, TRACE_MAGIC, sizeof magic) == 0;
    if (fd >= 0)
        close(fd);
    return is_trace || !word[strspn(word, "0123456789")] || strchr(word, '@');
}

static bool parse(struct request *request, int argc, char **argv)
{
    struct options options = {.rows = rows,
                              .count = sizeof rows / sizeof *rows,
                              .complaints = stderr,
                              .is_operand = is_operand};
    int id;
    while ((id = options_next(&options, argc, argv)) != OPTIONS_END)
        if (id == OPTIONS_BAD || !take_option(request, id, options.value))
            return false;
    request->operands = argv + options.next;
    request->operand_count = argc - options.next;
    return request->is_help || check_request(request);
}

/* --- text --- */

static const char *live_word(const struct trace *trace)
{
    if (!trace_knows_all(trace))
        return "live";
    if (trace->is_running)
        return "now";
    if (trace->was_running)
        return "live";
    return trace->header.state == TRACE_RUNNING ? "at end" : "at exit";
}

static void print_title(const struct report *report, const struct style *style)
{
    char end[128];
    const struct trace *trace = report->opened.trace;
    completeness_describe_end(trace, end, sizeof end);
    fputs(style->strong, stdout);
    text_write(stdout, *trace->program ? trace->program : report->opened.paths[0]);
    if (report->opened.count > 1)
        printf("%s, %zu traces of %s together\n", style->plain, report->opened.count,
               text_duration(trace_duration_ns(trace)).text);
    else
        printf("%s (pid %" PRIu32 ") %s\n", style->plain, trace->header.pid, end);
#if defined(__x86_64__)
    const uint32_t machine = EM_X86_64;
#else
    const uint32_t machine = EM_AARCH64;
#endif
    if (trace->header.machine != machine)
        printf("  note: recorded on another architecture (ELF machine %" PRIu32 ")\n",
               trace->header.machine);
    if (!trace_knows_all(trace)) {
        char when[512];
        instant_describe(trace, when, sizeof when);
        printf("  %s", style->strong);
        text_write(stdout, when);
        printf("%s\n", style->plain);
    }
}

static void print_rest(const struct statistics *statistics, uint64_t written)
{
    struct figures rest = {0};
    uint64_t count = 0;
    for (uint32_t i = (uint32_t)written; i < statistics->count; i++) {
        if (figures_rank(&statistics->items[i].figures, statistics->measure) == 0)
            continue;
        figures_add(&rest, &statistics->items[i].figures);
        count++;
    }
    if (!count)
        return;
    printf("%" PRIu64 " more: ", count);
    table_write_amount(stdout, &rest, statistics->measure,
                       statistics->stacks->trace->header.sample_bytes);
    putchar('\n');
}

/* How many will be shown, 0: all. */
static uint64_t limit_of(const struct request *request)
{
    return request->has_limit || request->is_json ? request->limit : LIMIT_DEFAULT;
}

static void print_statistics(struct report *report, const struct style *style)
{
    static const char *const nouns[GROUP_BY_COUNT] = {"lines",   "functions",   "files",
                                                      "modules", "call stacks", "threads"};
    static const char *const measures[MEASURE_COUNT_OF] = {
        "what is live", "what was live at the peak", "bytes allocated", "allocations",
        "temporary allocations"};
    static const char *const domains[MEMORY_DOMAIN_COUNT] = {"", " in custom pools",
                                                             " in mappings"};
    const struct statistics *statistics = &report->statistics;
    const struct request *request = report->request;
    struct table table = {
        .out = stdout,
        .style = *style,
        .sources = &report->sources,
        .limit = limit_of(request),
        .with_traceback = request->is_leaks || statistics->group_by == GROUP_BY_TRACEBACK,
    };
    printf("\n%s by %s%s%s:\n", nouns[statistics->group_by], measures[statistics->measure],
           domains[request->domain], request->query.is_cumulative ? ", callers included" : "");
    uint64_t written = table_write(&table, statistics);
    if (written == 0)
        puts("nothing");
    else if (!request->query.is_cumulative)
        print_rest(statistics, written);
    summary_write_modules(stdout, statistics, table.limit, "note: ", style);
    if (report->filters.suppressions)
        suppressions_write(stdout, report->filters.suppressions);
}

static void print_marks_line(const struct trace *trace)
{
    char text[128];
    marks_describe(trace, text, sizeof text);
    if (*text)
        printf("  %-9s%s: memtrace report --marks\n", "moments", text);
}

static void print_text(struct report *report)
{
    struct style style = terminal_style(stdout, report->request->color);
    print_title(report, &style);
    summary_write_totals(stdout, report->opened.trace, live_word(report->opened.trace));
    summary_write_domains(stdout, report->opened.trace);
    print_marks_line(report->opened.trace);
    summary_write_reasons(stdout, report->opened.trace, "  ", &style);
    if (!report->request->lines) {
        print_statistics(report, &style);
        return;
    }
    putchar('\n');
    annotation_write(stdout, &report->annotation, &report->sources, &style,
                     report->opened.trace->header.start_realtime_ns);
}

static void print_marks(const struct report *report, const struct history *history)
{
    if (report->request->is_json) {
        struct json json = json_begin(stdout);
        json_open_object(&json);
        json_name(&json, "marks");
        marks_write_json(&json, report->opened.trace);
        json_name(&json, "history");
        history_write_json(&json, history);
        json_close_object(&json);
        json_end(&json);
        return;
    }
    struct style style = terminal_style(stdout, report->request->color);
    print_title(report, &style);
    marks_write(stdout, history, &style);
}

/* --- the work --- */

static enum measure default_measure(const struct report *report)
{
    uint32_t site_count;
    struct figures total = trace_total(report->opened.trace, &site_count);
    bool is_by_thread = report->request->query.group_by == GROUP_BY_THREAD;
    if (total.live_count || total.live_bytes || report->request->is_leaks ||
        !trace_knows_all(report->opened.trace))
        return MEASURE_LIVE;
    return is_by_thread ? MEASURE_TOTAL : MEASURE_PEAK;
}

static void drop_other_lines(struct report *report)
{
    struct statistics *statistics = &report->statistics;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < statistics->count; i++)
        if (statistics->items[i].frame != NO_FRAME &&
            annotation_covers(report->request->lines,
                              &report->stacks.frames[statistics->items[i].frame]))
            statistics->items[kept++] = statistics->items[i];
    statistics->count = kept;
}

/* Suppressions are of leaks alone. */
static bool load_suppressions(struct report *report, struct error *error)
{
    report->filters = report->request->filters;
    if (!report->request->is_leaks)
        return true;
    if (!suppressions_init(&report->suppressions, report->request->suppressions_path, error))
        return false;
    if (report->suppressions.count)
        report->filters.suppressions = &report->suppressions;
    return true;
}

static bool count_suppressed(const struct report *report, struct error *error)
{
    if (!report->filters.suppressions)
        return true;
    return filters_count_suppressed(&report->filters, &report->stacks) ||
           error_out_of_memory(error);
}

static bool compute(struct report *report, struct error *error)
{
    const struct request *request = report->request;
    struct statistics_query query = request->query;
    query.filters = &report->filters;
    query.is_live_only = request->is_leaks;
    if (trace_is_without_heap(report->opened.trace))
        return error_set(error, "the heap was not recorded: memtrace report --cpu");
    query.limit = request->lines ? 0 : limit_of(request);
    if (!request->has_measure)
        query.measure = default_measure(report);
    if (!stacks_init(&report->stacks, report->opened.trace, request->is_system, error) ||
        !statistics_init(&report->statistics, &report->stacks, &query, error) ||
        !count_suppressed(report, error))
        return false;
    if (request->lines)
        drop_other_lines(report);
    return !request->lines || annotation_init(&report->annotation, &report->stacks, request->lines,
                                              query.is_cumulative, &report->filters, error);
}

static bool load(struct report *report, struct error *error)
{
    const struct request *request = report->request;
    if (!opened_init(&report->opened, request->operands, request->operand_count, error))
        return false;
    report->opened.trace->domain = request->domain;
    return true;
}

/* Of an earlier moment less is known than of the end. */
static bool is_known(const struct report *report)
{
    const struct statistics_query *query = &report->request->query;
    const struct trace *trace = report->opened.trace;
    enum measure measure = report->request->has_measure ? query->measure : MEASURE_LIVE;
    if (trace_knows_all(trace))
        return true;
    if (query->group_by == GROUP_BY_THREAD)
        return command_misuse("figures by thread are known of the end only") == STATUS_OK;
    if (!trace_knows_totals(trace) && measure != MEASURE_LIVE)
        return command_misuse("of the peak only what was live is known") == STATUS_OK;
    if (measure == MEASURE_PEAK || measure == MEASURE_TEMPORARY)
        return command_misuse("--measure=%s is known of the end only", label_measure(measure)) ==
               STATUS_OK;
    return true;
}

static void finish(struct report *report)
{
    annotation_finish(&report->annotation);
    suppressions_finish(&report->suppressions);
    statistics_finish(&report->statistics);
    sources_finish(&report->sources);
    stacks_finish(&report->stacks);
    opened_finish(&report->opened);
}

static int print(struct report *report)
{
    const struct request *request = report->request;
    if (request->is_json) {
        report_json_write(stdout, &report->statistics, limit_of(request));
    } else if (request->lines && report->annotation.count == 0) {
        struct error error;
        error_set(&error, "nothing was allocated in %.100s%s", request->lines,
                  request->query.is_cumulative ? "" : " itself (try --cumulative)");
        return command_complain(opened_subject(&report->opened, "report"), &error);
    } else {
        print_text(report);
    }
    return command_flush(STATUS_OK);
}

static int complain(const struct report *report, const struct error *error)
{
    return command_complain(opened_subject(&report->opened, "report"), error);
}

static int report_marks(const struct report *report)
{
    struct history history;
    struct error error;
    if (!history_init(&history, report->opened.trace, &error))
        return complain(report, &error);
    print_marks(report, &history);
    history_finish(&history);
    return command_flush(STATUS_OK);
}

/* As Snapshot.statistics() has them: the differences from nothing. */
static bool print_tracemalloc(struct report *report, struct error *error)
{
    const struct request *request = report->request;
    const struct compare_query query = {.group_by = request->query.group_by,
                                        .is_cumulative = request->query.is_cumulative,
                                        .is_tracemalloc = true,
                                        .filters = &request->filters};
    const struct table table = {.out = stdout,
                                .style = terminal_style(stdout, COLOR_NEVER),
                                .sources = &report->sources,
                                .limit = request->limit,
                                .with_traceback = request->is_leaks};
    struct comparison comparison;
    struct sites sites = {0};
    bool is_ok = stacks_init(&report->stacks, report->opened.trace, request->is_system, error) &&
                 (sites_init(&sites, report->opened.trace) || error_out_of_memory(error)) &&
                 comparison_init(&comparison, &(struct compare_side){&report->stacks, NULL},
                                 &(struct compare_side){&report->stacks, &sites}, &query, error);
    if (is_ok) {
        diff_table_write_tracemalloc(&table, &comparison, true);
        sources_finish(&report->sources); /* it knows files by the comparison's names */
        comparison_finish(&comparison);
    }
    sites_finish(&sites);
    return is_ok;
}

static int report_tracemalloc(struct report *report)
{
    struct error error;
    if (!print_tracemalloc(report, &error))
        return complain(report, &error);
    return command_flush(STATUS_OK);
}

/* What /proc and the recorder's table tell of a program that runs. */
static bool read_residence(const struct report *report, struct residence *residence,
                           struct error *error)
{
    const struct trace *trace = report->opened.trace;
    struct live_table table = {.map_address = trace->header.live_map_address,
                               .leaves_max = LEAVES_MAX};
    struct stat status;
    if (stat(report->opened.paths[0], &status) != 0)
        status.st_ino = 0;
    if (!table.map_address || trace->header.sample_bytes)
        return residence_read(residence, trace->pid, NULL, status.st_ino, error);
    table.memory_fd = process_open_memory(trace->pid, error);
    if (table.memory_fd < 0)
        return false;
    bool is_ok = residence_read(residence, trace->pid, &table, status.st_ino, error);
    close(table.memory_fd);
    return is_ok;
}

static void print_rss(const struct report *report, const struct rss_view *view)
{
    struct style style = terminal_style(stdout, report->request->color);
    if (report->request->is_json) {
        struct json json = json_begin(stdout);
        rss_view_write_json(&json, view);
        json_end(&json);
        return;
    }
    print_title(report, &style);
    rss_view_write(stdout, view, &style);
}

static int report_rss(const struct report *report)
{
    const struct trace *trace = report->opened.trace;
    struct rss_view view;
    struct error error;
    int status = STATUS_OK;
    if (!rss_view_init(&view, trace, &error))
        return complain(report, &error);
    view.has_now = trace->is_running && trace_knows_all(trace) &&
                   read_residence(report, &view.now, &view.no_now);
    if (!view.has_series && !view.has_now) {
        error_set(&error,
                  "no RSS was recorded in it (MEMTRACE_THREAD=0, or MEMTRACE_RSS_INTERVAL=0)");
        status = complain(report, &error);
    } else {
        print_rss(report, &view);
    }
    rss_view_finish(&view);
    return command_flush(status);
}

static int report_trace(const struct request *request)
{
    struct report report = {.request = request};
    struct error error;
    int status;
    if (!load_suppressions(&report, &error))
        return command_complain("suppressions", &error);
    bool is_loaded = load(&report, &error);
    if (is_loaded && request->is_marks)
        status = report_marks(&report);
    else if (is_loaded && request->is_tracemalloc)
        status = report_tracemalloc(&report);
    else if (is_loaded && request->is_rss)
        status = report_rss(&report);
    else if (is_loaded && !is_known(&report))
        status = STATUS_USAGE;
    else if (is_loaded && compute(&report, &error))
        status = print(&report);
    else
        status = complain(&report, &error);
    finish(&report);
    return status;
}

static int run(int argc, char **argv)
{
    struct request request = {0};
    int status = STATUS_USAGE;
    if (parse(&request, argc, argv)) {
        if (request.is_help)
            command_print_help(stdout, &command_report);
        status = request.is_help   ? command_flush(STATUS_OK)
                 : request.is_time ? report_time(&request.time)
                                   : report_trace(&request);
    }
    profile_restrictions_finish(&request.time.restrictions);
    filters_finish(&request.filters);
    return status;
}

const struct command command_report = {
    .name = "report",
    .operands = "[OPTIONS] [TRACE|PID][@MOMENT]…",
    .summary = "Who allocated how much, or where time went. Without a TRACE: the newest one.",
    .options = rows,
    .option_count = sizeof rows / sizeof *rows,
    .print_more = command_print_moments,
    .run = run,
};
