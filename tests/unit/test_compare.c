/* SPDX-License-Identifier: BSD-2-Clause */
/* test_compare.c -- Differences of heaps made by hand: figures, order, and what counts as equal
 * across processes, places and builds. */
#include "../make_trace.h"
#include "compare.h"
#include "diff_table.h"
#include "fake_symbols.h"
#include "growth.h"
#include "moved.h"
#include "pattern.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MAIN_20 = 0x1000,
    PUSH_11 = 0x1100,
    PUSH_12 = 0x1110,
    LIST_7 = 0x1200,
    MOVED_7 = 0x1210, /* the same, the sources elsewhere */
    DUP_OLD = 0x2000, /* two builds of one function without lines */
    DUP_NEW = 0x2800,
    NAMELESS = 0x3000
};

static const struct fake_symbol symbols[] = {
    {MAIN_20, {"main", "/src/demo.c", 20, false}},
    {PUSH_11, {"push", "/src/demo.c", 11, false}},
    {PUSH_12, {"push", "/src/demo.c", 12, false}},
    {LIST_7, {"append", "/src/list.c", 7, false}},
    {MOVED_7, {"append", "/build/42/src/list.c", 7, false}},
    {DUP_OLD, {"dup_name", NULL, 0, false}},
    {DUP_NEW, {"dup_name", NULL, 0, false}},
};

/* One side in the making, and what becomes of it. */
static struct side {
    struct trace_maker maker;
    struct trace trace;
    struct stacks stacks;
    struct sites sites;
    uint32_t module;
} sides[SIDE_COUNT];
static struct comparison got;
static struct filters no_filters;

static void begin(const char *old_module, uint8_t old_build, const char *new_module,
                  uint8_t new_build)
{
    const char *const paths[] = {old_module, new_module};
    const uint8_t builds[] = {old_build, new_build};
    fake_symbols_use(symbols, sizeof symbols / sizeof *symbols);
    for (int i = 0; i < SIDE_COUNT; i++) {
        struct side *side = &sides[i];
        maker_init(&side->maker);
        if (i == SIDE_NEW) /* other numbers than in the old one */
            maker_module(&side->maker, "/lib/other.so");
        side->module = maker_module(&side->maker, paths[i]);
        struct trace_module *module =
            (struct trace_module *)(void *)side->maker.sections[SECTION_MODULES] + side->module;
        module->build_id_bytes = builds[i] ? 1 : 0;
        module->build_id[0] = builds[i];
    }
}

/* So many blocks of that size are live, called from main. */
static void live(uint32_t side, uint64_t place, uint64_t count, uint64_t size_bytes)
{
    struct trace_maker *maker = &sides[side].maker;
    uint32_t outer = maker_node(maker, 0, sides[side].module, MAIN_20);
    uint32_t node = maker_node(maker, outer, sides[side].module, place);
    maker_counters(maker, node, 1,
                   &(struct trace_counters){count + 1, count * size_bytes + 7, 1, 7, 0, 0, 0, 0});
}

static bool load(struct side *side, struct error *error)
{
    int fd = maker_write(&side->maker);
    bool is_ok = trace_read(&side->trace, fd, error) &&
                 stacks_init(&side->stacks, &side->trace, false, error);
    close(fd);
    return is_ok && sites_init(&side->sites, &side->trace);
}

static bool compare(struct compare_query query)
{
    struct error error = {"", 0};
    query.filters = &no_filters;
    bool is_ok = load(&sides[SIDE_OLD], &error) && load(&sides[SIDE_NEW], &error);
    if (is_ok) {
        struct compare_side old = {&sides[SIDE_OLD].stacks, &sides[SIDE_OLD].sites};
        struct compare_side new = {&sides[SIDE_NEW].stacks, &sides[SIDE_NEW].sites};
        is_ok = comparison_init(&got, &old, &new, &query, &error);
    }
    if (!is_ok)
        tap_ok(false, error.text);
    return is_ok;
}

static void finish(void)
{
    comparison_finish(&got);
    for (int i = 0; i < SIDE_COUNT; i++) {
        sites_finish(&sides[i].sites);
        stacks_finish(&sides[i].stacks);
        trace_close(&sides[i].trace);
    }
}

/* The line of an item as people see it. */
static const char *line(uint32_t index)
{
    static char text[512];
    if (index >= got.count)
        return "(none)";
    FILE *out = fmemopen(text, sizeof text, "w");
    char *label = diff_label(&got, &got.items[index], LABEL_FULL);
    fprintf(out, "%s: ", label);
    diff_table_write_amount(out, &got.items[index]);
    fclose(out);
    free(label);
    return text;
}

