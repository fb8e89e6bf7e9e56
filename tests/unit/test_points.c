/* SPDX-License-Identifier: BSD-2-Clause */
/* test_points.c -- The recorder's series against all readings it was given.
 *
 * Time is simulated, and so are the process and the trace file: a plain mapping that grows as it is
 * asked to, or refuses. */
#include "clock.h"
#include "looks.h"
#include "options.h"
#include "series.h"
#include "tap.h"
#include "trace_file.h"
#include "usage.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SECOND_NS UINT64_C(1000000000)
#define TENTH_NS (SECOND_NS / 10)
#define START_NS (UINT64_C(77) * SECOND_NS)
#define HOUR_NS (3600 * SECOND_NS)
#define WEEK_NS (7 * 24 * HOUR_NS)

enum {
    READINGS_MAX = 7 * 24 * 3600 * 10 + 16,
    PLANTED_BYTES = 1 << 30,
    PLANTED_MAX = 4,
    CAPACITY_BYTES = 2 << 20
};

/* --- what the series is built on --- */

struct trace trace;
struct lock trace_lock;
struct options options = {.has_ticker = true, .rss_interval_ns = TENTH_NS};

static uint64_t simulated_ns;
static uint64_t granted_bytes; /* beyond, the disk is full */
static uint64_t capacity_bytes;
static uint64_t cpu_ns;
static uint64_t reading_cost_ns;

/* All that has been read. */
struct reading {
    uint64_t time_ns;
    int64_t rss_bytes;
    int64_t live_bytes;
    int64_t pss_bytes;
};

static struct reading *readings;
static uint64_t reading_count;
static uint64_t planted_ns[PLANTED_MAX]; /* when one reading is far above, one after the other */
static uint32_t planted_count;           /* so many have been */
static uint64_t dip_ns;                  /* of one that is far below */
static uint64_t unknown_from_ns, unknown_to_ns;

uint64_t clock_monotonic_ns(void)
{
    return simulated_ns;
}

uint64_t usage_cpu_ns(void)
{
    return cpu_ns;
}

uint64_t trace_capacity(enum trace_section section)
{
    (void)section;
    return capacity_bytes;
}

int64_t trace_reserve(enum trace_section section, size_t size_bytes)
{
    uint64_t end = trace.header->section_bytes[section] + size_bytes;
    if (section != SECTION_SERIES || end > capacity_bytes || end > granted_bytes)
        return -1;
    trace.header->section_bytes[section] = end;
    return (int64_t)(end - size_bytes);
}

void trace_publish(enum trace_section section)
{
    (void)section;
}

void trace_count_anomaly(enum trace_anomaly anomaly)
{
    trace.header->anomalies[anomaly]++;
}

void usage_begin(void)
{
}

void looks_begin(void)
{
}

void looks_tick(const struct trace_point *point)
{
    (void)point;
}

void looks_end(const struct trace_point *point)
{
    (void)point;
}

static const struct trace_point *points(void)
{
    const struct trace_header *header = trace.header;
    return trace.points + header->series_active * header->series_half_points;
}

static uint64_t point_count(void)
{
    return trace.header->series_points[trace.header->series_active];
}

static uint64_t begin_ns(const struct trace_point *point)
{
    return point->time_ns - point->span_ns;
}

static bool is_in_order(void)
{
    for (uint64_t i = 0; i < point_count(); i++)
        if (points()[i].span_ns > points()[i].time_ns ||
            (i && begin_ns(&points()[i]) <= points()[i - 1].time_ns))
            return false;
    return true;
}

static uint64_t disorders; /* seen by somebody who looks in the middle of a tick */

static int64_t at_time(uint64_t time_ns, uint64_t period_ns)
{
    return (int64_t)((time_ns * UINT64_C(2654435761) >> 7) % (1 << 20)) +
           (int64_t)(time_ns / period_ns);
}

static struct reading read_now(uint64_t now_ns)
{
    struct reading reading = {now_ns, at_time(now_ns, SECOND_NS), at_time(now_ns, 7 * SECOND_NS),
                              -1};
    if (planted_count < PLANTED_MAX && now_ns >= planted_ns[planted_count])
        reading.rss_bytes = PLANTED_BYTES + (int64_t)planted_count++;
    if (now_ns == dip_ns)
        reading.live_bytes = 0;
    if (now_ns >= unknown_from_ns && now_ns < unknown_to_ns)
        reading.rss_bytes = -1;
    if (reading_count % 100 == 7)
        reading.pss_bytes = at_time(now_ns, 3 * SECOND_NS);
    return reading;
}

