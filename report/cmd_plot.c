/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_plot.c -- memtrace plot: memory over time. */
#include "command.h"
#include "find.h"
#include "label.h"
#include "moment.h"
#include "output.h"
#include "picture.h"
#include "plot_data.h"
#include "plot_draw.h"
#include "plot_runs.h"
#include "plot_terminal.h"
#include "terminal.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    LINES_DEFAULT = 12,
    LAYERS_DEFAULT = 8
};

enum {
    OPTION_BY = OPTION_LONG,
    OPTION_LOG,
    OPTION_ZOOM,
    OPTION_PEAK,
    OPTION_SIZE,
    OPTION_THEME,
    OPTION_NO_MARKS,
    OPTION_ASCII,
    OPTION_COLOR,
    OPTION_JSON,
    OPTION_SYSTEM
};

static const struct option_row rows[] = {
    {'o', "output", "FILE",
     "its end says what: .svg .png .pdf .dat .csv .json; default: the terminal"},
    {'f', "format", "FORMAT", "the same without a file: terminal, svg, png, pdf, dat, csv, json"},
    {'m', "measure", "MEASURE", "one of those below, several with commas (default: rss,live)"},
    {'C', "include-children", NULL, "add up the program and its children"},
    {'M', "multiprocess", NULL, "the children beside the program"},
    {'n', "limit", "N", "N children or layers by themselves, the others summed up"},
    {OPTION_BY, "by", "KIND", "what line, function, file or module had live, one on the other"},
    {'s', "slope", NULL, "how fast it grows per hour, and the standard error of that"},
    {'w', "window", "FROM,TO", "only from here to there: 10s,1h or the names of moments"},
    {'t', "title", "TEXT", "instead of the program's name"},
    {OPTION_LOG, "log", NULL, "a logarithmic axis"},
    {OPTION_ZOOM, "zoom", NULL, "an axis that need not begin at zero"},
    {OPTION_NO_MARKS, "no-marks", NULL, "without snapshots, marks and phases"},
    {OPTION_PEAK, "peak", NULL, "print the peaks, and nothing else"},
    {OPTION_SIZE, "size", "WxH", "in pixels (default: 1000x500), or in characters"},
    {OPTION_THEME, "theme", "THEME", "auto (default), light, dark"},
    {OPTION_ASCII, "ascii", NULL, "no characters beyond ASCII"},
    {OPTION_COLOR, "color", "WHEN", "auto (default), always, never"},
    {OPTION_JSON, "json", NULL, "the same as --format=json"},
    {OPTION_SYSTEM, "system", NULL, "with --by: charge libc and allocator wrappers themselves"},
    {'h', "help", NULL, "this text"},
};

enum format {
    FORMAT_NONE, /* not said */
    FORMAT_TERMINAL,
    FORMAT_SVG,
    FORMAT_PNG,
    FORMAT_PDF,
    FORMAT_DAT,
    FORMAT_CSV,
    FORMAT_JSON,
    FORMAT_COUNT
};

static const char *const format_names[FORMAT_COUNT] = {"",    "terminal", "svg", "png",
                                                       "pdf", "dat",      "csv", "json"};

struct request {
    struct plot_query query;
    char **operands; /* traces; none: the newest */
    size_t operand_count;
    const char *output;
    const char *title;
    const char *window;
    enum format format;
    enum children children;
    enum theme theme;
    enum color_when color;
    enum group_by group_by;
    uint64_t limit; /* 0: not said */
    uint64_t width; /* 0: not said */
    uint64_t height;
    bool is_by, is_system, is_peak, is_ascii, is_help;
};

/* --- the command line --- */

static bool take_measure(struct request *request, const char *word)
{
    struct plot_query *query = &request->query;
    enum quantity quantity;
    if (!quantity_from_word(word, &quantity)) {
        command_misuse("no such measure: %s (see memtrace help plot)", word);
        return false;
    }
    for (size_t i = 0; i < query->quantity_count; i++)
        if (query->quantities[i] == quantity)
            return true;
    query->quantities[query->quantity_count++] = quantity;
    return true;
}

