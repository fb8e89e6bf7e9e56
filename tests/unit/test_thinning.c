/* SPDX-License-Identifier: BSD-2-Clause */
/* test_thinning.c -- The recorder's history against a model whose state at any moment is known by
 * arithmetic.
 *
 * Time is simulated, and so is the trace file: a plain mapping that grows as it is asked to, or
 * refuses. */
#include "clock.h"
#include "history.h"
#include "marks.h"
#include "options.h"
#include "tap.h"
#include "trace_file.h"

#include <stdlib.h>
#include <sys/mman.h>

#define SECOND_NS UINT64_C(1000000000)
#define START_NS (UINT64_C(77) * SECOND_NS)

enum {
    SITES = 2000, /* counters 1 to SITES */
    HOUR_S = 3600,
    DAY_S = 24 * HOUR_S,
    MARKS_MAX = 4096,
    CLEARS_MAX = 64
};

/* --- what the history is built on --- */

struct trace trace;
struct lock trace_lock;
struct options options = {.has_ticker = true, .history_interval_ns = SECOND_NS};

static uint64_t capacity_bytes;
static uint64_t granted_bytes; /* beyond, the disk is full */
static uint64_t simulated_ns;
static uint64_t tick_cost_ns;

uint64_t clock_monotonic_ns(void)
{
    simulated_ns += tick_cost_ns;
    return simulated_ns;
}

uint64_t trace_capacity(enum trace_section section)
{
    (void)section;
    return capacity_bytes;
}

