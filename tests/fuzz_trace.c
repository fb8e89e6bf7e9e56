/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_trace.c -- Loads and reports a small trace, damaged in every place.
 *
 *   fuzz_trace --write FILE    writes the trace that is damaged
 *   fuzz_trace truncate        cuts it at every offset
 *   fuzz_trace flip MASK       flips the bits of MASK at every offset, one byte at a time
 *   fuzz_trace … snapshot      does that to a snapshot of it
 *
 * Work is done in batches, each in a child: one that dies or hangs names its offset. Exit status 0
 * if every damaged trace was either read or refused with a reason. */
#include "annotate.h"
#include "diff_json.h"
#include "diff_summary.h"
#include "diff_table.h"
#include "layers.h"
#include "make_trace.h"
#include "marks.h"
#include "moment.h"
#include "picture.h"
#include "plot_data.h"
#include "plot_draw.h"
#include "plot_terminal.h"
#include "report_json.h"
#include "snapshot.h"
#include "summary.h"
#include "table.h"
#include "top_past.h"
#include "top_view.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BATCH = 256,
    BATCH_SECONDS = 60
};

static struct trace_maker maker;
static char *good;
static size_t good_bytes;
static size_t *progress; /* shared with the children */
static struct trace good_trace;
static struct stacks good_stacks;

static void report_groups(const struct stacks *stacks, FILE *out)
{
    struct error error;
    struct filters filters = {0};
    struct sources sources = {0};
    struct statistics statistics;
    for (int i = 0; i < GROUP_BY_COUNT; i++) {
        const struct statistics_query query = {.group_by = (enum group_by)i,
                                               .measure = MEASURE_LIVE,
                                               .is_cumulative = i < 4,
                                               .filters = &filters};
        const struct table table = {out, {80, "", "", "", ""}, &sources, 0, true};
        if (!statistics_init(&statistics, stacks, &query, &error))
            continue;
        report_json_write(out, &statistics, 0);
        if (i != GROUP_BY_THREAD)
            table_write(&table, &statistics);
        statistics_finish(&statistics);
    }
    sources_finish(&sources);
}

static void report_differences(const struct compare_side *old, const struct compare_side *new,
                               FILE *out)
{
    struct error error;
    struct filters filters = {0};
    struct sources sources = {0};
    struct comparison comparison;
    const struct table table = {out, {80, "", "", "", ""}, &sources, 0, true};
    const struct trace *traces[] = {old->stacks->trace, new->stacks->trace};
    const struct compare_query queries[] = {
        {GROUP_BY_LINE, MEASURE_LIVE, false, false, &filters},
        {GROUP_BY_MODULE, MEASURE_TOTAL, true, false, &filters},
        {GROUP_BY_TRACEBACK, MEASURE_PEAK, false, false, &filters},
        {GROUP_BY_FILE, MEASURE_LIVE, true, true, &filters},
        {GROUP_BY_TRACEBACK, MEASURE_LIVE, false, true, &filters},
    };
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        const struct compare_query query = queries[i];
        if (!comparison_init(&comparison, old, new, &query, &error))
            continue;
        diff_table_write(&table, &comparison);
        diff_table_write_tracemalloc(&table, &comparison, false);
        diff_summary_write_head(out, &comparison,
                                &(struct diff_about){{"a", "b"}, {traces[0], traces[1]}, false},
                                &table.style);
        diff_summary_write_modules(out, &comparison, 10, &table.style);
        diff_summary_write_answer(out, &comparison, &table.style);
        diff_json_write(out, &comparison,
                        &(struct diff_json){{"a", "b"}, {traces[0], traces[1]}, NULL, 0});
        sources_finish(&sources);
        comparison_finish(&comparison);
    }
}

/* With what is good, and with nothing. */
static void report_all_differences(const struct stacks *stacks, FILE *out)
{
    struct sites good_sites;
    struct sites sites;
    if (!sites_init(&good_sites, &good_trace) || !sites_init(&sites, stacks->trace))
        exit(99);
    struct compare_side good_side = {&good_stacks, &good_sites};
    struct compare_side side = {stacks, &sites};
    report_differences(&good_side, &side, out);
    report_differences(&(struct compare_side){stacks, NULL}, &side, out);
    sites_finish(&good_sites);
    sites_finish(&sites);
}