static bool take_measures(struct request *request, const char *value)
{
    char *words = strdup(value);
    char *rest = words;
    char *word;
    bool is_ok = words;
    while (is_ok && (word = strsep(&rest, ",")))
        is_ok = take_measure(request, word);
    free(words);
    return is_ok;
}

static bool take_format(struct request *request, const char *name)
{
    for (int i = FORMAT_TERMINAL; i < FORMAT_COUNT; i++)
        if (strcmp(format_names[i], name) == 0)
            request->format = (enum format)i;
    if (request->format == FORMAT_NONE)
        command_misuse("no such format: %s (see memtrace help plot)", name);
    return request->format != FORMAT_NONE;
}

/* "800x400" */
static bool take_size(struct request *request, const char *value)
{
    const uint64_t most = 20000;
    char width[16] = "";
    const char *cross = strchr(value, 'x');
    if (!cross || (size_t)(cross - value) >= sizeof width)
        return false;
    memcpy(width, value, (size_t)(cross - value));
    return text_to_number(width, most, &request->width) &&
           text_to_number(cross + 1, most, &request->height) && request->width && request->height;
}

static bool take_theme(struct request *request, const char *value)
{
    static const char *const names[] = {"auto", "light", "dark"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(names[i], value) != 0)
            continue;
        request->theme = (enum theme)i;
        return true;
    }
    return false;
}

static bool take_children(struct request *request, enum children children)
{
    bool is_good = request->children == CHILDREN_NO || request->children == children;
    request->children = children;
    return is_good || command_misuse("--include-children adds them up, --multiprocess does not: "
                                     "which one?") == STATUS_OK;
}

static bool take_flag(struct request *request, int id)
{
    switch (id) {
    case 'C':
        return take_children(request, CHILDREN_SUMMED);
    case 'M':
        return take_children(request, CHILDREN_APART);
    case 's':
        return request->query.has_slope = true;
    case OPTION_LOG:
        return request->query.is_log = true;
    case OPTION_ZOOM:
        return request->query.is_zoomed = true;
    case OPTION_NO_MARKS:
        request->query.has_marks = false;
        return true;
    case OPTION_PEAK:
        return request->is_peak = true;
    case OPTION_ASCII:
        return request->is_ascii = true;
    case OPTION_SYSTEM:
        return request->is_system = true;
    case OPTION_JSON:
        return take_format(request, "json");
    default:
        return request->is_help = true;
    }
}

static bool take_value(struct request *request, int id, const char *value)
{
    bool is_ok = true;
    switch (id) {
    case 'o':
        request->output = value;
        is_ok = *value;
        break;
    case 'n':
        is_ok = text_to_number(value, 1000, &request->limit) && request->limit > 1;
        break;
    case 'w':
        request->window = value;
        is_ok = strchr(value, ',');
        break;
    case 't':
        request->title = value;
        break;
    case OPTION_BY:
        is_ok = request->is_by = label_to_group_by(value, &request->group_by) &&
                                 request->group_by != GROUP_BY_THREAD &&
                                 request->group_by != GROUP_BY_TRACEBACK;
        break;
    case OPTION_SIZE:
        is_ok = take_size(request, value);
        break;
    case OPTION_THEME:
        is_ok = take_theme(request, value);
        break;
    default:
        is_ok = terminal_parse_color(value, &request->color);
        break;
    }
    if (!is_ok)
        command_bad_value(&command_plot, id, value);
    return is_ok;
}

static bool take_option(struct request *request, int id, const char *value)
{
    if (!value)
        return take_flag(request, id);
    if (id == 'm')
        return take_measures(request, value);
    if (id == 'f')
        return take_format(request, value);
    return take_value(request, id, value);
}

