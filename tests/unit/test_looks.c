/* SPDX-License-Identifier: BSD-2-Clause */
/* test_looks.c -- When the recorder looks at what is resident, and which looks it keeps.
 *
 * Time, the process and what a look costs are simulated. */
#include "lock.h"
#include "looks.h"
#include "residence.h"
#include "rss.h"
#include "sampler.h"
#include "tap.h"
#include "trace_file.h"
#include "usage.h"

#include <stdlib.h>

#define SECOND_NS UINT64_C(1000000000)
#define TENTH_NS (SECOND_NS / 10)
#define MILLISECOND_NS (SECOND_NS / 1000)
#define START_NS (UINT64_C(77) * SECOND_NS)
#define MIB (INT64_C(1) << 20)

enum {
    LOOKS = 32
};

struct trace trace;
struct lock trace_lock;

static struct trace_header header;
static struct trace_residence places[LOOKS];
static uint64_t cpu_ns, spent_ns, cost_ns;
static uint64_t look_count;
static int64_t current_bytes, largest_bytes; /* the latter of all looks */
static uint64_t latest_ns;
static bool has_sampler, has_room, has_proc;

int64_t trace_reserve(enum trace_section section, size_t size_bytes)
{
    return has_room && section == SECTION_RESIDENCE && size_bytes == sizeof places ? 0 : -1;
}

void trace_publish(enum trace_section section)
{
    (void)section;
}

uint64_t usage_cpu_ns(void)
{
    return cpu_ns;
}

int64_t rss_bytes(void)
{
    return current_bytes;
}

bool sampler_is_on(void)
{
    return has_sampler;
}

bool residence_read(struct trace_residence *residence)
{
    *residence = (struct trace_residence){.bytes[RESIDENCE_LIVE] = current_bytes};
    cpu_ns += cost_ns;
    spent_ns += cost_ns;
    look_count++;
    return has_proc;
}

/* --- a process --- */

static struct trace_point point_at(uint64_t time_ns, int64_t rss)
{
    return (struct trace_point){.time_ns = time_ns,
                                .rss_bytes = {rss, rss},
                                .minor_faults = (int64_t)(time_ns / SECOND_NS)};
}

static void start(void)
{
    trace.header = &header;
    trace.looks = places;
    header.start_time_ns = START_NS;
    memset(places, 0, sizeof places);
    spent_ns = look_count = latest_ns = 0;
    largest_bytes = 0;
    cost_ns = MILLISECOND_NS;
    has_sampler = false;
    has_room = has_proc = true;
    looks_begin();
}

static void note_look(uint64_t before, uint64_t time_ns)
{
    if (look_count == before)
        return;
    latest_ns = time_ns;
    if (current_bytes > largest_bytes)
        largest_bytes = current_bytes;
}

static void tick(uint64_t after_ns, int64_t rss)
{
    struct trace_point point = point_at(START_NS + after_ns, rss);
    uint64_t before = look_count;
    current_bytes = rss;
    looks_tick(&point);
    note_look(before, point.time_ns);
}

static void end(uint64_t after_ns, int64_t rss)
{
    struct trace_point point = point_at(START_NS + after_ns, rss);
    uint64_t before = look_count;
    current_bytes = rss;
    looks_end(&point);
    note_look(before, point.time_ns);
}

static bool has_look(uint64_t time_ns, int64_t rss)
{
    for (int i = 0; i < LOOKS; i++)
        if (places[i].end_time_ns == places[i].time_ns && places[i].rss_bytes == rss &&
            (!time_ns || places[i].time_ns == time_ns))
            return places[i].bytes[RESIDENCE_LIVE] == rss;
    return false;
}

/* --- tests --- */

static void test_steady(void)
{
    start();
    for (uint64_t i = 1; i <= 36000; i++) /* an hour */
        tick(i * TENTH_NS, 100 * MIB);
    tap_number((int64_t)look_count, 6, "of an hour of the same: one, and one every ten minutes");
    tap_ok(has_look(START_NS + TENTH_NS, 100 * MIB), "the first one is there");
    end(36001 * TENTH_NS, 100 * MIB);
    tap_ok(has_look(START_NS + 36001 * TENTH_NS, 100 * MIB), "and one of the end");
}

