/* SPDX-License-Identifier: BSD-2-Clause */
/* test_trace.c -- A trace is loaded as it was written, or refused with a reason. */
#include "../make_trace.h"
#include "completeness.h"
#include "tap.h"
#include "trace.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct trace_maker maker;

static bool load(struct trace *trace, struct error *error)
{
    int fd = maker_write(&maker);
    bool is_ok = trace_read(trace, fd, error);
    close(fd);
    return is_ok;
}

static void test_example(void)
{
    struct trace trace;
    struct error error;
    maker_example(&maker);
    if (!tap_ok(load(&trace, &error), "the example loads"))
        return;
    tap_text(trace.program, "./demo", "program");
    tap_text(trace.executable, "/home/me/demo", "executable");
    tap_number(trace.node_count, 6, "nodes");
    tap_number(trace.owner_count, 5, "counters");
    tap_number(trace.module_count, 3, "modules");
    tap_number(trace.thread_count, 3, "threads");
    tap_text(trace.module_paths[2], "/nonexistent/libc.so.6", "a module's path");
    tap_ok(!trace.is_running, "an exited program does not run");
    tap_number((int64_t)trace_duration_ns(&trace), 210000000, "duration");
    tap_number((int64_t)trace_peak_time_ns(&trace), 200000000, "time of the peak");
    trace_close(&trace);
    tap_ok(trace.nodes == NULL, "closed");
    trace_close(&trace);
}

static void test_figures(void)
{
    struct trace trace;
    struct error error;
    maker_example(&maker);
    if (!tap_ok(load(&trace, &error), "the example loads"))
        return;
    struct figures stored = trace_figures(&trace, 1);
    tap_number(stored.live_bytes, 600, "live is allocated less freed");
    tap_number(stored.peak_bytes, 800, "of this peak: the bytes at peak are stored");
    tap_number(stored.peak_count, 8, "and the blocks");
    struct figures since = trace_figures(&trace, 2);
    tap_number(since.live_bytes, -100, "what another thread allocated");
    tap_number(since.peak_bytes, -100, "untouched since the peak: live");
    struct figures inherited = trace_figures(&trace, 4);
    tap_number(inherited.live_bytes, 72, "an inherited block is live");
    tap_number(inherited.peak_bytes, 72, "and there at the peak");
    tap_number((int64_t)inherited.alloc_bytes, 8, "but not allocated here");
    figures_add(&stored, &since);
    tap_number(stored.live_bytes, 500, "a site is the sum of its threads");
    trace_close(&trace);
}

static void expect_refusal(const char *words, const char *name)
{
    struct trace trace;
    struct error error = {"", 0};
    bool is_loaded = load(&trace, &error);
    if (!tap_ok(!is_loaded && strstr(error.text, words), name))
        printf("# %s\n", is_loaded ? "it was loaded" : error.text);
    if (is_loaded)
        trace_close(&trace);
}

static struct trace_node *node_at(uint32_t index)
{
    return (struct trace_node *)(void *)maker.sections[SECTION_NODES] + index;
}

static void test_refusals(void)
{
    maker_example(&maker);
    maker.header.magic[0] = 'M';
    expect_refusal("not a memtrace trace", "foreign file");
    maker_example(&maker);
    maker.header.version = TRACE_VERSION + 1;
    expect_refusal("use a newer one", "newer version");
    maker_example(&maker);
    maker.header.byte_order = __builtin_bswap32(TRACE_BYTE_ORDER);
    expect_refusal("byte order", "other byte order");
    maker_example(&maker);
    node_at(3)->parent = 3;
    expect_refusal("its own ancestor", "a circle of nodes");
    maker_example(&maker);
    node_at(3)->module_bits = 3;
    expect_refusal("module 3 of 3", "a module that is not there");
    maker_example(&maker);
    maker_counters(&maker, 6, 1, &(struct trace_counters){0});
    expect_refusal("node 6 of 6", "a node that is not there");
    maker_example(&maker);
    maker.header.program.size_bytes = UINT32_MAX;
    expect_refusal("a string", "a string without end");
    maker_example(&maker);
    maker.header.program.offset = UINT32_MAX;
    expect_refusal("a string", "a string outside");
    maker_example(&maker);
    ((struct trace_module *)(void *)maker.sections[SECTION_MODULES])[1].build_id_bytes = 33;
    expect_refusal("build-id", "an endless build-id");
}

