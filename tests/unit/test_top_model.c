/* SPDX-License-Identifier: BSD-2-Clause */
/* test_top_model.c -- Growth and rates between readings of a trace made by hand, exactly. */
#include "../make_trace.h"
#include "fake_symbols.h"
#include "follow.h"
#include "label.h"
#include "tap.h"
#include "top_past.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

enum {
    MAIN_20 = 0x1000,
    PUSH_11 = 0x1100,
    DUP_8 = 0x1200,
    OTHER_3 = 0x1300,
    LATE_7 = 0x1400,
    STRDUP = 0x8000
};

static const struct fake_symbol symbols[] = {
    {MAIN_20, {"main", "/src/demo.c", 20, false}},  {PUSH_11, {"push", "/src/demo.c", 11, false}},
    {DUP_8, {"dup_name", "/src/demo.c", 8, false}}, {OTHER_3, {"other", "/src/other.c", 3, false}},
    {LATE_7, {"late", "/src/late.c", 7, false}},    {STRDUP, {"strdup", NULL, 0, false}},
};

static struct trace_maker maker;
static uint32_t demo, libc, worker;
static uint32_t main_node, dup_node;
static char path[] = "/tmp/memtrace-top-XXXXXX";
static struct follow follow;
static struct stacks stacks;
static struct top_model model;
static struct error error;

/* --- the trace --- */

static struct trace_counters *counters(uint32_t id)
{
    return (struct trace_counters *)(void *)maker.sections[SECTION_COUNTERS] + id;
}

/* So many more allocations of that size, so many frees. */
static void add(uint32_t id, uint64_t allocs, uint64_t frees, uint64_t size_bytes)
{
    counters(id)->alloc_count += allocs;
    counters(id)->alloc_bytes += allocs * size_bytes;
    counters(id)->free_count += frees;
    counters(id)->freed_bytes += frees * size_bytes;
}

static uint32_t site(uint32_t parent, uint32_t module, uint64_t offset, uint32_t thread)
{
    return maker_counters(&maker, maker_node(&maker, parent, module, offset), thread,
                          &(struct trace_counters){.peak_epoch = 1});
}

/* What the recorder has done since is in the file. */
static void publish(void)
{
    char buffer[4096];
    int from = maker_write(&maker);
    FILE *to = fopen(path, "r+");
    ssize_t got;
    lseek(from, 0, SEEK_SET);
    while (to && (got = read(from, buffer, sizeof buffer)) > 0)
        fwrite(buffer, 1, (size_t)got, to);
    close(from);
    if (!to || fclose(to) != 0)
        exit(99);
}

static void name_all(void)
{
    tap_ok(stacks_ask(&stacks, &error), "addresses are asked for");
    symbolizer_resolve(stacks.symbolizer);
    tap_ok(stacks_answer(&stacks, &error) && top_model_rename(&model), "and answered");
}

static bool read_at_second(double seconds)
{
    publish();
    return follow_read(&follow, &error) &&
           top_model_read(&model, SECOND * 100 + (uint64_t)(seconds * 1e9), 4096);
}

static uint32_t site_dup, site_push, site_other;

static void begin(void)
{
    maker_init(&maker);
    fake_symbols_use(symbols, sizeof symbols / sizeof *symbols);
    demo = maker_module(&maker, "/src/demo");
    libc = maker_module(&maker, "/lib/x86_64-linux-gnu/libc.so.6");
    worker = maker_thread(&maker, 4243, "worker");
    main_node = maker_node(&maker, 0, demo, MAIN_20);
    uint32_t push = maker_node(&maker, main_node, demo, PUSH_11);
    site_dup = site(maker_node(&maker, push, demo, DUP_8), libc, STRDUP, 1);
    dup_node = ((struct trace_owner *)(void *)maker.sections[SECTION_OWNERS])[site_dup].node;
    site_push = site(main_node, demo, PUSH_11, 1);
    site_other = site(main_node, demo, OTHER_3, worker);
    add(site_dup, 10, 2, 100);
    add(site_push, 3, 0, 1000);
    add(site_other, 1, 0, 5);
    publish();
    if (!follow_open(&follow, path, &error))
        exit(99);
    stacks_begin(&stacks, &follow.trace, false);
    top_model_init(&model, &follow.trace, &stacks);
}