/* From the end of the file's name; .gz and .zst after it compress it. */
static bool find_format(struct request *request)
{
    const char *name = text_basename(request->output);
    if (request->format != FORMAT_NONE)
        return true;
    request->format = FORMAT_TERMINAL;
    if (strcmp(request->output, "-") == 0)
        return true;
    for (int i = FORMAT_SVG; i < FORMAT_COUNT; i++) {
        char end[16];
        snprintf(end, sizeof end, ".%s", format_names[i]);
        const char *found = strcasestr(name, end);
        const char *after = found ? found + strlen(end) : "?";
        if (*after && strcmp(after, ".gz") != 0 && strcmp(after, ".zst") != 0)
            continue;
        request->format = (enum format)i;
        return true;
    }
    return command_misuse("%s: .svg, .png, .pdf, .dat, .csv or .json? (or use --format)",
                          request->output) == STATUS_OK;
}

static bool is_binary(enum format format)
{
    return format == FORMAT_PNG || format == FORMAT_PDF;
}

static bool check_request(struct request *request)
{
    if (!find_format(request))
        return false;
    if (request->format == FORMAT_DAT && request->operand_count > 1)
        return command_misuse("a .dat holds one run") == STATUS_OK;
    if (request->format == FORMAT_DAT && request->query.quantity_count > 1)
        return command_misuse("a .dat holds one measure") == STATUS_OK;
    for (size_t i = 0; request->format == FORMAT_DAT && i < request->query.quantity_count; i++)
        if (quantity_unit(request->query.quantities[i]) != UNIT_BYTES)
            return command_misuse("a .dat holds sizes, not %s",
                                  quantity_word(request->query.quantities[i])) == STATUS_OK;
    if (request->is_by && (request->operand_count > 1 || request->children != CHILDREN_NO))
        return command_misuse("--by shows one process at a time") == STATUS_OK;
    if (request->is_by && (request->format == FORMAT_DAT || request->format == FORMAT_CSV))
        return command_misuse("--by does not go with .%s", format_names[request->format]) ==
               STATUS_OK;
    if (request->is_by && request->query.is_log)
        return command_misuse("layers cannot be added up on a logarithmic axis") == STATUS_OK;
    if (is_binary(request->format) && strcmp(request->output, "-") == 0 && isatty(STDOUT_FILENO))
        return command_misuse("%s is not for a terminal: use -o FILE",
                              format_names[request->format]) == STATUS_OK;
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
    request->operands = argv + options.next;
    request->operand_count = (size_t)(argc - options.next);
    return request->is_help || check_request(request);
}

static void print_measures(FILE *out)
{
    fputs("\nMeasures:\n", out);
    for (int i = 0; i < QUANTITY_COUNT; i++)
        fprintf(out, "  %-11s  %s\n", quantity_word((enum quantity)i),
                quantity_about((enum quantity)i));
}

/* --- what is plotted --- */

static bool add_operand(struct runs *runs, const struct request *request, const char *operand,
                        struct error *error, char **ret_path)
{
    *ret_path = find_trace(operand, error);
    return *ret_path && runs_add(runs, *ret_path, request->children, error);
}