/* The file with one number replaced. */
static void expect_patched(uint64_t offset, uint64_t value, const char *words, const char *name)
{
    struct trace trace;
    struct error error = {"", 0};
    maker_example(&maker);
    int fd = maker_write(&maker);
    bool is_patched = pwrite(fd, &value, sizeof value, (off_t)offset) == sizeof value;
    bool is_loaded = trace_read(&trace, fd, &error);
    if (!tap_ok(is_patched && !is_loaded && strstr(error.text, words), name))
        printf("# %s\n", is_loaded ? "it was loaded" : error.text);
    if (is_loaded)
        trace_close(&trace);
    close(fd);
}

static void test_extents(void)
{
    const uint64_t extent = offsetof(struct trace_header, extents);
    const uint64_t size = offsetof(struct trace_extent, size_bytes);
    const uint64_t place = offsetof(struct trace_extent, file_offset);
    const uint64_t sections = offsetof(struct trace_header, section_bytes);
    expect_patched(extent + place, 1 << 30, "not in the file", "an extent behind the end");
    expect_patched(extent + place, UINT64_MAX, "not in the file", "an extent beyond everything");
    expect_patched(extent + place, 8, "not in the file", "an extent in the header");
    expect_patched(extent + size, UINT64_MAX, "out of place", "an endless extent");
    expect_patched(extent + size, 8, "out of place", "a gap between extents");
    expect_patched(sections, UINT64_MAX, "", "an endless section");
    expect_patched(sections + 8, 1 << 20, "larger than its extents", "a section without extents");
}

static void test_kinds(void)
{
    struct trace trace;
    struct error error;
    char fifo[] = "/tmp/memtrace-fifo-XXXXXX";
    tap_ok(!trace_open(&trace, "/", &error) && strstr(error.text, "directory"), "a directory");
    tap_ok(!trace_open(&trace, "/dev/zero", &error) && strstr(error.text, "regular"), "a device");
    tap_ok(!trace_open(&trace, "/nonexistent", &error), "nothing");
    tap_ok(!trace_open(&trace, "/dev/null/x", &error), "nothing, below a file");
    if (mkdtemp(fifo)) {
        char path[64];
        snprintf(path, sizeof path, "%s/fifo", fifo);
        if (mkfifo(path, 0600) == 0)
            tap_ok(!trace_open(&trace, path, &error) && strstr(error.text, "regular"),
                   "a FIFO nobody writes to");
        unlink(path);
        rmdir(fifo);
    }
}

static void test_completeness(void)
{
    struct trace trace;
    struct error error;
    struct completeness completeness;
    char end[128];
    maker_example(&maker);
    if (!tap_ok(load(&trace, &error), "the example loads"))
        return;
    completeness_init(&completeness, &trace);
    tap_number((int64_t)completeness.count, 1, "one thing was lost");
    tap_ok(strstr(completeness.reasons[0], "1 allocations are under <overflow>"), "in words");
    tap_text(completeness_state(&trace), "exited", "it exited");
    completeness_describe_end(&trace, end, sizeof end);
    tap_text(end, "exited 0 after 0.21 s", "and when");
    trace.header.state = TRACE_RUNNING;
    completeness_init(&completeness, &trace);
    tap_ok(strstr(completeness.reasons[0], "killed or crashed"), "no end mark and no process");
    tap_text(completeness_state(&trace), "killed", "killed");
    trace.is_running = trace.was_running = true;
    trace.header.anomalies[ANOMALY_OVERFLOW] = 0;
    completeness_init(&completeness, &trace);
    tap_number((int64_t)completeness.count, 0, "a running program's trace is complete so far");
    for (int i = 0; i < ANOMALY_MAX; i++)
        trace.header.anomalies[i] = 12345;
    completeness_init(&completeness, &trace);
    tap_number((int64_t)completeness.count, ANOMALY_MAX, "every anomaly is told");
    for (size_t i = 0; i < completeness.count; i++)
        tap_ok(strstr(completeness.reasons[i], "12,345") &&
                   !strstr(completeness.reasons[i], "does not know") == (i < ANOMALY_COUNT),
               completeness.reasons[i]);
    trace_close(&trace);
}

int main(void)
{
    test_example();
    test_figures();
    test_refusals();
    test_extents();
    test_kinds();
    test_completeness();
    return tap_end();
}