static void finish(void)
{
    top_model_finish(&model);
    stacks_finish(&stacks);
    follow_close(&follow);
}

/* --- what it comes to --- */

/* "label live(count) growth(count) rates: growth, allocations, bytes" */
static const char *describe(const struct top_row *row)
{
    static char text[512];
    const struct figures *figures = &row->item.figures;
    const struct statistics statistics = {.stacks = &stacks, .group_by = model.group_by};
    bool is_named = model.group_by == GROUP_BY_THREAD || row->item.frame != NO_FRAME;
    char *label = is_named ? label_group(&statistics, &row->item, LABEL_FULL) : strdup("-");
    snprintf(text, sizeof text, "%s %" PRId64 "(%" PRId64 ") %" PRId64 "(%" PRId64 ") %g %g %g",
             label, figures->live_bytes, figures->live_count, row->growth_bytes, row->growth_count,
             row->growth_rate, row->alloc_rate, row->byte_rate);
    free(label);
    return text;
}

static const char *row(uint32_t index)
{
    return index < model.row_count ? describe(&model.rows[index]) : "(none)";
}

static void test_rates(void)
{
    begin();
    tap_ok(read_at_second(0), "a first reading");
    tap_number(model.row_count, 1, "without names all call sites are one row");
    tap_text(row(0), "- 3805(12) 0(0) 0 0 0", "with what they have together");
    tap_number(model.rows[0].group, TOP_UNNAMED, "which says that it has no name");
    name_all();
    tap_number(model.row_count, 3, "with names they are three");
    tap_text(row(0), "/src/demo.c:11 3000(3) 0(0) 0 0 0", "the largest first");
    tap_text(row(1), "/src/demo.c:8 800(8) 0(0) 0 0 0", "then the next");
    tap_text(row(2), "/src/other.c:3 5(1) 0(0) 0 0 0", "then the last");
    tap_ok(!top_model_has_rates(&model), "one reading makes no rate");
    add(site_dup, 40, 10, 100);
    add(site_push, 0, 1, 1000);
    tap_ok(read_at_second(2), "a second one, two seconds later");
    tap_ok(top_model_has_rates(&model), "makes rates");
    tap_text(row(0), "/src/demo.c:8 3800(38) 3000(30) 1500 20 2000", "of what grew");
    tap_text(row(1), "/src/demo.c:11 2000(2) -1000(-1) -500 0 0", "of what shrank");
    tap_text(row(2), "/src/other.c:3 5(1) 0(0) 0 0 0", "and of what stayed");
    tap_number(model.total.growth_bytes, 2000, "the sum of growth");
    tap_ok(model.total.growth_rate == 1000 && model.total.alloc_rate == 20 &&
               model.total.byte_rate == 2000,
           "and of rates");
    add(site_dup, 2, 0, 100);
    read_at_second(2.5);
    tap_text(row(0), "/src/demo.c:8 4000(40) 3200(32) 400 4 400",
             "growth since the beginning, rates of the last half second");
    read_at_second(3.5);
    tap_text(row(0), "/src/demo.c:8 4000(40) 3200(32) 0 0 0", "nothing happened");
    tap_ok(top_model_rebase(&model), "another baseline");
    tap_text(row(0), "/src/demo.c:8 4000(40) 0(0) 0 0 0", "growth begins anew");
    add(site_dup, 0, 40, 100);
    read_at_second(4.5);
    tap_text(row(2), "/src/demo.c:8 0(0) -4000(-40) -4000 0 0", "and goes below it");
    finish();
}

