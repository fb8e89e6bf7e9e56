/* SPDX-License-Identifier: BSD-2-Clause */
/* test_series.c -- Series of traces made by hand, their sums, and the timelines made of them. */
#include "../make_trace.h"
#include "phases.h"
#include "series.h"
#include "tap.h"
#include "timeline.h"

#include <stdlib.h>
#include <unistd.h>

static const uint64_t second_ns = 1000000000;

static struct trace_maker maker;
static struct trace trace;
static struct series series;

static bool load(uint64_t origin_ns)
{
    struct error error = {"", 0};
    int fd = maker_write(&maker);
    bool is_ok = trace_read(&trace, fd, &error) && series_init(&series, &trace, origin_ns, &error);
    close(fd);
    if (!tap_ok(is_ok, "it loads"))
        printf("# %s\n", error.text);
    return is_ok;
}

static void unload(void)
{
    series_finish(&series);
    trace_close(&trace);
}

static struct trace_point *rss(double seconds, int64_t min, int64_t max)
{
    struct trace_point *point = maker_point(&maker, (uint64_t)(seconds * 1e9));
    point->rss_bytes = (struct trace_range){min, max};
    return point;
}

static void begin(void)
{
    maker_init(&maker);
    maker.header.end_time_ns = maker.header.start_time_ns + 100 * second_ns;
}

/* "1..2:10-20 ~3:5": samples with their ranges; ~ comes after a gap. Whole seconds. */
static const char *samples_text(const struct timeline *timeline)
{
    static char text[1024];
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; i < timeline->count; i++) {
        const struct sample *sample = &timeline->samples[i];
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%.4g", i ? " " : "",
                                 sample->is_apart ? "~" : "", (double)sample->begin_ns / 1e9);
        if (sample->end_ns != sample->begin_ns)
            used += (size_t)snprintf(text + used, sizeof text - used, "..%.4g",
                                     (double)sample->end_ns / 1e9);
        used += (size_t)snprintf(text + used, sizeof text - used, ":%g", sample->min);
        if (sample->max > sample->min)
            used += (size_t)snprintf(text + used, sizeof text - used, "-%g", sample->max);
    }
    return text;
}

static void expect_timeline(enum quantity quantity, const char *expected, const char *name)
{
    struct timeline timeline;
    if (!tap_ok(timeline_init(&timeline, &series, quantity), "a timeline"))
        return;
    tap_text(samples_text(&timeline), expected, name);
    timeline_finish(&timeline);
}

/* --- what is read --- */

static void test_points(void)
{
    begin();
    struct trace_point *point = rss(1, 100, 100);
    point->live_bytes = (struct trace_range){40, 40};
    point = rss(3, 50, 200);
    point->span_ns = second_ns;
    point->live_bytes = (struct trace_range){60, 70};
    rss(3.5, -1, -1);
    rss(4, 300, 300);
    rss(30, 400, 400);
    if (!load(maker.header.start_time_ns))
        return;
    tap_number((int64_t)series.count, 5, "points");
    expect_timeline(QUANTITY_RSS, "1:100 2..3:50-200 ~4:300 ~30:400",
                    "what is not known is a gap, and so is a time when nobody looked");
    expect_timeline(QUANTITY_LIVE, "1:40 2..3:60-70", "nothing after the last that is known");
    expect_timeline(QUANTITY_OVERHEAD, "1:60 2..3:-20-140",
                    "of merged points the bounds of a difference");
    expect_timeline(QUANTITY_PSS, "", "never recorded");
    unload();
    if (!load(maker.header.start_time_ns - second_ns))
        return;
    expect_timeline(QUANTITY_RSS, "2:100 3..4:50-200 ~5:300 ~31:400", "on another clock");
    unload();
}

static void test_rates(void)
{
    begin();
    const int64_t faults[] = {100, 300, -1, 500, 700, 600};
    for (int i = 0; i < 6; i++) {
        struct trace_point *point = rss(i * 2, 1, 1);
        point->minor_faults = faults[i];
        point->major_faults = 0;
        point->cpu_user_ns = i * 1500000000ll;
        point->cpu_system_ns = i * 500000000ll;
    }
    if (!load(maker.header.start_time_ns))
        return;
    expect_timeline(QUANTITY_FAULTS, "0..2:100 ~6..8:100", "steps between known points alone");
    expect_timeline(QUANTITY_CPU, "0..2:1 2..4:1 4..6:1 6..8:1 8..10:1", "CPU seconds by second");
    unload();
}