static const struct compare_query by_line = {.group_by = GROUP_BY_LINE, .measure = MEASURE_LIVE};

static void test_order(void)
{
    begin("/src/demo", 1, "/src/demo", 1);
    live(SIDE_OLD, PUSH_11, 10, 100);
    live(SIDE_NEW, PUSH_11, 15, 100);
    live(SIDE_OLD, PUSH_12, 5, 200);
    live(SIDE_OLD, DUP_OLD, 2, 8);
    live(SIDE_NEW, DUP_OLD, 2, 8);
    live(SIDE_NEW, MAIN_20, 1, 500);
    if (!compare(by_line))
        return;
    tap_number(got.count, 4, "what is in either, the unchanged included");
    tap_text(line(0), "/src/demo.c:12: size=0 B (-1000 B), count=0 (-5)", "what is gone");
    tap_text(line(1), "/src/demo.c:11: size=1500 B (+500 B), count=15 (+5), average=100 B",
             "of equal changes the larger one");
    tap_text(line(2), "/src/demo.c:20: size=500 B (+500 B), count=1 (+1), average=500 B",
             "what is new");
    tap_text(line(3), "demo+0x2000: size=16 B (+0 B), count=2 (+0), average=8 B", "unchanged");
    tap_number(got.changed_count, 3, "changed ones");
    tap_number(got.totals[SIDE_OLD].size_bytes, 2016, "all of the old");
    tap_number(got.totals[SIDE_NEW].count, 18, "all of the new");
    finish();
}

static void test_measures(void)
{
    struct compare_query query = by_line;
    begin("/src/demo", 1, "/src/demo", 1);
    live(SIDE_OLD, PUSH_11, 10, 100);
    live(SIDE_NEW, PUSH_11, 11, 1);
    live(SIDE_NEW, PUSH_12, 30, 1);
    query.measure = MEASURE_TOTAL;
    if (compare(query)) {
        tap_text(line(0), "/src/demo.c:11: size=18 B (-989 B), count=12 (+1), average=2 B",
                 "all that was ever allocated");
        finish();
    }
    query.measure = MEASURE_COUNT;
    if (compare(query)) {
        tap_text(line(0), "/src/demo.c:12: size=37 B (+37 B), count=31 (+31), average=1 B",
                 "sorted by the number of allocations");
        finish();
    }
}

static void test_groups(void)
{
    static const enum group_by groups[] = {GROUP_BY_FUNCTION, GROUP_BY_FILE, GROUP_BY_MODULE,
                                           GROUP_BY_TRACEBACK};
    static const char *const expected[] = {
        "push: size=300 B (+200 B), count=3 (+2), average=100 B",
        "/src/demo.c: size=300 B (+200 B), count=3 (+2), average=100 B",
        "/src/demo: size=308 B (+200 B), count=4 (+2), average=77 B",
        "/src/demo.c:12 < /src/demo.c:20: size=200 B (+200 B), count=2 (+2), average=100 B"};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        begin("/src/demo", 1, "/src/demo", 1);
        live(SIDE_OLD, PUSH_11, 1, 100);
        live(SIDE_NEW, PUSH_11, 1, 100);
        live(SIDE_NEW, PUSH_12, 2, 100);
        live(SIDE_OLD, NAMELESS, 1, 8);
        live(SIDE_NEW, NAMELESS, 1, 8);
        if (!compare((struct compare_query){.group_by = groups[i], .measure = MEASURE_LIVE}))
            return;
        tap_text(line(0), expected[i], label_group_by(groups[i]));
        finish();
    }
}

static void test_cumulative(void)
{
    for (int is_tracemalloc = 0; is_tracemalloc < 2; is_tracemalloc++) {
        struct compare_query query = by_line;
        query.is_cumulative = true;
        query.is_tracemalloc = is_tracemalloc;
        begin("/src/demo", 1, "/src/demo", 1);
        live(SIDE_OLD, MAIN_20, 1, 100);
        live(SIDE_NEW, MAIN_20, 1, 100);
        live(SIDE_NEW, PUSH_11, 1, 10);
        if (!compare(query))
            return;
        tap_text(line(0),
                 is_tracemalloc ? "/src/demo.c:20: size=210 B (+10 B), count=3 (+1), average=70 B"
                                : "/src/demo.c:20: size=110 B (+10 B), count=2 (+1), average=55 B",
                 is_tracemalloc ? "recursion counts as often as it goes, in tracemalloc"
                                : "and once for us");
        tap_text(line(1), "/src/demo.c:11: size=10 B (+10 B), count=1 (+1), average=10 B",
                 "callees too");
        finish();
    }
}