static void test_new_sites(void)
{
    begin();
    read_at_second(0);
    name_all();
    uint32_t late = site(main_node, maker_module(&maker, "/src/late.so"), LATE_7, worker);
    uint32_t again = maker_counters(&maker, dup_node, worker, &(struct trace_counters){0});
    add(late, 4, 1, 50);
    add(again, 0, 5, 100);
    read_at_second(1);
    tap_number(model.row_count, 4, "a call site that is new");
    tap_text(row(2), "- 150(3) 150(3) 150 4 200", "has no name at first, and all of it is growth");
    tap_text(row(1), "/src/demo.c:8 300(3) -500(-5) -500 0 0",
             "what another thread frees belongs to the same row");
    uint32_t group = model.rows[1].group;
    name_all();
    tap_text(row(2), "/src/late.c:7 150(3) 150(3) 150 4 200", "then it gets one");
    tap_number(model.rows[1].group, group, "others keep their number");
    tap_ok(!stacks_are_behind(&stacks), "all names are known");
    finish();
}

static void test_domains(void)
{
    begin();
    uint32_t pool = maker_counters(&maker, 3, 1 | DOMAIN_POOL << OWNER_DOMAIN_SHIFT,
                                   &(struct trace_counters){0});
    add(pool, 7, 0, 7);
    read_at_second(0);
    tap_number(model.total.item.figures.live_bytes, 3805, "a pool's objects are not added up");
    finish();
}

static void test_groups(void)
{
    begin();
    read_at_second(0);
    name_all();
    add(site_dup, 1, 0, 100);
    add(site_other, 1, 0, 5);
    read_at_second(1);
    tap_ok(top_model_group(&model, GROUP_BY_FILE), "by file");
    tap_text(row(0), "/src/demo.c 3900(12) 100(1) 100 1 100", "lines are added up");
    tap_text(row(1), "/src/other.c 10(2) 5(1) 5 1 5", "with their growth");
    top_model_group(&model, GROUP_BY_FUNCTION);
    tap_text(row(1), "dup_name 900(9) 100(1) 100 1 100", "by function");
    top_model_group(&model, GROUP_BY_MODULE);
    tap_text(row(0), "/src/demo 3910(14) 105(2) 105 2 105", "by module");
    tap_number(model.row_count, 1, "of which there is one");
    top_model_group(&model, GROUP_BY_TRACEBACK);
    tap_text(row(1), "/src/demo.c:8 < /src/demo.c:11 < /src/demo.c:20 900(9) 100(1) 100 1 100",
             "by call stack");
    tap_number(model.kept.growth_bytes, model.total.growth_bytes, "nothing is lost on the way");
    finish();
}

static void set_thread(uint32_t thread, uint64_t start_ns, uint64_t allocs, uint64_t frees)
{
    struct trace_thread *details = maker_thread_at(&maker, thread);
    details->start_time_ns = start_ns;
    details->alloc_count = allocs;
    details->alloc_bytes = allocs * 10;
    details->free_count = frees;
    details->freed_bytes = frees * 10;
}

static void test_threads(void)
{
    begin();
    set_thread(1, 1, 20, 5);
    set_thread(worker, 2, 7, 9);
    read_at_second(0);
    top_model_group(&model, GROUP_BY_THREAD);
    tap_text(row(0), "demo (4242) 150(15) 0(0) 0 0 0", "by thread");
    tap_text(row(1), "worker (4243) -20(-2) 0(0) 0 0 0", "which may have freed more");
    set_thread(worker, 2, 17, 9);
    read_at_second(2);
    tap_text(row(1), "worker (4243) 80(8) 100(10) 50 5 50", "with their rates");
    set_thread(worker, 3, 4, 0);
    read_at_second(3);
    tap_text(row(1), "worker (4243) 40(4) 40(4) 40 4 40",
             "another one in its place begins at nothing");
    top_model_filter(&model, "WORK");
    tap_number(model.row_count, 1, "found by a part of the name");
    top_model_filter(&model, "!work");
    tap_text(row(0), "demo (4242) 150(15) 0(0) 0 0 0", "or left out");
    tap_number(top_model_stacks(&model, model.rows[0].group, NULL, 0), 0,
               "threads have no call stacks");
    finish();
}