/* Readings that cost much are not taken every time. */
static void test_rare(void)
{
    begin();
    for (int i = 0; i < 61; i++) {
        struct trace_point *point = rss(i * 0.1, 1000, 1000);
        bool is_read = i % 10 == 0 && (i < 20 || i > 50);
        if (is_read)
            point->pss_bytes = (struct trace_range){i, i};
    }
    if (!load(maker.header.start_time_ns))
        return;
    expect_timeline(QUANTITY_PSS, "0:0 1:10 ~6:60", "a gap is one only if it is longer than usual");
    unload();
}

static void expect_damage(const char *name)
{
    struct error error = {"", 0};
    int fd = maker_write(&maker);
    bool is_read = trace_read(&trace, fd, &error);
    bool is_ok = is_read && series_init(&series, &trace, 0, &error);
    close(fd);
    if (!tap_ok(is_read && !is_ok && strstr(error.text, "is damaged"), name))
        printf("# %s\n", is_ok ? "it was taken" : error.text);
    if (is_ok)
        series_finish(&series);
    trace_close(&trace);
}

static void test_damage(void)
{
    begin();
    rss(2, 1, 1);
    rss(1, 1, 1);
    expect_damage("time that goes back");
    begin();
    rss(2, 2, 1);
    expect_damage("a minimum above its maximum");
    begin();
    rss(2, 1, 1)->span_ns = UINT64_MAX;
    expect_damage("a span that begins before time");
    begin();
    rss(2, 1, 1);
    rss(3, 1, 1)->span_ns = 2 * second_ns;
    expect_damage("points into one another");
}

/* Without a series the heap is known from the history. */
static void test_history(void)
{
    begin();
    uint32_t node = maker_node(&maker, 0, maker_module(&maker, "/nonexistent/demo"), 0x10);
    uint32_t id =
        maker_counters(&maker, node, 1, &(struct trace_counters){9, 900, 5, 500, 0, 0, 0, 0});
    maker_inherited(&maker, id, 1, 7);
    const struct made_change changes[] = {{id, {3, 300, 1, 100, 0, 0, 0, 0}}};
    maker_tick(&maker, 10 * second_ns, UINT32_MAX, changes, 1);
    maker_tick(&maker, 30 * second_ns, UINT32_MAX, changes, 1);
    if (!load(maker.header.start_time_ns))
        return;
    tap_ok(series.is_heap_only, "it is said that this is all");
    expect_timeline(QUANTITY_LIVE, "0:7 10:207 40:407 100:407", "live at the ticks and at the end");
    expect_timeline(QUANTITY_CALLS, "0..10:0.3 10..40:0.1 40..100:0.05",
                    "and how often it allocated");
    expect_timeline(QUANTITY_RSS, "", "but nothing else");
    unload();
}

/* --- sums --- */

static struct series make(const struct trace_point *points, size_t count)
{
    struct series made = {.count = count, .hole_ns = 5 * second_ns};
    made.points = malloc(count * sizeof *points);
    memcpy(made.points, points, count * sizeof *points);
    return made;
}

static struct trace_point reading(uint64_t seconds, uint64_t span_s, int64_t min, int64_t max,
                                  int64_t faults)
{
    struct trace_point point;
    memset(&point, 0xff, sizeof point);
    point.time_ns = seconds * second_ns;
    point.span_ns = span_s * second_ns;
    point.rss_bytes = (struct trace_range){min, max};
    point.cgroup_bytes = (struct trace_range){500, 500};
    point.minor_faults = faults;
    point.major_faults = 0;
    return point;
}

static void test_sum(void)
{
    struct error error;
    const struct trace_point parent[] = {reading(0, 0, 100, 100, 10), reading(2, 0, 100, 100, 30),
                                         reading(4, 0, 300, 300, 50), reading(8, 2, 300, 400, 90)};
    const struct trace_point child[] = {reading(3, 0, 1000, 1000, 0), reading(5, 0, 2000, 2000, 5)};
    struct series parts[] = {make(parent, 4), make(child, 2)};
    if (!tap_ok(series_sum(&series, parts, 2, &error), "a sum"))
        return;
    expect_timeline(QUANTITY_RSS, "0:100 2:100 3:1200 4:1800 5:2300-2350 6:300-400 8:300-400",
                    "straight from reading to reading, and nothing before birth or after death");
    expect_timeline(QUANTITY_CGROUP, "0:500 2:500 3:500 4:500 5:500 6:500 8:500",
                    "what they share is counted once");
    expect_timeline(QUANTITY_FAULTS, "0..2:10 2..3:10 3..4:12 4..5:13 5..6:10 6..8:10",
                    "who has died keeps what it counted");
    series_finish(&series);
    parts[0].points[2].rss_bytes = (struct trace_range){-1, -1};
    if (!tap_ok(series_sum(&series, parts, 2, &error), "a sum with a gap"))
        return;
    expect_timeline(QUANTITY_RSS, "0:100 2:100 ~6:300-400 8:300-400",
                    "not known of one is not known of all");
    series_finish(&series);
    series_finish(&parts[0]);
    series_finish(&parts[1]);
}