/* As memtrace top shows it, the second time with half of it gone. */
static void report_live(struct trace *trace, const struct stacks *stacks)
{
    struct error error;
    struct grid grid;
    struct top_view view = {0};
    struct top_status status = {.program = trace->program, .trace_path = "", .is_running = true};
    struct top_model *model = malloc(sizeof *model);
    if (!model || !grid_init(&grid, 24, 80, true))
        exit(99);
    top_model_init(model, trace, stacks);
    top_model_read(model, 1, -1);
    top_past_recall(model, trace, 1, &error);
    for (uint32_t i = 1; i < trace->owner_count; i += 2)
        trace->counters[i] = (struct trace_counters){0};
    top_model_read(model, 2, 1);
    completeness_init(&status.completeness, trace);
    for (int i = 0; i < GROUP_BY_COUNT; i++) {
        top_model_group(model, (enum group_by)i);
        top_model_sort(model, (enum top_sort)(i % TOP_SORT_COUNT));
        top_model_filter(model, i & 1 ? "m" : "");
        view.page = (enum top_page)(i % 3);
        top_view_draw(&view, model, &status, &grid);
    }
    top_view_finish(&view);
    top_model_finish(model);
    grid_finish(&grid);
    free(model);
}

static void report_trace(struct trace *trace, FILE *out)
{
    struct error error;
    struct filters filters = {0};
    struct sources sources = {0};
    struct stacks stacks;
    struct annotation annotation;
    const struct style style = {80, "", "", "", ""};
    if (!stacks_init(&stacks, trace, false, &error))
        return;
    summary_write_totals(out, trace, "at exit");
    summary_write_reasons(out, trace, "", &style);
    report_groups(&stacks, out);
    report_all_differences(&stacks, out);
    if (annotation_init(&annotation, &stacks, "demo.c", true, &filters, &error)) {
        annotation_write(out, &annotation, &sources, &style, 0);
        annotation_finish(&annotation);
    }
    sources_finish(&sources);
    report_live(trace, &stacks);
    stacks_finish(&stacks);
}

static void report_marks(const struct trace *trace, FILE *out)
{
    struct error error;
    struct history history;
    const struct style style = {80, "", "", "", ""};
    if (!history_init(&history, trace, &error))
        return;
    marks_write(out, &history, &style);
    history_finish(&history);
}

/* Pictures take longest: those of an undamaged series are drawn now and then. */
static bool is_drawn(const struct runs *runs)
{
    const struct trace *trace = &runs->items[0].trace;
    return !runs->items[0].series.is_heap_only &&
           (*progress % 16 == 0 || trace->point_count != maker.point_count ||
            memcmp(trace->points, maker.points, maker.point_count * sizeof maker.points[0]) != 0);
}

static void report_plots(const struct runs *runs, FILE *out)
{
    struct error error;
    struct plot plot;
    const struct terminal_size size = {60, 8, false, true};
    struct plot_query query = {
        .quantities = {QUANTITY_RSS, QUANTITY_LIVE, QUANTITY_OVERHEAD, QUANTITY_FAULTS},
        .quantity_count = 4,
        .window = plot_whole_window(runs),
        .title = "",
        .subtitle = "",
        .resolution = 100,
        .has_slope = true,
        .has_marks = true,
    };
    plot_write_json(out, runs, &query);
    if (!is_drawn(runs) || !plot_of_runs(&plot, runs, &query, &error))
        return;
    svg_write(out, (struct picture_size){300, 200}, THEME_AUTO, "", plot_draw, &plot, &error);
    plot_write_terminal(out, &plot, &size);
    plot_write_csv(out, runs, &query);
    plot_write_mprof(out, runs, QUANTITY_RSS, query.window, &error);
    plot_finish(&plot);
}

static void report_layers(const struct trace *trace)
{
    struct error error;
    struct history history;
    struct stacks stacks;
    struct layers layers;
    const struct layers_query query = {GROUP_BY_LINE, 2, {0, UINT64_MAX}, 50};
    if (!history_init(&history, trace, &error))
        return;
    if (stacks_init(&stacks, trace, false, &error)) {
        if (layers_init(&layers, &stacks, &history, &query, &error))
            layers_finish(&layers);
        stacks_finish(&stacks);
    }
    history_finish(&history);
}

/* The series as it is, and what the history says instead. */
static void report_series(struct trace *trace, FILE *out)
{
    struct error error;
    char name[] = "demo";
    const uint32_t point_count = trace->point_count;
    for (int i = 0; i < 2; i++) {
        struct run run = {.path = name, .name = name, .trace = *trace, .process_count = 1};
        const struct runs runs = {&run, 1, 0};
        run.end_ns = trace_duration_ns(trace);
        if (series_init(&run.series, trace, trace->header.start_time_ns, &error))
            report_plots(&runs, out);
        series_finish(&run.series);
        trace->point_count = 0;
    }
    trace->point_count = point_count;
    report_layers(trace);
}