void usage_read(struct trace_point *point, uint64_t now_ns, enum usage_effort effort,
                uint32_t own_threads)
{
    (void)effort;
    struct reading reading = read_now(now_ns);
    if (reading_count % 5000 == 0 && !is_in_order())
        disorders++;
    cpu_ns += reading_cost_ns;
    *point = (struct trace_point){
        .rss_bytes = {reading.rss_bytes, reading.rss_bytes},
        .pss_bytes = {reading.pss_bytes, reading.pss_bytes},
        .uss_bytes = {-1, -1},
        .live_bytes = {reading.live_bytes, reading.live_bytes},
        .thread_count = {own_threads, own_threads},
        .alloc_count = (int64_t)reading_count,
        .major_faults = -1,
        .rss_peak_bytes = reading.rss_bytes,
        .cgroup_max_bytes = reading_count == 3 ? 5 : 0,
    };
    readings[reading_count++] = reading;
}

/* --- driving it --- */

static void begin(uint64_t size_bytes)
{
    static struct trace_header header;
    header = (struct trace_header){.start_time_ns = START_NS};
    trace.header = &header;
    if (trace.points)
        munmap(trace.points, CAPACITY_BYTES);
    trace.points =
        mmap(NULL, CAPACITY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    capacity_bytes = granted_bytes = size_bytes;
    simulated_ns = START_NS;
    cpu_ns = reading_cost_ns = reading_count = disorders = 0;
    dip_ns = unknown_from_ns = unknown_to_ns = 0;
    planted_count = PLANTED_MAX;
    series_after_fork();
    series_begin();
}

static void run_until(uint64_t time_ns)
{
    while (series_due_ns() <= time_ns) {
        simulated_ns = series_due_ns();
        series_tick(1);
    }
    simulated_ns = time_ns;
}

/* --- what must be true of it --- */

static bool is_range(struct trace_range range, int64_t min, int64_t max)
{
    return range.min == min && range.max == max;
}

static void widen(struct trace_range *range, int64_t value)
{
    if (value < 0)
        return;
    if (range->max < 0 || value < range->min)
        range->min = value;
    if (value > range->max)
        range->max = value;
}

/* Each point holds the least and the largest of the readings it stands for, and all readings are in
 * one. */
static void check_agreement(const char *name)
{
    uint64_t next = 0, wrong = 0;
    for (uint64_t i = 0; i < point_count(); i++) {
        const struct trace_point *point = &points()[i];
        struct trace_range rss = {-1, -1}, live = {-1, -1}, pss = {-1, -1};
        uint64_t first_ns = readings[next].time_ns, last_ns = 0;
        for (; next < reading_count && readings[next].time_ns <= point->time_ns; next++) {
            widen(&rss, readings[next].rss_bytes);
            widen(&live, readings[next].live_bytes);
            widen(&pss, readings[next].pss_bytes);
            last_ns = readings[next].time_ns;
        }
        wrong += begin_ns(point) != first_ns || point->time_ns != last_ns ||
                 !is_range(point->rss_bytes, rss.min, rss.max) ||
                 !is_range(point->live_bytes, live.min, live.max) ||
                 !is_range(point->pss_bytes, pss.min, pss.max) ||
                 point->alloc_count != (int64_t)next - 1 || point->major_faults != -1;
    }
    tap_number((int64_t)wrong, 0, name);
    tap_number((int64_t)next, (int64_t)reading_count, "every reading is in a point");
    tap_ok(is_in_order() && !disorders, "in order, at every moment");
}

/* The point that has a planted peak is the one at its time. */
static uint64_t points_with(int64_t rss_bytes, uint64_t not_before_ns)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < point_count(); i++)
        count += points()[i].rss_bytes.max == rss_bytes && points()[i].time_ns >= not_before_ns &&
                 (i == 0 || points()[i - 1].time_ns < not_before_ns);
    return count;
}

static void test_week(void)
{
    begin(CAPACITY_BYTES);
    planted_count = 0;
    planted_ns[0] = START_NS + 100 * SECOND_NS;
    planted_ns[1] = START_NS + HOUR_NS;
    planted_ns[2] = START_NS + 3 * WEEK_NS / 7;
    planted_ns[3] = START_NS + WEEK_NS - HOUR_NS;
    dip_ns = START_NS + TENTH_NS;
    run_until(START_NS + WEEK_NS);
    simulated_ns++;
    series_end(1);
    tap_ok(point_count() >= 2000 && point_count() <= 4096, "a week fits, at half the room or more");
    check_agreement("a week: the range of each point is that of its readings");
    for (int i = 0; i < PLANTED_MAX; i++)
        tap_number((int64_t)points_with(PLANTED_BYTES + i, planted_ns[i]), 1,
                   "a peak of one reading is still there");
    tap_number(points()[0].live_bytes.min, 0, "and so is a dip");
    tap_number(points()[point_count() - 1].rss_peak_bytes >= at_time(START_NS, SECOND_NS), 1,
               "the largest RSS is carried along");
    tap_number(points()[0].cgroup_max_bytes, 5, "what is known of a limit is kept");
    tap_number((int64_t)(points()[point_count() - 1].time_ns - START_NS), WEEK_NS + 1,
               "the end is its own point's");
}

