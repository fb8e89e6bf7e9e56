/* SPDX-License-Identifier: BSD-2-Clause */
/* test_statistics.c -- Grouping, whose line, order and filters, on a trace made by hand. */
#include "../make_trace.h"
#include "fake_symbols.h"
#include "label.h"
#include "statistics.h"
#include "tap.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    MAIN_20 = 0x1000,
    MAIN_21 = 0x1010,
    PUSH_11 = 0x1100,
    PUSH_RECURSES = 0x1110,
    DUP_8 = 0x1200,
    INLINED = 0x1300,
    STRIPPED = 0x1400,
    STRDUP = 0x8000,
    NEW = 0x8100,
    LIBC_START = 0x8200,
    G_MALLOC = 0x9000,
    G_LIST = 0x9100
};

static const struct fake_symbol symbols[] = {
    {MAIN_20, {"main", "/src/demo.c", 20, false}},
    {MAIN_21, {"main", "/src/demo.c", 21, false}},
    {PUSH_11, {"push", "/src/demo.c", 11, false}},
    {PUSH_RECURSES, {"push", "/src/demo.c", 13, false}},
    {DUP_8, {"dup_name", "/src/other.c", 8, false}},
    {INLINED,
     {"std::vector<int, std::allocator<int> >::push_back(int const&)",
      "/usr/include/c++/12/bits/stl_vector.h", 1287, true}},
    {INLINED, {"fill(int)", "/src/demo.cc", 40, false}},
    {STRDUP, {"strdup", NULL, 0, false}},
    {NEW, {"operator new(unsigned long)", NULL, 0, false}},
    {LIBC_START, {"__libc_start_call_main", NULL, 0, false}},
    {G_MALLOC, {"g_malloc", NULL, 0, false}},
    {G_LIST, {"g_list_append", NULL, 0, false}},
};

static struct trace_maker maker;
static uint32_t demo, libc, stdcpp, glib;

static void begin(void)
{
    maker_init(&maker);
    demo = maker_module(&maker, "/src/demo");
    libc = maker_module(&maker, "/lib/x86_64-linux-gnu/libc.so.6");
    stdcpp = maker_module(&maker, "/usr/lib/x86_64-linux-gnu/libstdc++.so.6");
    glib = maker_module(&maker, "/usr/lib/x86_64-linux-gnu/libglib-2.0.so.0");
    fake_symbols_use(symbols, sizeof symbols / sizeof *symbols);
}

static uint32_t main_stack(uint64_t line)
{
    return maker_node(&maker, maker_node(&maker, 0, libc, LIBC_START), demo, line);
}

/* So many allocations of that size, half of them freed. */
static void allocate(uint32_t node, uint64_t count, uint64_t size_bytes)
{
    maker_counters(&maker, node, 1,
                   &(struct trace_counters){count, count * size_bytes, count / 2,
                                            count / 2 * size_bytes, 0,
                                            (int64_t)(count * size_bytes), (int64_t)count, 7});
}

/* Everything that was computed of one trace. */
static struct {
    struct trace trace;
    struct stacks stacks;
    struct statistics statistics;
    struct filters filters;
} got;

static bool compute(struct statistics_query query, bool is_system)
{
    struct error error;
    int fd = maker_write(&maker);
    query.filters = &got.filters;
    bool is_ok = trace_read(&got.trace, fd, &error) &&
                 stacks_init(&got.stacks, &got.trace, is_system, &error) &&
                 statistics_init(&got.statistics, &got.stacks, &query, &error);
    close(fd);
    if (!is_ok)
        tap_ok(false, error.text);
    return is_ok;
}

static void finish(void)
{
    statistics_finish(&got.statistics);
    stacks_finish(&got.stacks);
    trace_close(&got.trace);
    filters_finish(&got.filters);
}

/* "key size count" of an item, in the words of the measure. */
static const char *item_text(uint32_t index)
{
    static char text[512];
    if (index >= got.statistics.count)
        return "(none)";
    const struct statistic *item = &got.statistics.items[index];
    char *key = label_group(&got.statistics, item, LABEL_FULL);
    struct amount amount = figures_amount(&item->figures, got.statistics.measure);
    snprintf(text, sizeof text, "%s %" PRId64 " %" PRId64, key, amount.size_bytes, amount.count);
    free(key);
    return text;
}

static const char *via_text(uint32_t index)
{
    static char text[512];
    const struct statistic *item = &got.statistics.items[index];
    if (index >= got.statistics.count || item->via == NO_FRAME)
        return "";
    char *via = label_via(&got.stacks.frames[item->via]);
    snprintf(text, sizeof text, "%s", via);
    free(via);
    return text;
}

static const struct statistics_query by_line = {.group_by = GROUP_BY_LINE,
                                                .measure = MEASURE_TOTAL};