/* Each moment once; the first one is the end. Turned back once, a trace stays so. */
static void report_moments(struct trace *trace, FILE *out)
{
    static const char *const moments[] = {"end", "-60ms", "load", "half-way", "start", "peak"};
    char described[256];
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        struct error error;
        struct moment moment;
        if (!moment_parse(&moment, moments[i], &error))
            exit(99);
        if (moment_rewind(&moment, trace, &error)) {
            instant_describe(trace, described, sizeof described);
            summary_write_totals(out, trace, described);
        }
        moment_finish(&moment);
    }
}

/* The good trace with one thing wrong. */
static int make_damaged(size_t offset, bool is_truncated, unsigned mask)
{
    int fd = memfd_create("damaged", MFD_CLOEXEC);
    char byte = (char)((unsigned char)good[offset] ^ mask);
    bool is_ok = fd >= 0 && write(fd, good, is_truncated ? offset : good_bytes) >= 0 &&
                 (is_truncated || pwrite(fd, &byte, 1, (off_t)offset) == 1);
    if (!is_ok)
        exit(99);
    return fd;
}

static void try_one(size_t offset, bool is_truncated, unsigned mask, FILE *out)
{
    struct trace trace;
    struct error error = {"", 0};
    int fd = make_damaged(offset, is_truncated, mask);
    if (trace_read(&trace, fd, &error)) {
        report_trace(&trace, out);
        report_marks(&trace, out);
        report_series(&trace, out);
        report_moments(&trace, out);
        trace_close(&trace);
    } else if (!error.text[0]) {
        fprintf(stderr, "refused without a reason\n");
        exit(1);
    }
    close(fd);
}

static bool try_batch(size_t first, bool is_truncated, unsigned mask)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        FILE *out = fopen("/dev/null", "w");
        alarm(BATCH_SECONDS);
        for (size_t i = first; i < first + BATCH && i < good_bytes; i++) {
            *progress = i;
            try_one(i, is_truncated, mask, out);
        }
        exit(fclose(out) == 0 ? 0 : 1);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        exit(99);
    if (status == 0)
        return true;
    fprintf(stderr, "%s at offset %zu: wait status 0x%x\n", is_truncated ? "truncated" : "flipped",
            *progress, (unsigned)status);
    return false;
}

static int try_all(bool is_truncated, unsigned mask)
{
    size_t failures = 0;
    for (size_t first = 0; first < good_bytes; first += BATCH)
        failures += !try_batch(first, is_truncated, mask);
    printf("%zu offsets, %zu bad batches\n", good_bytes, failures);
    return failures != 0;
}

static int write_good(const char *path)
{
    FILE *file = fopen(path, "w");
    return file && fwrite(good, good_bytes, 1, file) == 1 && fclose(file) == 0 ? 0 : 99;
}

/* Reads all of a file whose name is not needed any more. */
static void take_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0 || unlink(path) != 0)
        exit(99);
    good_bytes = (size_t)status.st_size;
    good = mmap(NULL, good_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
}

/* In place of the trace. */
static void make_snapshot(int fd)
{
    char directory[] = "/tmp/memtrace-fuzz-XXXXXX";
    struct trace trace;
    struct snapshot snapshot;
    struct error error;
    if (!mkdtemp(directory) || !trace_read(&trace, fd, &error) ||
        !snapshot_write(&snapshot, &trace, directory, 0, &error))
        exit(99);
    take_file(snapshot.path);
    rmdir(directory);
    snapshot_finish(&snapshot);
    trace_close(&trace);
}

static void make_good(bool is_snapshot)
{
    struct error error;
    maker_example(&maker);
    int fd = maker_write(&maker);
    if (!trace_read(&good_trace, fd, &error) ||
        !stacks_init(&good_stacks, &good_trace, false, &error))
        exit(99);
    good_bytes = maker_file_bytes(&maker);
    good = mmap(NULL, good_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (is_snapshot)
        make_snapshot(fd);
    progress =
        mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (good == MAP_FAILED || progress == MAP_FAILED)
        exit(99);
}

int main(int argc, char **argv)
{
    bool is_snapshot = argc > 2 && strcmp(argv[argc - 1], "snapshot") == 0;
    make_good(is_snapshot);
    argc -= is_snapshot;
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_good(argv[2]);
    if (argc == 2 && strcmp(argv[1], "truncate") == 0)
        return try_all(true, 0);
    if (argc == 3 && strcmp(argv[1], "flip") == 0)
        return try_all(false, (unsigned)strtoul(argv[2], NULL, 0) & 0xff);
    fprintf(stderr, "usage: fuzz_trace --write FILE | truncate | flip MASK [snapshot]\n");
    return 2;
}
