/* SPDX-License-Identifier: BSD-2-Clause */
/* test_snapshot.c -- A snapshot holds what its trace held, and lies are found out. */
#include "../make_trace.h"
#include "packed.h"
#include "snapshot.h"
#include "tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

static struct trace_maker maker;
static char directory[] = "/tmp/memtrace-snapshot-XXXXXX";

static const char *inside(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

/* The example, with what came to traces later. */
static bool load_example(struct trace *trace)
{
    struct error error;
    maker_example(&maker);
    int fd = maker_write(&maker);
    bool is_ok = trace_read(trace, fd, &error);
    close(fd);
    return tap_ok(is_ok, "the example loads");
}

static bool write_snapshot(const struct trace *trace, const char *name)
{
    struct snapshot snapshot;
    struct error error = {"", 0};
    bool is_ok = snapshot_write(&snapshot, trace, inside(name), 0, &error);
    if (!tap_ok(is_ok, "a snapshot is written"))
        printf("# %s\n", error.text);
    else
        snapshot_finish(&snapshot);
    return is_ok;
}

static bool are_nodes_equal(const struct trace *trace, const struct trace *copy)
{
    struct trace_node nodes[64], copied[64];
    uint32_t count = trace->node_count;
    if (count != copy->node_count || count > 64)
        return false;
    nodes_restore(&trace->sections.nodes, 0, count, nodes);
    nodes_restore(&copy->sections.nodes, 0, count, copied);
    return memcmp(nodes, copied, count * sizeof *nodes) == 0;
}

static void test_same(void)
{
    struct trace trace, copy;
    struct error error = {"", 0};
    if (!load_example(&trace) || !write_snapshot(&trace, "same"))
        return;
    if (tap_ok(trace_open(&copy, inside("same"), &error), "and read")) {
        tap_ok(copy.is_snapshot && !copy.is_running && !copy.was_running, "it is one");
        tap_text(copy.program, trace.program, "of the same program");
        tap_text(copy.module_paths[2], trace.module_paths[2], "with the same modules");
        for (int i = 0; i < SECTION_COUNT; i++) {
            char name[40];
            snprintf(name, sizeof name, "section %d is the same", i);
            size_t size_bytes = trace.sections.size_bytes[i];
            tap_ok(copy.sections.size_bytes[i] == size_bytes &&
                       (i == SECTION_NODES ? are_nodes_equal(&trace, &copy)
                                           : memcmp(copy.sections.bytes[i], trace.sections.bytes[i],
                                                    size_bytes) == 0),
                   name);
        }
        tap_number((int64_t)trace_duration_ns(&copy), (int64_t)trace_duration_ns(&trace),
                   "of the same duration");
        trace_close(&copy);
    } else {
        printf("# %s\n", error.text);
    }
    tap_ok(trace_open_header(&copy, inside("same"), &error) && copy.is_snapshot &&
               strcmp(copy.program, trace.program) == 0,
           "its names can be read alone");
    trace_close(&copy);
    trace_close(&trace);
}

static void test_file(void)
{
    struct trace trace;
    struct snapshot snapshot;
    struct error error;
    struct stat status;
    if (!load_example(&trace))
        return;
    mode_t mask = umask(0);
    if (write_snapshot(&trace, "mine") && stat(inside("mine"), &status) == 0)
        tap_number(status.st_mode & 07777, 0600, "it is for us only, whatever the mask");
    umask(mask);
    tap_ok(!snapshot_write(&snapshot, &trace, inside("mine"), 0, &error),
           "what exists is left alone");
    bool is_linked = symlink("target", inside("link")) == 0;
    tap_ok(is_linked && !snapshot_write(&snapshot, &trace, inside("link"), 0, &error),
           "a link is not followed");
    tap_ok(access(inside("target"), F_OK) != 0, "nor is anything made where it points to");
    tap_ok(snapshot_write(&snapshot, &trace, inside("mine"), 7, &error), "one of a series");
    tap_text(snapshot.path, inside("mine.7"), "has its number");
    snapshot_finish(&snapshot);
    for (int i = 0; i < 3; i++) {
        tap_ok(snapshot_write(&snapshot, &trace, directory, 0, &error), "into a directory");
        bool is_numbered = snapshot.path[strlen(snapshot.path) - 1] == (i == 1 ? '1' : '2');
        tap_ok(strstr(snapshot.path, "/demo.4242.") &&
                   strstr(snapshot.path, ".snapshot.memtrace") && (i == 0 || is_numbered),
               "it gets a name of its own");
        snapshot_finish(&snapshot);
    }
    trace_close(&trace);
}

static void test_running(void)
{
    struct trace trace, copy;
    struct error error;
    if (!load_example(&trace))
        return;
    trace.sections.header.state = TRACE_RUNNING;
    trace.sections.moment = (struct snapshot_moment){.time_ns = 1500000000,
                                                     .realtime_ns = 1700000000500000000,
                                                     .spread_ns = 77,
                                                     .moved_sites = 3,
                                                     .is_running = true,
                                                     .is_peak_settled = true};
    if (write_snapshot(&trace, "running") &&
        tap_ok(trace_open(&copy, inside("running"), &error), "a running program's")) {
        tap_ok(!copy.is_running && copy.was_running, "it ran then");
        tap_number((int64_t)trace_duration_ns(&copy), 500000000, "for so long");
        tap_number((int64_t)copy.sections.moment.spread_ns, 77, "its spread is kept");
        tap_ok(copy.is_peak_settled, "and whether the peak was settled");
        trace_close(&copy);
    }
    trace_close(&trace);
}

/* --- lies --- */

static void expect_refusal(int fd, const char *words, const char *name)
{
    struct trace trace;
    struct error error = {"", 0};
    bool is_read = trace_read(&trace, fd, &error);
    if (!tap_ok(!is_read && strstr(error.text, words), name))
        printf("# %s\n", is_read ? "it was read" : error.text);
    if (is_read)
        trace_close(&trace);
    close(fd);
}

static int file_of(const void *bytes, size_t size_bytes)
{
    int fd = memfd_create("packed", MFD_CLOEXEC);
    return fd >= 0 && write(fd, bytes, size_bytes) == (ssize_t)size_bytes ? fd : -1;
}

/* Bytes packed by zstd itself, with or without their size. */
static int packed(const void *bytes, size_t size_bytes, bool with_size)
{
    size_t room = ZSTD_compressBound(size_bytes);
    char *out = malloc(room);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, with_size);
    size_t used = ZSTD_compress2(context, out, room, bytes, size_bytes);
    int fd = ZSTD_isError(used) ? -1 : file_of(out, used);
    ZSTD_freeCCtx(context);
    free(out);
    return fd;
}