static void test_whose_line(void)
{
    begin();
    uint32_t main_20 = main_stack(MAIN_20);
    allocate(maker_node(&maker, maker_node(&maker, main_20, demo, DUP_8), libc, STRDUP), 8, 100);
    allocate(maker_node(&maker, maker_node(&maker, main_20, demo, INLINED), stdcpp, NEW), 7, 100);
    allocate(maker_node(&maker, maker_node(&maker, main_20, glib, G_LIST), glib, G_MALLOC), 6, 100);
    allocate(maker_node(&maker, main_20, demo, PUSH_11), 5, 100);
    allocate(maker_node(&maker, maker_node(&maker, 0, libc, LIBC_START), stdcpp, NEW), 4, 100);
    allocate(maker_node(&maker, main_20, demo, STRIPPED), 3, 100);
    allocate(maker_special(&maker, 0, SPECIAL_OVERFLOW), 2, 100);
    if (!compute(by_line, false))
        return;
    tap_text(item_text(0), "/src/other.c:8 800 8", "strdup is charged to its caller");
    tap_text(via_text(0), "strdup", "and named");
    tap_text(item_text(1), "/src/demo.cc:40 700 7", "an inlined standard function to its caller");
    tap_text(via_text(1), "std::vector::push_back", "the name nearest to the person's own");
    tap_text(item_text(2), "libglib-2.0.so.0+0x9100 600 6",
             "a system library's allocator is skipped");
    tap_text(via_text(2), "g_malloc", "but not the function that called it");
    tap_text(item_text(3), "/src/demo.c:11 500 5", "one's own line");
    tap_text(via_text(3), "", "without detour");
    tap_text(item_text(4), "libstdc++.so.6+0x8100 400 4", "runtime all through: the innermost");
    tap_text(item_text(5), "demo+0x1400 300 3", "nothing known: module and offset");
    tap_text(item_text(6), "<overflow> 200 2", "a special stack");
    tap_number((int64_t)got.statistics.total.alloc_bytes, 3500, "nothing is lost");
    finish();
}

static void test_system(void)
{
    begin();
    uint32_t main_20 = main_stack(MAIN_20);
    allocate(maker_node(&maker, maker_node(&maker, main_20, demo, DUP_8), libc, STRDUP), 8, 100);
    if (!compute(by_line, true))
        return;
    tap_text(item_text(0), "libc.so.6+0x8000 800 8", "--system: the innermost frame");
    finish();
}

static void fill(void)
{
    begin();
    uint32_t main_20 = main_stack(MAIN_20);
    uint32_t main_21 = main_stack(MAIN_21);
    allocate(maker_node(&maker, main_20, demo, PUSH_11), 10, 10);
    allocate(maker_node(&maker, main_21, demo, PUSH_11), 20, 10);
    allocate(maker_node(&maker, main_21, demo, DUP_8), 3, 100);
    allocate(main_20, 1, 1000);
}

static void test_groups(void)
{
    fill();
    if (compute(by_line, false)) {
        tap_number(got.statistics.count, 3, "lines");
        tap_text(item_text(0), "/src/demo.c:20 1000 1", "by size");
        tap_text(item_text(1), "/src/demo.c:11 300 30", "equal sizes: by count");
        tap_text(item_text(2), "/src/other.c:8 300 3", "last");
        statistics_sort(&got.statistics, MEASURE_COUNT);
        tap_text(item_text(0), "/src/demo.c:11 300 30", "by number of allocations");
        statistics_sort(&got.statistics, MEASURE_LIVE);
        tap_text(item_text(0), "/src/demo.c:20 1000 1", "by what is live");
        tap_text(item_text(1), "/src/other.c:8 200 2", "live is less than allocated");
        finish();
    }
    if (compute((struct statistics_query){.group_by = GROUP_BY_FUNCTION, .measure = MEASURE_TOTAL},
                false)) {
        tap_text(item_text(1), "push 300 30", "by function");
        finish();
    }
    if (compute((struct statistics_query){.group_by = GROUP_BY_FILE, .measure = MEASURE_TOTAL},
                false)) {
        tap_text(item_text(0), "/src/demo.c 1300 31", "by file");
        finish();
    }
    if (compute((struct statistics_query){.group_by = GROUP_BY_MODULE, .measure = MEASURE_TOTAL},
                false)) {
        tap_text(item_text(0), "/src/demo 1600 34", "by module");
        tap_number(got.statistics.count, 1, "one of them");
        finish();
    }
    if (compute((struct statistics_query){.group_by = GROUP_BY_TRACEBACK, .measure = MEASURE_TOTAL},
                false)) {
        tap_number(got.statistics.count, 4, "by call stack");
        tap_text(item_text(2), "/src/demo.c:11 < /src/demo.c:21 200 20",
                 "told apart by the caller");
        finish();
    }
}

