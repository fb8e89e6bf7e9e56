/* SPDX-License-Identifier: BSD-2-Clause */
/* test_history.c -- Ticks and moments of traces made by hand, to the last number. */
#include "../make_trace.h"
#include "history.h"
#include "moment.h"
#include "tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const uint64_t second_ns = 1000000000;

static struct trace_maker maker;
static struct trace trace;
static struct history history;

static bool load(void)
{
    struct error error = {"", 0};
    int fd = maker_write(&maker);
    bool is_ok = trace_read(&trace, fd, &error);
    close(fd);
    return tap_ok(is_ok, "it loads") && is_ok;
}

/* Two sites; 100 s, with a tick at 10, 20, 40 (a snapshot) and 80 s. */
static void make_run(void)
{
    maker_init(&maker);
    maker.header.end_time_ns = maker.header.start_time_ns + 100 * second_ns;
    maker.header.peak_time_ns = maker.header.start_time_ns + 70 * second_ns;
    maker.header.peak_bytes = 950;
    uint32_t demo = maker_module(&maker, "/nonexistent/demo");
    uint32_t node = maker_node(&maker, 0, demo, 0x10);
    uint32_t other = maker_node(&maker, 0, demo, 0x20);
    maker_counters(&maker, node, 1, &(struct trace_counters){12, 1200, 8, 800, 3, 900, 9, 7});
    uint32_t last =
        maker_counters(&maker, other, 1, &(struct trace_counters){1, 50, 1, 50, 0, 0, 0, 3});
    maker_inherited(&maker, last, 2, 20);
    maker_mark(&maker, MARK_PHASE_BEGIN, "load", 5 * second_ns);
    uint32_t mark = maker_mark(&maker, MARK_SNAPSHOT, "10m", 40 * second_ns);
    maker_mark(&maker, MARK_PHASE_END, "load", 45 * second_ns);
    maker_mark(&maker, MARK_PHASE_BEGIN, "serve", 85 * second_ns);
    const struct made_change first[] = {{1, {5, 500, 1, 100, 0, 0, 0, 0}},
                                        {2, {1, 50, 0, 0, 0, 0, 0, 0}}};
    const struct made_change second[] = {{1, {2, 200, 0, 0, 0, 0, 0, 0}}};
    const struct made_change third[] = {{2, {0, 0, 1, 50, 0, 0, 0, 0}}};
    const struct made_change fourth[] = {{1, {3, 300, 4, 400, 0, 0, 0, 0}}};
    maker_tick(&maker, 10 * second_ns, NO_MARK, first, 2);
    maker_tick(&maker, 10 * second_ns, NO_MARK, second, 1);
    maker_tick(&maker, 20 * second_ns, mark, third, 1);
    maker_tick(&maker, 40 * second_ns, NO_MARK, fourth, 1);
}

static void test_ticks(void)
{
    struct error error;
    struct trace_counters counters[3];
    make_run();
    if (!load() || !tap_ok(history_init(&history, &trace, &error), "its history is well-formed"))
        return;
    tap_number(history.tick_count, 4, "ticks");
    tap_number((int64_t)history.ticks[2].time_ns, (int64_t)(40 * second_ns), "times add up");
    tap_number(history.ticks[2].mark, 1, "a tick of a snapshot");
    tap_number(history.ticks[3].mark, NO_MARK, "one that is none");
    history_counters(&history, 0, counters);
    tap_number((int64_t)counters[1].alloc_count, 0, "nothing at the start");
    history_counters(&history, 1, counters);
    tap_number((int64_t)counters[1].alloc_bytes, 500, "after the first tick");
    tap_number((int64_t)counters[2].alloc_count, 1, "the other site too");
    history_counters(&history, 4, counters);
    tap_number((int64_t)counters[1].alloc_count, 10, "allocations after all");
    tap_number((int64_t)counters[1].alloc_bytes, 1000, "bytes");
    tap_number((int64_t)counters[1].free_count, 5, "frees");
    tap_number((int64_t)counters[1].freed_bytes, 500, "freed bytes");
    tap_number((int64_t)counters[2].free_count, 1, "of the other site");
    tap_number(history_ticks_until(&history, 20 * second_ns), 2, "a tick counts at its own time");
    tap_number(history_ticks_until(&history, 20 * second_ns - 1), 1, "and not before");
    tap_number(history_ticks_until(&history, 0), 0, "none at the start");
    tap_number(history_ticks_until(&history, UINT64_MAX), 4, "all at the end");
    history_finish(&history);
    trace_close(&trace);
}

static void test_no_history(void)
{
    struct error error;
    maker_init(&maker);
    if (!load() || !tap_ok(history_init(&history, &trace, &error), "no history is a history"))
        return;
    tap_number(history.tick_count, 0, "of no ticks");
    history_finish(&history);
    trace_close(&trace);
}