static void test_packed_trace(void)
{
    struct trace trace;
    struct error error;
    maker_example(&maker);
    int plain = maker_write(&maker);
    size_t size_bytes = maker_file_bytes(&maker); /* with all that is laid out last */
    char *bytes = calloc(1, size_bytes);
    tap_ok(pread(plain, bytes, size_bytes, 0) > 0, "a trace");
    int fd = packed(bytes, size_bytes, true);
    bool is_read = trace_read(&trace, fd, &error);
    tap_ok(is_read && !trace.is_snapshot, "packed by zstd is read, and is no snapshot");
    if (is_read)
        trace_close(&trace);
    close(fd);
    close(plain);
    expect_refusal(packed(bytes, size_bytes, false), "zstd -d", "without its size it is not");
    free(bytes);
}

static void test_bombs(void)
{
    size_t size_bytes = 64 << 20;
    char *zeros = calloc(1, size_bytes);
    expect_refusal(packed(zeros, size_bytes, true), "too much to be true", "64 MiB of nothing");
    free(zeros);
    /* A frame header that claims 2^60 bytes: single segment, 8 bytes of size. */
    static const unsigned char huge[] = {0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x10};
    expect_refusal(file_of(huge, sizeof huge), "too much to be true", "an endless frame");
    static const unsigned char cut[] = {0x28, 0xb5, 0x2f, 0xfd};
    expect_refusal(file_of(cut, sizeof cut), "damaged", "a frame without a header");
}

static void expect_patched(size_t offset, unsigned char byte, const char *words, const char *name)
{
    int from = open(inside("same"), O_RDONLY | O_CLOEXEC);
    char bytes[8192];
    ssize_t size_bytes = read(from, bytes, sizeof bytes);
    close(from);
    bytes[offset] = (char)(bytes[offset] ^ byte);
    expect_refusal(file_of(bytes, (size_t)size_bytes), words, name);
}

static void test_damage(void)
{
    struct stat status;
    if (!tap_ok(stat(inside("same"), &status) == 0 && status.st_size < 8192, "a snapshot"))
        return;
    const size_t head = sizeof(struct snapshot_head);
    expect_patched(offsetof(struct snapshot_head, version), 2, "snapshot format 3", "a newer one");
    expect_patched(offsetof(struct snapshot_head, byte_order), 5, "byte order", "byte order");
    expect_patched(offsetof(struct snapshot_head, frame_bytes), 1, "damaged", "another head");
    expect_patched(offsetof(struct snapshot_head, magic), 1, "not a memtrace trace", "no snapshot");
    expect_patched(offsetof(struct snapshot_head, moment.instant_kind), 64, "unknown kind",
                   "a moment of no kind");
    expect_patched(head, 1, "damaged", "no frame behind the head");
    expect_patched((size_t)status.st_size - 1, 1, "cannot be unpacked", "a wrong checksum");
    expect_patched(head + 200, 0x55, "", "damage in the middle");
}

static void test_truncation(void)
{
    char bytes[8192];
    int from = open(inside("same"), O_RDONLY | O_CLOEXEC);
    ssize_t size_bytes = read(from, bytes, sizeof bytes);
    int refused = 0;
    close(from);
    for (ssize_t i = 1; i < size_bytes; i++) {
        struct trace trace;
        struct error error = {"", 0};
        int fd = file_of(bytes, (size_t)i);
        if (trace_read(&trace, fd, &error))
            trace_close(&trace);
        else
            refused += error.text[0] != 0;
        close(fd);
    }
    tap_number(refused, size_bytes - 1, "cut anywhere, it is refused with a reason");
}

static void clean_up(void)
{
    char command[80];
    snprintf(command, sizeof command, "rm -r %s", directory);
    if (system(command) != 0)
        printf("# %s is left\n", directory);
}

int main(void)
{
    if (!mkdtemp(directory))
        return 99;
    test_same();
    test_file();
    test_running();
    test_packed_trace();
    test_bombs();
    test_damage();
    test_truncation();
    clean_up();
    return tap_end();
}