static void test_short(void)
{
    start();
    end(TENTH_NS / 2, 100 * MIB);
    tap_number((int64_t)look_count, 0, "who ends at once is not worth a look");
    start();
    end(TENTH_NS, 10 * MIB);
    tap_number((int64_t)look_count, 1, "who has lived for a tenth of a second is");
    start();
    end(TENTH_NS, 10240 * MIB);
    tap_number((int64_t)look_count, 0, "unless it is so large that it would take long");
}

static bool has_time(uint64_t time_ns)
{
    for (int i = 0; i < LOOKS; i++)
        if (places[i].time_ns == time_ns && places[i].end_time_ns == time_ns)
            return true;
    return false;
}

static int compare_times(const void *a, const void *b)
{
    const struct trace_residence *one = a, *other = b;
    return (one->time_ns > other->time_ns) - (one->time_ns < other->time_ns);
}

static uint64_t widest_gap_ns(void)
{
    struct trace_residence sorted[LOOKS];
    uint64_t widest_ns = 0;
    memcpy(sorted, places, sizeof sorted);
    qsort(sorted, LOOKS, sizeof *sorted, compare_times);
    for (int i = 1; i < LOOKS; i++)
        if (sorted[i].time_ns - sorted[i - 1].time_ns > widest_ns)
            widest_ns = sorted[i].time_ns - sorted[i - 1].time_ns;
    return widest_ns;
}

/* RSS never stays what it is, for a day. */
static void test_budget(void)
{
    bool is_within = true, is_kept = true;
    start();
    srand(20261121);
    for (uint64_t i = 1; i <= 864000; i++) {
        cost_ns = (uint64_t)(rand() % 20) * MILLISECOND_NS;
        tick(i * TENTH_NS, (1 + rand() % 1000) * MIB);
        /* What was expected of a look may be exceeded by it, once. */
        is_within = is_within && spent_ns <= 22 * MILLISECOND_NS + i * TENTH_NS / 1000;
        is_kept = is_kept && has_look(0, largest_bytes) && has_time(latest_ns);
    }
    tap_ok(is_within, "looks take a thousandth of the time at most");
    tap_ok(look_count > 1000, "and there are many");
    tap_ok(is_kept, "those of the largest RSS and of the latest moment are kept, always");
    tap_ok(widest_gap_ns() < 86400 * SECOND_NS / 4, "the others are spread over the time");
}

/* The largest RSS has a look that is near it when it has lasted for long enough. */
static void test_peak(void)
{
    start();
    cost_ns = 3 * MILLISECOND_NS;
    for (uint64_t i = 1; i <= 600; i++)
        tick(i * TENTH_NS, i >= 300 && i < 400 ? 500 * MIB : (20 + (int64_t)(i % 2) * 10) * MIB);
    tap_ok(has_look(0, 500 * MIB), "a peak of ten seconds in a minute has a look");
    for (uint64_t i = 601; i <= 36000; i++)
        tick(i * TENTH_NS, (20 + (int64_t)(i % 2) * 10) * MIB);
    tap_ok(has_look(0, 500 * MIB), "which is still there an hour later");
}

static void test_refusals(void)
{
    start();
    has_sampler = true;
    cost_ns = 20 * MILLISECOND_NS;
    tick(TENTH_NS, 10 * MIB);
    tick(1000 * SECOND_NS, 100 * MIB);
    tap_number((int64_t)look_count, 1, "a sampler does not wait for long looks");
    end(1001 * SECOND_NS, 100 * MIB);
    tap_number((int64_t)look_count, 2, "but at the end");

    start();
    has_proc = false;
    tick(TENTH_NS, 10 * MIB);
    tap_ok(!has_look(0, 10 * MIB), "what the kernel does not tell is not made up");
    start();
    tick(TENTH_NS, -1);
    tap_number((int64_t)look_count, 0, "nor looked for where RSS is not known");
    start();
    has_room = false;
    looks_begin();
    tick(TENTH_NS, 10 * MIB);
    tap_number((int64_t)look_count, 0, "nor where there is no room for it");
}

int main(void)
{
    test_steady();
    test_short();
    test_budget();
    test_peak();
    test_refusals();
    return tap_end();
}