/* --- damage --- */

static void expect_damage(const char *name, const unsigned char *bytes, size_t count)
{
    struct error error = {"", 0};
    maker_init(&maker);
    maker_counters(&maker, 0, 1, &(struct trace_counters){0});
    maker_counters(&maker, 0, 1, &(struct trace_counters){0});
    maker_mark(&maker, MARK_POINT, "one", 0);
    maker_history_bytes(&maker, bytes, count);
    int fd = maker_write(&maker);
    bool is_ok = trace_read(&trace, fd, &error) && history_init(&history, &trace, &error);
    close(fd);
    if (!tap_ok(!is_ok && strstr(error.text, "is damaged"), name))
        printf("# %s\n", is_ok ? "it was taken" : error.text);
    if (is_ok)
        history_finish(&history);
    trace_close(&trace);
}

#define DAMAGE(name, ...)                                                                          \
    expect_damage(name, (const unsigned char[]){__VA_ARGS__},                                      \
                  sizeof((const unsigned char[]){__VA_ARGS__}))
#define FULL 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff

static void test_damage(void)
{
    DAMAGE("a tick longer than the history", 4, 0, 0, 0);
    DAMAGE("a number without end", 0x80);
    DAMAGE("a number of 65 bits", 12, FULL, 0x02, 0, 0);
    DAMAGE("an empty tick", 0);
    DAMAGE("a tick that ends within its head", 2, 0, 0);
    DAMAGE("a mark that is not there", 3, 0, 2, 0);
    DAMAGE("counters that are not there", 8, 0, 0, 1, 3, 0, 0, 0, 0);
    DAMAGE("the same counters twice", 13, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    DAMAGE("more entries than bytes", 8, 0, 0, 2, 1, 0, 0, 0, 0);
    DAMAGE("fewer entries than bytes", 8, 0, 0, 0, 1, 0, 0, 0, 0);
    DAMAGE("an id that wraps", 17, 0, 0, 2, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0,
           0);
    DAMAGE("time that wraps", 12, FULL, 0x01, 0, 0, 12, FULL, 0x01, 0, 0);
    DAMAGE("a damaged second tick", 3, 0, 0, 0, 9);
}

/* --- moments --- */

/* The counters of site 1 at a moment, and what is said of it. */
static void expect_moment(const char *text, uint64_t alloc_bytes, uint64_t freed_bytes,
                          const char *words)
{
    char described[256];
    char name[300];
    struct error error = {"", 0};
    struct moment moment;
    make_run();
    int fd = maker_write(&maker);
    bool is_ok = trace_read(&trace, fd, &error) && moment_parse(&moment, text, &error) &&
                 moment_rewind(&moment, &trace, &error);
    close(fd);
    snprintf(name, sizeof name, "@%s", text);
    if (!tap_ok(is_ok, name)) {
        printf("# %s\n", error.text);
        return;
    }
    tap_number((int64_t)trace.counters[1].alloc_bytes, (int64_t)alloc_bytes, name);
    tap_number((int64_t)trace.counters[1].freed_bytes, (int64_t)freed_bytes, name);
    instant_describe(&trace, described, sizeof described);
    tap_text(described, words, name);
    moment_finish(&moment);
    trace_close(&trace);
}

static void test_moments(void)
{
    expect_moment("start", 0, 0, "as of the start");
    expect_moment("0", 0, 0, "as of the start");
    expect_moment("9.8s", 0, 0, "as of the start");
    expect_moment("9.999s", 500, 100, "as of 10.00 s after the start");
    expect_moment("10s", 500, 100, "as of 10.00 s after the start");
    expect_moment("10", 500, 100, "as of 10.00 s after the start");
    expect_moment("+10000ms", 500, 100, "as of 10.00 s after the start");
    expect_moment("0.5min", 700, 100, "as of 20.00 s after the start");
    expect_moment("1m19s800ms", 700, 100, "as of snapshot '10m', 40.00 s after the start");
    expect_moment("1m20s", 1000, 500, "as of 1 min 20 s after the start");
    expect_moment("100s", 1200, 800, "as of the end");
    expect_moment("2h30m", 1200, 800, "as of the end");
    expect_moment("end", 1200, 800, "as of the end");
    expect_moment("now", 1200, 800, "as of the end");
    expect_moment("-0s", 1200, 800, "as of the end");
    expect_moment("-20s", 1000, 500, "as of 1 min 20 s after the start");
    expect_moment("-10m", 0, 0, "as of the start");
    expect_moment("peak", 900, 0, "as of the peak, 1 min 10 s after the start");
    expect_moment("'10m'", 700, 100, "as of snapshot '10m', 40.00 s after the start");
    expect_moment("\"10m\"", 700, 100, "as of snapshot '10m', 40.00 s after the start");
    expect_moment("10m", 1200, 800, "as of the end");
    expect_moment("load", 700, 100,
                  "as of snapshot '10m', 40.00 s after the start, the last that is known before "
                  "'load' at 45.00 s");
    expect_moment("load:begin", 0, 0,
                  "as of the start, the last that is known before 'load' at 5.00 s");
    expect_moment("load:end", 700, 100,
                  "as of snapshot '10m', 40.00 s after the start, the last that is known before "
                  "'load' at 45.00 s");
    expect_moment("serve", 1000, 500,
                  "as of 1 min 20 s after the start, the last that is known before 'serve' at "
                  "1 min 25 s");
}

static void test_inherited(void)
{
    struct error error;
    struct moment moment = {.kind = MOMENT_PEAK};
    make_run();
    if (!load() || !tap_ok(moment_rewind(&moment, &trace, &error), "back to the peak"))
        return;
    struct figures at_peak = trace_figures(&trace, 2);
    tap_number(at_peak.live_count, 2, "inherited blocks were live then, once");
    tap_number(at_peak.live_bytes, 20, "and their bytes");
    trace_close(&trace);
    moment.kind = MOMENT_START;
    if (!load() || !tap_ok(moment_rewind(&moment, &trace, &error), "back to the start"))
        return;
    tap_number(trace_figures(&trace, 2).live_bytes, 20, "where they were all there was");
    trace_close(&trace);
}

static void expect_refusal(const char *text, const char *words)
{
    struct error error = {"", 0};
    struct moment moment = {0};
    bool is_ok = moment_parse(&moment, text, &error) && moment_rewind(&moment, &trace, &error);
    if (!tap_ok(!is_ok && strstr(error.text, words), text))
        printf("# %s\n", is_ok ? "it was taken" : error.text);
    moment_finish(&moment);
}

static void test_refusals(void)
{
    make_run();
    if (!load())
        return;
    expect_refusal("", "missing");
    expect_refusal("nobody", "nothing in it is called 'nobody'");
    expect_refusal("10 m", "called");
    expect_refusal("10x", "called");
    expect_refusal("1.2.3", "called");
    expect_refusal("99999999999999999999", "called");
    trace_close(&trace);
    maker_init(&maker);
    if (!load())
        return;
    expect_refusal("100ms", "it has no history");
    trace_close(&trace);
}

/* --- TRACE@MOMENT --- */

static void expect_division(const char *operand, const char *trace_name, enum moment_kind kind)
{
    struct error error = {"", 0};
    struct moment moment;
    char *name = NULL;
    bool is_ok = moment_divide(&moment, operand, &name, &error);
    if (!tap_ok(is_ok && (trace_name ? name && strcmp(name, trace_name) == 0 : !name) &&
                    moment.kind == kind,
                operand ? operand : "(none)"))
        printf("# %s, %s, kind %d\n", error.text, name ? name : "(none)", (int)moment.kind);
    free(name);
    if (is_ok)
        moment_finish(&moment);
}

static void touch(const char *name)
{
    close(open(name, O_CREAT | O_WRONLY, 0600));
}

static void test_division(void)
{
    char directory[] = "/tmp/memtrace-moment-XXXXXX";
    if (!tap_ok(mkdtemp(directory) && chdir(directory) == 0, "a directory"))
        return;
    touch("a.memtrace");
    touch("b@10m");
    touch("b");
    expect_division(NULL, NULL, MOMENT_END);
    expect_division("a.memtrace", "a.memtrace", MOMENT_END);
    expect_division("a.memtrace@10m", "a.memtrace", MOMENT_AFTER_START);
    expect_division("a.memtrace@a@b", "a.memtrace", MOMENT_NAME);
    expect_division("b@10m", "b@10m", MOMENT_END);
    expect_division("b@10m@peak", "b@10m", MOMENT_PEAK);
    expect_division("b@11m", "b", MOMENT_AFTER_START);
    expect_division("@-10m", NULL, MOMENT_BEFORE_END);
    expect_division("4242@-10m", "4242", MOMENT_BEFORE_END);
    expect_division("missing@10m", "missing@10m", MOMENT_END);
    expect_division("", "", MOMENT_END);
    unlink("a.memtrace");
    unlink("b@10m");
    unlink("b");
    tap_ok(chdir("/") == 0 && rmdir(directory) == 0, "gone");
}

int main(void)
{
    test_ticks();
    test_no_history();
    test_damage();
    test_moments();
    test_inherited();
    test_refusals();
    test_division();
    return tap_end();
}