static void test_interval(void)
{
    begin(CAPACITY_BYTES);
    uint64_t half = trace.header->series_half_points;
    tap_number((int64_t)half, 4096, "points in a half");
    run_until(START_NS + half * TENTH_NS - 1);
    tap_number((int64_t)point_count(), (int64_t)half, "full: nothing is merged yet");
    tap_number((int64_t)trace.header->series_interval_ns, TENTH_NS, "nor does it come less often");
    run_until(START_NS + half * TENTH_NS);
    tap_number((int64_t)point_count(), (int64_t)half / 2 + 1, "one more: neighbours are merged");
    tap_number((int64_t)trace.header->series_interval_ns, 2 * TENTH_NS, "and the interval doubles");
    check_agreement("the first merging: ranges are those of the readings");
}

/* A process that is stopped again and again is still bounded. */
static void test_holes(void)
{
    begin(CAPACITY_BYTES);
    uint64_t stop_ns = START_NS + 1000 * TENTH_NS;
    run_until(stop_ns);
    simulated_ns = stop_ns + HOUR_NS;
    series_tick(1);
    run_until(simulated_ns + 2 * HOUR_NS);
    uint64_t across = 0;
    for (uint64_t i = 0; i < point_count(); i++)
        across += begin_ns(&points()[i]) <= stop_ns && points()[i].time_ns > stop_ns;
    tap_number((int64_t)across, 0,
               "no point lies across the hour in which the process was stopped");
    check_agreement("holes: ranges are those of the readings");
    begin(CAPACITY_BYTES);
    for (int i = 0; i < 20000; i++) {
        simulated_ns += HOUR_NS;
        series_tick(1);
    }
    tap_ok(point_count() >= 2000 && point_count() <= 4096,
           "nothing but holes: it fits all the same");
    check_agreement("nothing but holes: ranges are those of the readings");
}

static void test_unknown(void)
{
    begin(CAPACITY_BYTES);
    unknown_from_ns = START_NS + HOUR_NS;
    unknown_to_ns = START_NS + 2 * HOUR_NS;
    run_until(START_NS + 4 * HOUR_NS);
    uint64_t unknown = 0;
    for (uint64_t i = 0; i < point_count(); i++)
        unknown += points()[i].rss_bytes.max < 0;
    tap_ok(unknown > point_count() / 5 && unknown < point_count() / 3,
           "for the hour in which RSS was not known it is not");
    check_agreement("unknown: ranges are those of the readings that told something");
}

static void test_full_disk(void)
{
    begin(CAPACITY_BYTES);
    granted_bytes = 8192;
    run_until(START_NS + HOUR_NS);
    uint64_t kept = point_count();
    tap_number((int64_t)kept, 8192 / sizeof(struct trace_point), "full disk: what fitted is there");
    tap_number((int64_t)points()[kept - 1].time_ns, (int64_t)(START_NS + (kept - 1) * TENTH_NS),
               "as it was");
    uint64_t lost = trace.header->anomalies[ANOMALY_SERIES_LOST];
    tap_ok(lost > 10 && lost < 200, "the rest is counted, and tried less and less often");
    granted_bytes = CAPACITY_BYTES;
    run_until(START_NS + 2 * HOUR_NS);
    tap_ok(point_count() > kept + 30, "room again: it goes on");
    tap_ok(is_in_order(), "full disk: in order");
}

static void test_little_room(void)
{
    begin(32 * 1024);
    tap_number((int64_t)trace.header->series_half_points, 64,
               "little room: a half ends with a page");
    run_until(START_NS + HOUR_NS);
    tap_ok(point_count() >= 32 && point_count() <= 64, "little room: an hour fits");
    check_agreement("little room: ranges are those of the readings");
}

static void test_cost(void)
{
    begin(CAPACITY_BYTES);
    reading_cost_ns = TENTH_NS / 25;
    run_until(START_NS + 100 * TENTH_NS);
    tap_number((int64_t)trace.header->series_interval_ns, TENTH_NS,
               "4 % of the time is not too much");
    reading_cost_ns = TENTH_NS;
    run_until(START_NS + 2000 * TENTH_NS);
    tap_ok(trace.header->series_interval_ns >= 20 * TENTH_NS,
           "all of it is: points come less often");
}

static void test_off(void)
{
    options.rss_interval_ns = 0;
    begin(CAPACITY_BYTES);
    series_end(0);
    tap_number((int64_t)point_count(), 0, "interval 0: no points");
    tap_ok(series_due_ns() == UINT64_MAX && !trace.header->series_interval_ns, "and none is due");
    options.rss_interval_ns = TENTH_NS;
    begin(CAPACITY_BYTES);
    series_stop();
    series_end(0);
    tap_number((int64_t)point_count(), 1, "stopped: there is no last point");
    tap_ok(series_due_ns() == UINT64_MAX, "and none is due");
}

int main(void)
{
    readings = calloc(READINGS_MAX, sizeof *readings);
    if (!readings)
        return 1;
    test_interval();
    test_week();
    test_holes();
    test_unknown();
    test_full_disk();
    test_little_room();
    test_cost();
    test_off();
    return tap_end();
}