static int load(struct runs *runs, const struct request *request)
{
    struct error error;
    size_t count = request->operand_count ? request->operand_count : 1;
    for (size_t i = 0; i < count; i++) {
        const char *operand = request->operand_count ? request->operands[i] : NULL;
        char *path = NULL;
        bool is_ok = add_operand(runs, request, operand, &error, &path);
        int status = is_ok ? STATUS_OK
                           : command_complain(path      ? path
                                              : operand ? operand
                                                        : "plot",
                                              &error);
        free(path);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* Why nothing can be shown, said of the first run. */
static int complain_of_nothing(const struct runs *runs, const struct request *request)
{
    struct error error;
    if (request->query.quantity_count)
        error_set(&error, "%s was not recorded in it%s",
                  quantity_word(request->query.quantities[0]),
                  quantity_remedy(request->query.quantities[0]));
    else
        error_set(&error, "nothing over time is in it: no series and no history were kept");
    return command_complain(runs->items[0].path, &error);
}

/* False if none of the measures is known; those that are not are dropped. */
static bool choose_measures(struct plot_query *query, const struct runs *runs, bool is_by)
{
    size_t kept = 0;
    if (!query->quantity_count && is_by)
        return true;
    if (!query->quantity_count)
        query->quantity_count = plot_default_quantities(runs, query->quantities);
    for (size_t i = 0; i < query->quantity_count; i++)
        if (runs_know(runs, query->quantities[i]))
            query->quantities[kept++] = query->quantities[i];
        else
            fprintf(stderr, "memtrace: %s was not recorded%s\n",
                    quantity_word(query->quantities[i]), quantity_remedy(query->quantities[i]));
    query->quantity_count = kept;
    return kept;
}

static bool parse_side(const char *text, const struct trace *trace, uint64_t *ret_time_ns,
                       struct error *error)
{
    struct moment moment;
    if (!*text)
        return true;
    bool is_ok =
        moment_parse(&moment, text, error) && moment_time(&moment, trace, ret_time_ns, error);
    moment_finish(&moment);
    return is_ok;
}

/* FROM,TO; nothing on one side is the start, or the end. */
static bool choose_window(struct window *window, const struct request *request,
                          const struct runs *runs, struct error *error)
{
    *window = plot_whole_window(runs);
    if (!request->window)
        return true;
    const char *comma = strrchr(request->window, ',');
    char *from = strndup(request->window, (size_t)(comma - request->window));
    const struct trace *trace = &runs->items[0].trace;
    bool is_ok = from ? parse_side(from, trace, &window->from_ns, error) &&
                            parse_side(comma + 1, trace, &window->to_ns, error)
                      : error_out_of_memory(error);
    free(from);
    if (is_ok && window->from_ns >= window->to_ns)
        is_ok = error_set(error, "the window %.100s is empty", request->window);
    return is_ok;
}

/* --- words --- */

static char *make_title(const struct request *request, const struct runs *runs)
{
    const struct run *first = &runs->items[0];
    char *title = NULL;
    size_t children = first->process_count - 1;
    for (size_t i = 1; i < runs->count; i++)
        children += runs->items[i].process_count;
    const char *program = *first->trace.program ? first->trace.program : first->path;
    if (request->title)
        return strdup(request->title);
    if (request->operand_count > 1)
        return asprintf(&title, "%zu runs", request->operand_count) < 0 ? NULL : title;
    int length = asprintf(&title, "%s (pid %" PRIu32 ")", program, first->trace.header.pid);
    if (children && length >= 0) {
        free(title);
        length = asprintf(&title, "%s (pid %" PRIu32 ") and %zu %s", program,
                          first->trace.header.pid, children, children == 1 ? "child" : "children");
    }
    return length < 0 ? NULL : title;
}

/* When it was, and how long it took. */
static char *make_subtitle(const struct request *request, const struct runs *runs)
{
    const struct trace *trace = &runs->items[0].trace;
    struct window whole = plot_whole_window(runs);
    char start[48] = "?";
    char *subtitle = NULL;
    struct tm local;
    time_t seconds = (time_t)(trace->header.start_realtime_ns / 1000000000);
    if (request->operand_count > 1)
        return strdup("each from its own start");
    if (localtime_r(&seconds, &local))
        strftime(start, sizeof start, "%Y-%m-%d %H:%M:%S", &local);
    int length = asprintf(&subtitle, "%s, %s%s", start, text_duration(whole.to_ns).text,
                          trace->is_running ? " so far" : "");
    return length < 0 ? NULL : subtitle;
}

/* --- peaks --- */

static void print_peak(const struct run *run, enum quantity quantity, struct window window)
{
    struct timeline timeline;
    if (!run_timeline(run, quantity, &timeline))
        return;
    timeline_clip(&timeline, window);
    const struct sample *peak = timeline_peak(&timeline);
    if (peak)
        printf("   %s %s at %s", quantity_label(quantity),
               unit_text(quantity_unit(quantity), peak->max).text,
               text_duration(peak->begin_ns + (peak->end_ns - peak->begin_ns) / 2).text);
    else
        printf("   %s not recorded", quantity_label(quantity));
    timeline_finish(&timeline);
}

static void print_peaks(const struct runs *runs, const struct plot_query *query)
{
    for (size_t i = 0; i < runs->count; i++) {
        const struct run *run = &runs->items[i];
        if (run->is_child) {
            fputs("  child ", stdout);
            text_write(stdout, run->name);
        } else {
            text_write(stdout, run->path);
            if (run->process_count > 1)
                printf(" and %" PRIu32 " children", run->process_count - 1);
        }
        for (size_t j = 0; j < query->quantity_count; j++)
            print_peak(run, query->quantities[j], query->window);
        putchar('\n');
    }
}

/* --- writing --- */

static struct terminal_size terminal_size_of(const struct request *request)
{
    struct style style = terminal_style(stdout, request->color);
    struct terminal_size size = {
        .columns = request->width              ? request->width
                   : style.columns == SIZE_MAX ? 80
                                               : style.columns,
        .rows = request->height ? request->height : 16,
        .is_ascii = request->is_ascii || !terminal_has_utf8(),
        .has_color = *style.plain,
    };
    if (size.columns > TERMINAL_COLUMNS_MAX)
        size.columns = TERMINAL_COLUMNS_MAX;
    if (size.rows > TERMINAL_ROWS_MAX)
        size.rows = TERMINAL_ROWS_MAX;
    return size;
}

static struct picture_size picture_size_of(const struct request *request)
{
    return (struct picture_size){request->width ? (double)request->width : 1000,
                                 request->height ? (double)request->height : 500};
}

static bool write_picture(FILE *out, const struct request *request, const struct plot *plot,
                          struct error *error)
{
    struct picture_size size = picture_size_of(request);
    if (request->format == FORMAT_SVG)
        return svg_write(out, size, request->theme, plot->title, plot_draw, plot, error);
    if (request->format == FORMAT_PNG)
        return png_write(out, size, request->theme, plot->title, plot_draw, plot, error);
    return pdf_write(out, size, request->theme, plot->title, plot_draw, plot, error);
}

static bool write_plot(FILE *out, const struct request *request, const struct runs *runs,
                       const struct plot_query *query, struct error *error)
{
    struct plot plot;
    struct terminal_size size = terminal_size_of(request);
    if (!plot_of_runs(&plot, runs, query, error))
        return false;
    bool is_ok = request->format == FORMAT_TERMINAL
                     ? plot_write_terminal(out, &plot, &size) || error_out_of_memory(error)
                     : write_picture(out, request, &plot, error);
    plot_finish(&plot);
    return is_ok;
}

static bool write_format(FILE *out, const struct request *request, const struct runs *runs,
                         const struct plot_query *query, struct error *error)
{
    switch (request->format) {
    case FORMAT_JSON:
        return plot_write_json(out, runs, query) || error_out_of_memory(error);
    case FORMAT_CSV:
        plot_write_csv(out, runs, query);
        return true;
    case FORMAT_DAT:
        return plot_write_mprof(out, runs, query->quantities[0], query->window, error);
    default:
        return write_plot(out, request, runs, query, error);
    }
}

static void print_answer(const char *path)
{
    struct stat status;
    if (strcmp(path, "-") == 0 || stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return;
    fputs("wrote ", stdout);
    text_write(stdout, path);
    printf(" (%s)\n", text_size((double)status.st_size).text);
}

static int write_output(const struct request *request, const struct runs *runs,
                        const struct plot_query *query)
{
    struct output output;
    struct error error;
    if (!output_open(&output, request->output, output_compression(request->output), &error))
        return command_complain(request->output, &error);
    if (!write_format(output.file, request, runs, query, &error)) {
        output_abandon(&output);
        return command_complain(request->output, &error);
    }
    if (!output_commit(&output, &error))
        return command_complain(request->output, &error);
    print_answer(request->output);
    return command_flush(STATUS_OK);
}

/* --- the work --- */

static bool is_data(enum format format)
{
    return format == FORMAT_JSON || format == FORMAT_CSV || format == FORMAT_DAT;
}

static size_t resolution(const struct request *request)
{
    if (request->format == FORMAT_TERMINAL)
        return 2 * terminal_size_of(request).columns;
    return (size_t)picture_size_of(request).width;
}

/* What call sites had is known from the whole trace, which takes longer to read. */
static bool load_layers(const struct request *request, struct layers *layers, const char *path,
                        const struct plot_query *query, struct error *error)
{
    const struct layers_query layers_query = {
        .group_by = request->group_by,
        .limit = request->limit ? request->limit : LAYERS_DEFAULT,
        .window = query->window,
        .resolution = query->resolution,
    };
    struct trace trace;
    struct stacks stacks = {0};
    struct history history = {0};
    if (!trace_open(&trace, path, error))
        return false;
    bool is_ok = history_init(&history, &trace, error);
    if (is_ok && !history.tick_count)
        is_ok = error_set(error, "it has no history: what was where is known of its end only");
    is_ok = is_ok && stacks_init(&stacks, &trace, request->is_system, error) &&
            layers_init(layers, &stacks, &history, &layers_query, error);
    stacks_finish(&stacks);
    history_finish(&history);
    trace_close(&trace);
    return is_ok;
}

static int plot_layers(const struct request *request, const struct runs *runs,
                       struct plot_query *query)
{
    struct layers layers = {0};
    struct error error;
    if (!load_layers(request, &layers, runs->items[0].path, query, &error))
        return command_complain(runs->items[0].path, &error);
    query->layers = &layers;
    int status = write_output(request, runs, query);
    layers_finish(&layers);
    return status;
}

static int plot_runs(const struct request *request, struct runs *runs)
{
    struct plot_query query = request->query;
    struct error error;
    if (!choose_measures(&query, runs, request->is_by))
        return complain_of_nothing(runs, request);
    if (!choose_window(&query.window, request, runs, &error))
        return command_complain(runs->items[0].path, &error);
    if (request->operand_count < 2 && !is_data(request->format) && !request->is_peak &&
        !runs_fold(runs, query.quantities[0], request->limit ? request->limit : LINES_DEFAULT,
                   &error))
        return command_complain(runs->items[0].path, &error);
    if (request->is_peak) {
        print_peaks(runs, &query);
        return command_flush(STATUS_OK);
    }
    char *title = make_title(request, runs);
    char *subtitle = make_subtitle(request, runs);
    query.title = title ? title : "";
    query.subtitle = subtitle ? subtitle : "";
    query.has_marks = query.has_marks && request->operand_count < 2;
    query.resolution = resolution(request);
    int status =
        request->is_by ? plot_layers(request, runs, &query) : write_output(request, runs, &query);
    free(title);
    free(subtitle);
    return status;
}

static int run(int argc, char **argv)
{
    struct request request = {.output = "-", .query = {.has_marks = true}};
    struct runs runs = {0};
    if (!parse(&request, argc, argv))
        return STATUS_USAGE;
    if (request.is_help) {
        command_print_help(stdout, &command_plot);
        return command_flush(STATUS_OK);
    }
    int status = load(&runs, &request);
    if (status == STATUS_OK)
        status = plot_runs(&request, &runs);
    runs_finish(&runs);
    return status;
}

const struct command command_plot = {
    .name = "plot",
    .operands = "[OPTIONS] [TRACE|PID]...",
    .summary = "Memory over time. Without a TRACE: the newest one.",
    .options = rows,
    .option_count = sizeof rows / sizeof *rows,
    .print_more = print_measures,
    .run = run,
};