static void check_filter(const char *text, const char *expected)
{
    char name[128];
    char found[128] = "";
    top_model_filter(&model, text);
    for (uint32_t i = 0; i < model.row_count; i++) {
        const struct frame *frame = &stacks.frames[model.rows[i].item.frame];
        strcat(found, i ? " " : "");
        strcat(found, frame->function);
    }
    snprintf(name, sizeof name, "filter \"%s\"", text);
    tap_text(found, expected, name);
}

static void test_filters(void)
{
    begin();
    read_at_second(0);
    name_all();
    check_filter("", "push dup_name other");
    check_filter("dup", "dup_name");
    check_filter("DEMO.C", "push dup_name");
    check_filter("demo.c:8", "dup_name");
    check_filter("/SRC/DEMO", "push dup_name other");
    check_filter("!demo.c", "other");
    check_filter("nothing", "");
    check_filter("function:*u*", "push dup_name");
    check_filter("!function:*u*", "other");
    check_filter("file:other.c", "other");
    check_filter("*.c", "push dup_name other");
    check_filter("module:demo", "push dup_name other");
    check_filter("*.c:11", "push");
    check_filter("file:", "");
    top_model_filter(&model, "dup");
    tap_number(model.kept.item.figures.live_bytes, 800, "what is kept");
    tap_number(model.total.item.figures.live_bytes, 3805, "of everything");
    add(site_dup, 1, 0, 100);
    read_at_second(1);
    tap_text(row(0), "/src/demo.c:8 900(9) 100(1) 100 1 100", "it stays from reading to reading");
    tap_number(model.row_count, 1, "also for what comes later");
    top_model_group(&model, GROUP_BY_FILE);
    tap_text(row(0), "/src/demo.c 900(9) 100(1) 100 1 100", "and for other groups");
    finish();
}

static void check_order(enum top_sort sort, const char *expected)
{
    char found[128] = "";
    top_model_sort(&model, sort);
    for (uint32_t i = 0; i < model.row_count; i++) {
        strcat(found, i ? " " : "");
        strcat(found, stacks.frames[model.rows[i].item.frame].function);
    }
    tap_text(found, expected, top_sort_word(sort));
}

static void test_order(void)
{
    begin();
    read_at_second(0);
    name_all();
    add(site_dup, 5, 9, 100);   /* shrinks by 400 */
    add(site_other, 7, 0, 5);   /* grows by 35 */
    add(site_push, 1, 1, 1000); /* turns over 1000 */
    counters(site_other)->peak_bytes = 9999;
    counters(site_other)->peak_epoch = maker.header.peak_epoch;
    read_at_second(1);
    check_order(TOP_LIVE, "push dup_name other");
    check_order(TOP_GROWTH, "other push dup_name");
    check_order(TOP_GROWTH_RATE, "other push dup_name");
    check_order(TOP_ALLOC_RATE, "other dup_name push");
    check_order(TOP_BYTE_RATE, "push dup_name other");
    check_order(TOP_BLOCKS, "other dup_name push");
    check_order(TOP_PEAK, "other push dup_name");
    check_order(TOP_ALLOCATIONS, "dup_name other push");
    check_order(TOP_TOTAL, "push dup_name other");
    read_at_second(2);
    check_order(TOP_GROWTH_RATE, "push dup_name other");
    enum top_sort sort;
    tap_ok(top_sort_parse("byte-rate", &sort) && sort == TOP_BYTE_RATE,
           "a word of the command line");
    tap_ok(!top_sort_parse("bytes-rate", &sort), "and none");
    finish();
}