/* --- timelines --- */

static struct timeline steps(void)
{
    struct timeline timeline = {calloc(8, sizeof(struct sample)), 4};
    timeline.samples[0] = (struct sample){0, 0, 10, 10, false};
    timeline.samples[1] = (struct sample){10 * second_ns, 20 * second_ns, 10, 30, false};
    timeline.samples[2] = (struct sample){30 * second_ns, 30 * second_ns, 50, 50, false};
    timeline.samples[3] = (struct sample){60 * second_ns, 60 * second_ns, 5, 5, true};
    return timeline;
}

static void expect_clip(uint64_t from_s, uint64_t to_s, const char *expected)
{
    struct timeline timeline = steps();
    timeline_clip(&timeline, (struct window){from_s * second_ns, to_s * second_ns});
    tap_text(samples_text(&timeline), expected, "what is in a window");
    timeline_finish(&timeline);
}

static void test_timeline(void)
{
    double min = 0;
    double max = 0;
    struct timeline timeline = steps();
    tap_ok(timeline_at(&timeline, 25 * second_ns, &min, &max) && min == 30 && max == 40,
           "on the way between two");
    tap_ok(timeline_at(&timeline, 15 * second_ns, &min, &max) && min == 10 && max == 30,
           "within one");
    tap_ok(!timeline_at(&timeline, 45 * second_ns, &min, &max), "nothing in a gap");
    tap_ok(
        timeline_within(&timeline, (struct window){25 * second_ns, 59 * second_ns}, &min, &max) &&
            min == 30 && max == 50,
        "what it came to within a while");
    tap_ok(!timeline_within(&timeline, (struct window){31 * second_ns, 59 * second_ns}, &min, &max),
           "nothing while nothing is known");
    tap_number((int64_t)timeline_peak(&timeline)->max, 50, "the peak");
    tap_ok(timeline_add(&timeline, 15 * second_ns, 99) &&
               timeline_add(&timeline, 45 * second_ns, 7),
           "values that are known besides");
    tap_text(samples_text(&timeline), "0:10 10..20:10-99 30:50 ~45:7 ~60:5", "are part of it");
    timeline_reduce(&timeline, (struct window){0, 60 * second_ns}, 2);
    tap_text(samples_text(&timeline), "0..20:10-99 30..45:7-50 ~60:5", "no extreme is lost");
    timeline_finish(&timeline);
    expect_clip(0, 60, "0:10 10..20:10-30 30:50 ~60:5");
    expect_clip(5, 15, "5:10-20 10..15:10-30");
    expect_clip(22, 28, "22:18-34 28:42-46");
    expect_clip(30, 45, "30:50");
    expect_clip(40, 50, "");
    expect_clip(70, 80, "");
}

/* --- phases --- */

static void test_phases(void)
{
    struct phases phases;
    begin();
    maker_mark(&maker, MARK_PHASE_END, "never begun", second_ns);
    maker_mark(&maker, MARK_PHASE_BEGIN, "load", 2 * second_ns);
    maker_mark(&maker, MARK_PHASE_BEGIN, "parse", 3 * second_ns);
    maker_mark(&maker, MARK_PHASE_BEGIN, "forgotten", 4 * second_ns);
    maker_mark(&maker, MARK_PHASE_END, "parse", 5 * second_ns);
    maker_mark(&maker, MARK_PHASE_END, "load", 6 * second_ns);
    maker_mark(&maker, MARK_PHASE_BEGIN, "serve", 7 * second_ns);
    if (!load(0) || !tap_ok(phases_init(&phases, &trace), "phases"))
        return;
    char text[256] = "";
    for (size_t i = 0; i < phases.count; i++) {
        const struct phase *phase = &phases.items[i];
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s %" PRIu64 "-%" PRIu64 " level %" PRIu32 "; ",
                 phase->name, phase->begin_ns / second_ns, phase->end_ns / second_ns, phase->level);
    }
    tap_text(text,
             "load 2-6 level 0; parse 3-5 level 1; forgotten 4-5 level 2; serve 7-100 level 0; ",
             "nest, end with what is around them, or with the run");
    phases_finish(&phases);
    unload();
}

int main(void)
{
    test_points();
    test_rates();
    test_rare();
    test_damage();
    test_history();
    test_sum();
    test_timeline();
    test_phases();
    return tap_end();
}