/* --- across places and builds --- */

static void expect_equal(const char *old_module, uint8_t old_build, uint64_t old_place,
                         const char *new_module, uint8_t new_build, uint64_t new_place,
                         enum group_by group_by, const char *expected, const char *name)
{
    begin(old_module, old_build, new_module, new_build);
    live(SIDE_OLD, old_place, 1, 100);
    live(SIDE_NEW, new_place, 2, 100);
    if (!compare((struct compare_query){.group_by = group_by, .measure = MEASURE_LIVE}))
        return;
    char text[512];
    snprintf(text, sizeof text, "%s: size=200 B (+100 B), count=2 (+1), average=100 B", expected);
    tap_text(line(0), text, name);
    if (!tap_number(got.count, 1, name))
        printf("# also %s\n", line(1));
    finish();
}

static void test_identity(void)
{
    expect_equal("/a/demo", 1, NAMELESS, "/b/demo-2", 1, NAMELESS, GROUP_BY_LINE, "demo-2+0x3000",
                 "the same build in another place");
    expect_equal("/a/demo", 1, DUP_OLD, "/a/demo", 2, DUP_NEW, GROUP_BY_LINE, "demo(dup_name)",
                 "another build: functions stand for addresses");
    expect_equal("/a/demo", 1, DUP_OLD, "/b/demo", 2, DUP_NEW, GROUP_BY_LINE, "demo(dup_name)",
                 "another build in another place");
    expect_equal("/a/demo", 1, DUP_OLD, "/b/demo", 2, DUP_NEW, GROUP_BY_TRACEBACK,
                 "demo+0x2800 < /src/demo.c:20", "by call stack as well");
    expect_equal("/a/demo", 1, DUP_OLD, "/b/demo", 2, DUP_NEW, GROUP_BY_FUNCTION, "dup_name",
                 "by function");
    expect_equal("/a/demo", 1, NAMELESS, "/b/demo", 2, DUP_NEW, GROUP_BY_MODULE, "/b/demo",
                 "by module");
    expect_equal("/home/me/demo", 1, DUP_OLD, "/home/me/demo", 2, DUP_NEW, GROUP_BY_LINE,
                 "demo(dup_name)", "the program itself");
    expect_equal("/a/demo", 1, LIST_7, "/a/demo", 2, MOVED_7, GROUP_BY_LINE,
                 "/build/42/src/list.c:7", "sources in another place");
    expect_equal("/a/demo", 1, LIST_7, "/a/demo", 2, MOVED_7, GROUP_BY_FILE, "/build/42/src/list.c",
                 "by file");
}

static void test_strangers(void)
{
    begin("/a/demo", 1, "/a/demo", 2);
    live(SIDE_OLD, NAMELESS, 1, 100);
    live(SIDE_NEW, NAMELESS, 1, 100);
    if (!compare(by_line))
        return;
    tap_number(got.count, 2, "an address of another build is another place");
    tap_ok(got.naming.is_changed, "and the build is said to be another");
    finish();
    begin("/a/demo", 1, "/b/other", 2);
    live(SIDE_OLD, DUP_OLD, 1, 100);
    live(SIDE_NEW, DUP_OLD, 1, 100);
    if (!compare(by_line))
        return;
    tap_number(got.count, 2, "an address in another program, too");
    finish();
}

/* --- what the rest is made of --- */

static void expect_match(const char *pattern, const char *text, bool is_match)
{
    char name[256];
    snprintf(name, sizeof name, "%s %s %s", pattern, is_match ? "matches" : "does not match", text);
    tap_ok(pattern_matches(pattern, text) == is_match, name);
}