/* Samples are of the lines that allocate, and of others. */
static void test_cpu(void)
{
    const uint32_t sampled = 1 | DOMAIN_CPU << OWNER_DOMAIN_SHIFT;
    begin();
    read_at_second(0);
    tap_ok(!top_model_has(&model, TOP_CPU) && top_model_has(&model, TOP_LIVE), "no samples");
    uint32_t other = site(main_node, demo, OTHER_3, sampled);
    uint32_t late = site(main_node, demo, LATE_7, sampled);
    add(other, 250, 0, 1000000);
    read_at_second(1);
    name_all();
    add(other, 500, 0, 1000000);
    add(late, 1000, 0, 1000000);
    read_at_second(3);
    tap_ok(top_model_has(&model, TOP_CPU), "samples");
    check_order(TOP_CPU, "late other push dup_name");
    tap_number((int64_t)model.rows[1].cpu_ns, 750000000, "time of a line that allocates, too");
    tap_ok(fabs(model.rows[1].cpu_share - 0.25) < 1e-9, "and its share of a CPU");
    tap_ok(fabs(model.rows[0].cpu_share - 0.5) < 1e-9, "that of one that does not");
    tap_number((int64_t)model.total.cpu_ns, 1750000000, "the whole");
    tap_number(model.total.item.figures.live_bytes, 3805, "the heap is as it was");
    add(late, 1, 0, 5000000000);
    read_at_second(4);
    check_order(TOP_CPU_TIME, "late other push dup_name");
    enum top_sort sort;
    tap_ok(top_sort_parse("cpu-time", &sort) && sort == TOP_CPU_TIME, "its word");
    finish();
}

static void test_stacks(void)
{
    begin();
    uint32_t second = site(maker_node(&maker, main_node, demo, OTHER_3), libc, STRDUP, 1);
    add(second, 3, 0, 4);
    read_at_second(0);
    name_all();
    add(second, 2, 0, 4);
    read_at_second(1);
    tap_text(row(2), "/src/other.c:3 25(6) 8(2) 8 2 8", "two call sites in one row");
    struct top_row rows[2];
    tap_number(top_model_stacks(&model, model.rows[2].group, rows, 2), 2, "are two call stacks");
    tap_text(describe(&rows[0]), "/src/other.c:3 20(5) 8(2) 8 2 8", "each with its own figures");
    tap_text(describe(&rows[1]), "/src/other.c:3 5(1) 0(0) 0 0 0", "and the smaller one");
    tap_ok(rows[0].item.via != NO_FRAME && rows[1].item.via == NO_FRAME, "one through strdup");
    tap_ok(model.rows[2].item.is_via_mixed, "which the row says");
    tap_number(top_model_stacks(&model, model.rows[2].group, rows, 1), 2,
               "counted where there is no room");
    tap_number(top_model_stacks(&model, 12345, rows, 2), 0, "none of a group that is not there");
    finish();
}

static void test_points(void)
{
    begin();
    for (int i = 0; i < TOP_POINTS_MAX + 3; i++) {
        add(site_other, 1, 0, 5);
        top_model_read(&model, SECOND * (uint64_t)(100 + i), i % 2 ? -1 : i);
        model.sites[2].now.live_bytes = 0;
    }
    read_at_second(5000);
    const struct top_point *last = &model.points[(model.point_count - 1) % TOP_POINTS_MAX];
    tap_number(model.point_count, TOP_POINTS_MAX + 4, "all readings are counted");
    tap_ok(last->live_bytes == 3805 + 5 * (TOP_POINTS_MAX + 3) && last->rss_bytes == 4096,
           "the last one is in the ring");
    finish();
}

static void check_points(const char *expected, const char *name)
{
    char found[256] = "";
    uint32_t first = model.point_count > 8 ? model.point_count - 8 : 0;
    for (uint32_t i = first; i < model.point_count; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%" PRId64,
                 *found ? " " : "", model.points[i].live_bytes);
    tap_text(found, expected, name);
}