int64_t trace_reserve(enum trace_section section, size_t size_bytes)
{
    uint64_t end = trace.header->section_bytes[section] + size_bytes;
    if (section != SECTION_HISTORY || end > capacity_bytes || end > granted_bytes)
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

uint32_t marks_add(enum trace_mark_kind kind, uint32_t thread, const char *name, size_t name_bytes)
{
    (void)name;
    (void)name_bytes;
    uint32_t count = (uint32_t)(trace.header->section_bytes[SECTION_MARKS] / sizeof *trace.marks);
    trace.marks[count] =
        (struct trace_mark){.time_ns = simulated_ns, .kind = kind, .thread = thread};
    trace.header->section_bytes[SECTION_MARKS] += sizeof *trace.marks;
    return count + 1;
}

/* Shared, as a file: the history tells the kernel to forget pages. */
static void *map_pages(size_t size_bytes)
{
    void *pages = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

static void begin(uint64_t size_bytes, uint32_t counters_count)
{
    static struct trace_header header;
    header = (struct trace_header){.start_time_ns = START_NS};
    trace.header = &header;
    free(trace.counters);
    free(trace.marks);
    if (trace.history)
        munmap(trace.history, capacity_bytes);
    trace.counters = calloc(counters_count + 1, sizeof *trace.counters);
    trace.marks = calloc(MARKS_MAX, sizeof *trace.marks);
    trace.history = map_pages(size_bytes);
    header.section_bytes[SECTION_COUNTERS] = (counters_count + 1) * sizeof *trace.counters;
    capacity_bytes = granted_bytes = size_bytes;
    simulated_ns = START_NS;
    tick_cost_ns = 0;
    options.conditions.snapshots_max = SNAPSHOTS_DEFAULT;
    history_after_fork();
    history_begin();
}

/* --- the model: what each site has done until a moment --- */

struct state {
    uint64_t alloc_count, alloc_bytes, free_count, freed_bytes;
};

/* Sites of all speeds, from once in ten minutes to thousands a second. */
static uint64_t allocations(uint32_t site, uint64_t time_s)
{
    uint64_t rate = site % 100;
    uint64_t slow = time_s / (1 + site % 600);
    return rate < 30 ? slow : slow + time_s * (rate - 29) * (rate > 90 ? 40 : 1) / 4;
}

/* A block has its site's size; some sites keep all, others for a while, or a part. */
static struct state model(uint32_t site, uint64_t time_s)
{
    uint64_t size_bytes = 16 + site * 7 % 4096;
    uint64_t lag_s = site % 50;
    struct state state = {.alloc_count = allocations(site, time_s)};
    state.free_count = site % 40 == 0   ? 0
                       : site % 9 == 0  ? state.alloc_count / 2
                       : time_s < lag_s ? 0
                                        : allocations(site, time_s - lag_s);
    state.alloc_bytes = state.alloc_count * size_bytes;
    state.freed_bytes = state.free_count * size_bytes;
    return state;
}

/* All was forgotten at these times. */
static uint64_t clears[CLEARS_MAX];
static size_t clear_count;

static uint64_t last_clear(uint64_t time_s, bool counts_itself)
{
    uint64_t last_s = 0;
    for (size_t i = 0; i < clear_count; i++)
        if (clears[i] < time_s || (counts_itself && clears[i] == time_s))
            last_s = clears[i];
    return last_s;
}

static struct state model_since(uint32_t site, uint64_t time_s, uint64_t since_s)
{
    struct state state = model(site, time_s), before = {0};
    if (since_s)
        before = model(site, since_s);
    state.alloc_count -= before.alloc_count;
    state.alloc_bytes -= before.alloc_bytes;
    state.free_count -= before.free_count;
    state.freed_bytes -= before.freed_bytes;
    return state;
}

static void set_counters(uint64_t time_s)
{
    simulated_ns = START_NS + time_s * SECOND_NS;
    for (uint32_t site = 1; site <= SITES; site++) {
        struct state state = model_since(site, time_s, last_clear(time_s, true));
        trace.counters[site].alloc_count = state.alloc_count;
        trace.counters[site].alloc_bytes = state.alloc_bytes;
        trace.counters[site].free_count = state.free_count;
        trace.counters[site].freed_bytes = state.freed_bytes;
    }
}

/* Lets the program run until then, with all the ticks that are due meanwhile. */
static void run_until(uint64_t time_s)
{
    while (history_due_ns() <= START_NS + time_s * SECOND_NS) {
        uint64_t due_ns = history_due_ns();
        set_counters((due_ns - START_NS) / SECOND_NS); /* the model knows whole seconds */
        simulated_ns = due_ns;
        history_tick(due_ns);
    }
}

/* --- reading it, in another way than it was written --- */

static const uint8_t *at;

static uint64_t next_number(void)
{
    uint64_t number = 0;
    int shift = 0;
    do
        number |= (uint64_t)(*at & 0x7f) << shift;
    while (shift += 7, *at++ & 0x80);
    return number;
}

struct history {
    size_t tick_count, wrong_sums, wrong_shapes, mark_count;
    uint64_t last_s, longest_gap_s;
};

static bool is_as_since(const struct state *sums, uint64_t time_s, uint64_t since_s)
{
    for (uint32_t site = 1; site <= SITES; site++) {
        struct state state = model_since(site, time_s, since_s);
        if (memcmp(&state, &sums[site], sizeof state) != 0)
            return false;
    }
    return true;
}

/* At the very second at which all was forgotten there is a tick before and one after it. */
static bool is_as_in_model(const struct state *sums, uint64_t time_s)
{
    return is_as_since(sums, time_s, last_clear(time_s, true)) ||
           is_as_since(sums, time_s, last_clear(time_s, false));
}

static void read_entries(struct state *sums, uint64_t count, struct history *history)
{
    uint64_t id = 0;
    for (uint64_t k = 0; k < count; k++) {
        uint64_t step = next_number();
        id += step;
        history->wrong_shapes += step == 0 || id > SITES;
        if (id > SITES)
            return;
        sums[id].alloc_count += next_number();
        sums[id].alloc_bytes += next_number();
        sums[id].free_count += next_number();
        sums[id].freed_bytes += next_number();
    }
}

static struct history read_history(void)
{
    static struct state sums[SITES + 1];
    struct history history = {0};
    uint32_t half = trace.header->history_active;
    at = trace.history + half * trace.header->history_half_bytes;
    const uint8_t *end = at + trace.header->history_bytes[half];
    uint64_t time_ns = 0;
    memset(sums, 0, sizeof sums);
    while (at < end) {
        uint64_t body_bytes = next_number();
        const uint8_t *body = at;
        time_ns += next_number();
        uint64_t mark = next_number();
        read_entries(sums, next_number(), &history);
        uint64_t time_s = time_ns / SECOND_NS;
        history.wrong_shapes += at != body + body_bytes;
        history.wrong_sums += !is_as_in_model(sums, time_s);
        history.mark_count += mark != 0;
        if (mark)
            history.wrong_shapes += trace.marks[mark - 1].time_ns != START_NS + time_ns;
        if (time_s - history.last_s > history.longest_gap_s)
            history.longest_gap_s = time_s - history.last_s;
        history.last_s = time_s;
        history.tick_count++;
    }
    history.wrong_shapes += at != end;
    return history;
}

static struct history check(const char *name)
{
    char line[200];
    struct history history = read_history();
    snprintf(line, sizeof line, "%s: %zu ticks, at most %" PRIu64 " s apart, each exact", name,
             history.tick_count, history.longest_gap_s);
    tap_ok(history.tick_count && !history.wrong_sums && !history.wrong_shapes, line);
    return history;
}

/* --- the tests --- */

static void test_a_month(void)
{
    char name[64];
    uint64_t end_s = 30 * DAY_S;
    begin(HISTORY_DEFAULT_BYTES, SITES);
    for (uint64_t time_s = 600; time_s < end_s; time_s = time_s * 3 / 2) {
        run_until(time_s);
        snprintf(name, sizeof name, "after %.2f days", (double)time_s / DAY_S);
        check(name);
    }
    run_until(end_s);
    struct history history = check("after 30 days");
    tap_ok(history.longest_gap_s <= HOUR_S, "any two hours of a month differ");
    tap_ok(end_s - history.last_s <= HOUR_S, "the last tick is of the last hour");
    tap_ok(trace.header->section_bytes[SECTION_HISTORY] <= HISTORY_DEFAULT_BYTES,
           "the size is bounded");
    tap_number((int64_t)trace.header->anomalies[ANOMALY_HISTORY_LOST], 0, "no tick was lost");
}

static void take_snapshot(uint64_t time_s)
{
    run_until(time_s);
    set_counters(time_s);
    history_snapshot(0, "snapshot", 8);
}

static void test_marks(void)
{
    begin(1 << 20, SITES);
    for (int i = 0; i < 6; i++)
        take_snapshot(1234 + (uint64_t)i * 4321);
    run_until(DAY_S);
    struct history history = check("a small history with six snapshots");
    tap_number((int64_t)history.mark_count, 6, "all of which have their own tick");

    begin(1 << 20, SITES);
    options.conditions.snapshots_max = 3;
    for (int i = 0; i < 20; i++)
        take_snapshot(1234 + (uint64_t)i * 4321);
    run_until(2 * DAY_S);
    history = check("the same with twenty, three to be kept");
    tap_ok(history.mark_count >= 3 && history.mark_count <= 8, "about three have");

    begin(1 << 20, SITES);
    for (int i = 0; i < 1000; i++)
        take_snapshot(10 + (uint64_t)i * 10);
    history = check("more snapshots than there is room for");
    tap_ok(history.mark_count > 0, "the newest have their own ticks");
    tap_number((int64_t)trace.header->anomalies[ANOMALY_HISTORY_LOST], 0, "no tick was lost");
}

/* MEMTRACE_THREAD=0: whoever asks for a snapshot does the work. */
static void test_no_thread(void)
{
    options.has_ticker = false;
    begin(1 << 20, SITES);
    tap_number((int64_t)trace.header->history_interval_ns, 0, "without a thread no regular ticks");
    for (int i = 1; i <= 5; i++)
        take_snapshot((uint64_t)i * 1000);
    struct history history = check("but snapshots");
    tap_number((int64_t)history.mark_count, 5, "as many as were asked for");
    options.has_ticker = true;
}

static void test_nothing_changes(void)
{
    begin(1 << 20, SITES);
    run_until(100);
    uint64_t used = trace.header->history_bytes[0];
    for (int i = 0; i < 1000; i++) {
        simulated_ns += SECOND_NS;
        history_tick(simulated_ns);
    }
    tap_number((int64_t)trace.header->history_bytes[0], (int64_t)used,
               "ticks without news are not written");
    set_counters(2000);
    history_tick(simulated_ns);
    check("after a long pause");
}

static void forget(void)
{
    memset(trace.counters, 0, (SITES + 1) * sizeof *trace.counters);
}

static void clear(uint64_t time_s)
{
    run_until(time_s);
    set_counters(time_s);
    history_clear(0, forget);
    clears[clear_count++] = time_s;
}

static void test_clears(void)
{
    begin(HISTORY_DEFAULT_BYTES, SITES);
    clear(50);
    run_until(100);
    tap_number((int64_t)check("all forgotten once").tick_count, 101, "one more tick than seconds");
    clear_count = 0;

    begin(1 << 20, SITES);
    for (uint64_t i = 1; i < 20; i++)
        clear(100 + i * i * 40);
    run_until(DAY_S);
    check("all forgotten again and again");
    tap_number((int64_t)trace.header->anomalies[ANOMALY_HISTORY_LOST], 0, "no tick was lost");
    clear_count = 0;

    begin(1 << 20, SITES);
    granted_bytes = 300000;
    run_until(30);
    granted_bytes = trace.header->section_bytes[SECTION_HISTORY];
    for (uint64_t time_s = 40; time_s < 400; time_s += 40)
        clear(time_s);
    granted_bytes = 1 << 20;
    run_until(DAY_S);
    check("ticks of that were lost");
    clear_count = 0;
}

static void test_no_room(void)
{
    begin(8192, SITES);
    run_until(1000);
    tap_ok(trace.header->anomalies[ANOMALY_HISTORY_LOST] > 0, "too small a half: ticks are lost");
    tap_number((int64_t)read_history().tick_count, 0, "and there is no history");

    begin(1 << 20, SITES);
    granted_bytes = 300000;
    run_until(100);
    uint64_t last_s = check("a full disk").last_s;
    tap_ok(trace.header->anomalies[ANOMALY_HISTORY_LOST] > 0, "ticks are lost");
    granted_bytes = 1 << 20;
    run_until(DAY_S);
    tap_ok(check("room again").last_s > last_s, "it goes on");

    begin(0, SITES);
    run_until(100);
    take_snapshot(200);
    tap_number((int64_t)trace.header->history_half_bytes, 0, "no room at all");
    tap_ok(history_due_ns() == UINT64_MAX, "there are no ticks then");
}

static void test_large_numbers(void)
{
    static const uint64_t values[] = {0, 1, 127, 128, UINT64_MAX / 2, UINT64_MAX, 5};
    begin(1 << 20, 1);
    uint64_t expected = 0, sum = 0;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct trace_counters *counters = &trace.counters[1];
        counters->alloc_count = counters->freed_bytes = expected = values[i];
        simulated_ns += SECOND_NS;
        history_tick(simulated_ns);
    }
    at = trace.history;
    while (at < trace.history + trace.header->history_bytes[0]) {
        uint64_t body_bytes = next_number();
        const uint8_t *end = at + body_bytes;
        for (int k = 0; k < 4; k++) /* time, mark, count, id */
            next_number();
        sum += next_number();
        at = end;
    }
    tap_ok(sum == expected, "numbers of 64 bits add up, backwards too");
}

static void test_cost(void)
{
    begin(HISTORY_DEFAULT_BYTES, SITES);
    tick_cost_ns = 10 * 1000 * 1000;
    for (int i = 0; i < 20; i++) {
        simulated_ns = history_due_ns();
        history_tick(simulated_ns);
    }
    tap_number((int64_t)trace.header->history_interval_ns, (int64_t)(2 * SECOND_NS),
               "a tick of 10 ms every second is too often");
}

/* Threads that free what others allocated: a site's counters are summed over ids. */
static void test_new_counters(void)
{
    begin(1 << 20, 10000);
    trace.header->section_bytes[SECTION_COUNTERS] = 5 * sizeof *trace.counters;
    trace.counters[4].alloc_count = 1;
    history_tick(simulated_ns += SECOND_NS);
    uint64_t used = trace.header->history_bytes[0];
    trace.header->section_bytes[SECTION_COUNTERS] = 10001 * sizeof *trace.counters;
    trace.counters[10000].alloc_count = 1;
    history_tick(simulated_ns += SECOND_NS);
    at = trace.history + used;
    for (int k = 0; k < 4; k++)
        next_number();
    tap_number((int64_t)next_number(), 10000, "counters that are new since the last tick");
}

int main(void)
{
    test_a_month();
    test_marks();
    test_no_thread();
    test_nothing_changes();
    test_clears();
    test_no_room();
    test_large_numbers();
    test_cost();
    test_new_counters();
    return tap_end();
}