static void test_patterns(void)
{
    expect_match("", "", true);
    expect_match("*", "", true);
    expect_match("*", "/a/b", true);
    expect_match("a", "", false);
    expect_match("*.c", "/a/b.c", true);
    expect_match("*.c", "/a/b.cc", false);
    expect_match("a*b*c", "aXbXbXc", true);
    expect_match("a*b*c", "aXbXbX", false);
    expect_match("?.c", "ü.c", true);
    expect_match("?.c", "\xff.c", true);
    expect_match("??.c", "ü.c", false);
    expect_match("[a-c]x", "bx", true);
    expect_match("[c-a]x", "bx", false);
    expect_match("[!a-c]x", "bx", false);
    expect_match("[!a-c]x", "dx", true);
    expect_match("[^b]x", "bx", true);
    expect_match("[^b]x", "ax", false);
    expect_match("[]]x", "]x", true);
    expect_match("[!]]x", "]x", false);
    expect_match("[a-]x", "-x", true);
    expect_match("[x", "[x", true);
    expect_match("[!]", "[!]", true);
    expect_match("[ä-ö]", "ö", true);
    expect_match("\\*", "\\anything", true);
    expect_match("[*]", "*", true);
    expect_match("[*]", "a", false);
}

static void test_moved(void)
{
    static const char *const old[] = {"/v1/a/x.c", "/v1/b/x.c", "/v1/y.c",
                                      "/v1/z.c",   "/p/m.c",    "/q/m.c"};
    static const char *const new[] = {"/v2/b/x.c", "/v2/a/x.c", "/v2/z.cc", "/v2/y.c", "/r/m.c"};
    static const uint32_t expected[] = {1, 0, MOVED_NONE, 2, MOVED_NONE};
    uint32_t matches[5];
    tap_ok(moved_match(old, 6, new, 5, matches), "paths");
    for (int i = 0; i < 5; i++)
        tap_number(matches[i], expected[i], new[i]);
}

static void expect_limit(const char *text, int unit, double number)
{
    struct growth_limit limit = {0};
    bool is_ok = growth_limit_parse(&limit, text);
    tap_ok(unit < 0 ? !is_ok : is_ok && (int)limit.unit == unit && limit.number == number, text);
}

static void expect_growth(const char *text, bool is_failed, uint32_t causes, const char *name)
{
    struct growth growth;
    struct growth_limit limit;
    struct error error;
    if (!tap_ok(growth_limit_parse(&limit, text) && growth_init(&growth, &got, &limit, &error),
                text))
        return;
    tap_ok(growth.is_failed == is_failed, name);
    tap_number(growth.item_count, causes, name);
    growth_finish(&growth);
}

static void test_growth(void)
{
    expect_limit("1M", GROWTH_BYTES, 1048576);
    expect_limit("0", GROWTH_BYTES, 0);
    expect_limit("1.5KiB", GROWTH_BYTES, 1536);
    expect_limit("10%", GROWTH_PERCENT, 10);
    expect_limit("100blocks", GROWTH_BLOCKS, 100);
    expect_limit("1 block", GROWTH_BLOCKS, 1);
    expect_limit("", -1, 0);
    expect_limit("-1M", -1, 0);
    expect_limit("1X", -1, 0);
    expect_limit("0x10", -1, 0);
    expect_limit("1e999", -1, 0);
    expect_limit("nan", -1, 0);
    begin("/src/demo", 1, "/src/demo", 1);
    live(SIDE_OLD, PUSH_11, 10, 100);
    live(SIDE_NEW, PUSH_11, 13, 100);
    live(SIDE_OLD, PUSH_12, 10, 100);
    live(SIDE_NEW, PUSH_12, 6, 100);
    live(SIDE_NEW, MAIN_20, 2, 100);
    if (!compare(by_line))
        return;
    expect_growth("300", false, 0, "neither a line nor all is above the limit");
    expect_growth("299", true, 1, "one line is, although all is not");
    expect_growth("14.9%", true, 1, "a share of what there was in all");
    expect_growth("15%", false, 0, "not above it");
    expect_growth("0", true, 2, "two lines grew");
    expect_growth("2blocks", true, 1, "by blocks");
    finish();
    begin("/src/demo", 1, "/src/demo", 1);
    live(SIDE_OLD, PUSH_11, 1, 100);
    live(SIDE_NEW, PUSH_11, 1, 160);
    live(SIDE_OLD, PUSH_12, 1, 100);
    live(SIDE_NEW, PUSH_12, 1, 160);
    if (!compare(by_line))
        return;
    expect_growth("100", true, 2, "all is above it and no line: those that grew are the cause");
    finish();
}

int main(void)
{
    test_order();
    test_measures();
    test_groups();
    test_cumulative();
    test_identity();
    test_strangers();
    test_patterns();
    test_moved();
    test_growth();
    return tap_end();
}