/* The history knows what was before: 100 bytes from the first second on, 40 from the third. */
static void test_past(void)
{
    const struct made_change first[] = {{site_dup, {.alloc_count = 1, .alloc_bytes = 100}}};
    const struct made_change third[] = {{site_dup, {.free_count = 1, .freed_bytes = 60}}};
    struct trace trace;
    begin();
    maker.header.start_time_ns = SECOND * 10;
    maker.header.end_time_ns = maker.header.last_seen_ns = SECOND * 14;
    maker_tick(&maker, SECOND, UINT32_MAX, first, 1);
    maker_tick(&maker, SECOND * 2, UINT32_MAX, third, 1);
    finish();
    publish();
    int fd = open(path, O_RDONLY);
    if (!follow_open(&follow, path, &error) || !trace_read(&trace, fd, &error))
        exit(99);
    close(fd);
    stacks_begin(&stacks, &follow.trace, false);
    top_model_init(&model, &follow.trace, &stacks);
    top_model_read(&model, SECOND * 14, -1);
    trace.is_running = true;
    tap_ok(top_past_recall(&model, &trace, SECOND, &error), "while it runs");
    check_points("0 100 100 40 3805", "one point for each interval, and the first reading");
    tap_ok(!model.is_whole, "of the last of which as many are shown as find room");
    tap_number(model.points[1].rss_bytes, -1, "of other memory nothing is known");
    top_model_read(&model, SECOND * 15, 4096);
    check_points("0 100 100 40 3805 3805", "then it goes on");
    model.points[0] = model.points[4];
    model.point_count = 1;
    trace.is_running = false;
    tap_ok(top_past_recall(&model, &trace, SECOND, &error) && model.is_whole, "its whole run");
    tap_number(model.point_count, TOP_POINTS_MAX / 2 + 1, "in as many points as there is room for");
    check_points("40 40 40 40 40 40 40 3805", "up to its end");
    tap_number(model.points[TOP_POINTS_MAX / 4].live_bytes, 100, "through its middle");
    model.point_count = 1;
    trace.history_bytes = 0;
    tap_ok(top_past_recall(&model, &trace, SECOND, &error), "without a history");
    tap_number(model.point_count, 1, "nothing is added");
    trace_close(&trace);
    finish();
}

/* What was cleared, and times that stand still, make no negative and no infinite rates. */
static void test_odd(void)
{
    begin();
    read_at_second(0);
    name_all();
    *counters(site_dup) = (struct trace_counters){0};
    read_at_second(1);
    tap_text(row(2), "/src/demo.c:8 0(0) -800(-8) -800 0 0", "counters that were cleared");
    add(site_dup, 1, 0, 100);
    read_at_second(1);
    tap_ok(isfinite(model.total.alloc_rate), "no time has passed");
    read_at_second(0.5);
    tap_ok(isfinite(model.total.alloc_rate) && model.total.alloc_rate >= 0, "time went backwards");
    finish();
}

static void test_replaced(void)
{
    begin();
    read_at_second(0);
    name_all();
    uint32_t node_count = follow.trace.node_count;
    ((struct trace_node *)(void *)maker.sections[SECTION_NODES])[2].offset++;
    publish();
    tap_ok(!follow_read(&follow, &error), "a trace whose stacks have changed is not followed");
    tap_text(error.text, "another trace took its place", "for a reason");
    tap_number(follow.trace.node_count, node_count, "and what was read stays");
    tap_ok(top_model_read(&model, SECOND * 200, -1), "to be looked at");
    ((struct trace_node *)(void *)maker.sections[SECTION_NODES])[2].offset--;
    maker.sections[SECTION_STRINGS][maker.sizes[SECTION_STRINGS] - 1] ^= 1;
    publish();
    tap_ok(!follow_read(&follow, &error), "nor one of other modules");
    truncate(path, 100);
    tap_ok(!follow_read(&follow, &error), "nor a truncated one");
    finish();
    int fd = open(path, O_WRONLY | O_TRUNC);
    close(fd);
    tap_ok(!follow_open(&follow, path, &error), "an empty file is not opened");
}

int main(void)
{
    int fd = mkstemp(path);
    if (fd < 0)
        return 99;
    close(fd);
    test_rates();
    test_new_sites();
    test_domains();
    test_groups();
    test_threads();
    test_filters();
    test_order();
    test_cpu();
    test_stacks();
    test_points();
    test_past();
    test_odd();
    test_replaced();
    unlink(path);
    return tap_end();
}