/* Sorting only the first few gives the same few. */
static void test_few(bool has_negative)
{
    enum {
        SITES = 600
    };
    static uint32_t nodes[SITES];
    uint64_t state = 7;
    begin();
    uint32_t main_20 = main_stack(MAIN_20);
    for (uint64_t i = 0; i < SITES; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint64_t freed = has_negative && i % 9 == 0 ? 100 : 0;
        maker_counters(&maker, maker_node(&maker, main_20, demo, 0x2000 + i * 16), 1,
                       &(struct trace_counters){.alloc_count = 1 + (state >> 40) % 3,
                                                .alloc_bytes = (state >> 45) % 50,
                                                .freed_bytes = freed});
    }
    struct statistics_query query = by_line;
    query.measure = MEASURE_LIVE;
    if (!compute(query, false))
        return;
    for (uint32_t i = 0; i < SITES; i++)
        nodes[i] = got.statistics.items[i].node;
    finish();
    for (query.limit = 1; query.limit < 2 * SITES; query.limit *= 3) {
        if (!compute(query, false))
            return;
        uint32_t wrong = 0;
        for (uint32_t i = 0; i < query.limit && i < SITES; i++)
            wrong += got.statistics.items[i].node != nodes[i];
        tap_number(wrong, 0, "the first few are those of all");
        struct figures sum = {0};
        for (uint32_t i = 0; i < got.statistics.count; i++)
            figures_add(&sum, &got.statistics.items[i].figures);
        tap_number(sum.live_bytes, got.statistics.total.live_bytes, "and none is lost");
        finish();
    }
}

static void test_cumulative(void)
{
    begin();
    uint32_t main_20 = main_stack(MAIN_20);
    uint32_t once = maker_node(&maker, main_20, demo, PUSH_RECURSES);
    uint32_t twice = maker_node(&maker, once, demo, PUSH_RECURSES);
    allocate(maker_node(&maker, twice, demo, PUSH_11), 10, 10);
    allocate(maker_node(&maker, main_20, demo, PUSH_11), 10, 10);
    struct statistics_query query = by_line;
    query.is_cumulative = true;
    if (compute(query, false)) {
        tap_number(got.statistics.count, 3, "lines of the person's own code");
        tap_text(item_text(0), "/src/demo.c:20 200 20", "everything came through main");
        tap_text(item_text(1), "/src/demo.c:11 200 20", "and ended in one line");
        tap_text(item_text(2), "/src/demo.c:13 100 10", "a recursion counts once per stack");
        finish();
    }
    query.group_by = GROUP_BY_FUNCTION;
    if (compute(query, false)) {
        tap_text(item_text(1), "push 200 20", "functions too");
        tap_text(item_text(0), "main 200 20", "never more than everything");
        finish();
    }
}

static void expect_filtered(const char *include, const char *exclude, bool is_all_frames,
                            int64_t total, const char *name)
{
    struct error error;
    fill();
    got.filters = (struct filters){.is_all_frames = is_all_frames};
    if (include)
        filters_add(&got.filters, include, false, &error);
    if (exclude)
        filters_add(&got.filters, exclude, true, &error);
    if (!compute(by_line, false))
        return;
    tap_number((int64_t)got.statistics.total.alloc_bytes, total, name);
    finish();
}

static void test_filters(void)
{
    expect_filtered(NULL, NULL, false, 1600, "no filter keeps everything");
    expect_filtered("demo.c", NULL, false, 1300, "a bare pattern is a file's name");
    expect_filtered("file:/src/*", NULL, false, 1600, "* crosses slashes");
    expect_filtered("file:*.c:11", NULL, false, 300, "a line");
    expect_filtered(NULL, "other.c", false, 1300, "exclusive");
    expect_filtered("demo.c", "file:*:20", false, 300, "both: kept by one, dropped by the other");
    expect_filtered("function:pu*", NULL, false, 300, "a function");
    expect_filtered("module:demo", NULL, false, 1600, "a module");
    expect_filtered("module:libc*", NULL, false, 0, "only the charged frame counts");
    expect_filtered("file:*:21", NULL, true, 500, "or every frame");
    expect_filtered(NULL, "file:*:21", true, 1100, "every frame, exclusive");
}

static void test_domains(void)
{
    begin();
    uint32_t main_20 = main_stack(MAIN_20);
    allocate(main_20, 2, 100);
    maker_counters(&maker, main_20, 1 | DOMAIN_POOL << OWNER_DOMAIN_SHIFT,
                   &(struct trace_counters){5, 50, 0, 0, 0, 0, 0, 0});
    if (!compute(by_line, false))
        return;
    tap_text(item_text(0), "/src/demo.c:20 200 2", "a pool's objects are not the heap's blocks");
    tap_number((int64_t)trace_total(&got.trace, NULL).alloc_bytes, 200, "nor in the total");
    finish();
}

static void test_threads(void)
{
    begin();
    uint32_t worker = maker_thread(&maker, 4243, "worker");
    struct trace_thread *thread = maker_thread_at(&maker, worker);
    thread->free_count = 2;
    thread->freed_bytes = 200;
    thread = maker_thread_at(&maker, 1);
    thread->alloc_count = 3;
    thread->alloc_bytes = 300;
    if (!compute((struct statistics_query){.group_by = GROUP_BY_THREAD, .measure = MEASURE_LIVE},
                 false))
        return;
    tap_text(item_text(0), "demo (4242) 300 3", "a thread that allocates");
    tap_text(item_text(1), "worker (4243) -200 -2", "one that frees what others allocated");
    finish();
}

int main(void)
{
    test_whose_line();
    test_system();
    test_groups();
    test_few(false);
    test_few(true);
    test_cumulative();
    test_filters();
    test_domains();
    test_threads();
    return tap_end();
}
