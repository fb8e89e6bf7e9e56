/* SPDX-License-Identifier: BSD-2-Clause */
/* make_trace.c -- Writes small traces through trace_format.h, for tests that need to know every
 * number in them. */
#include "make_trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    UNPUBLISHED_BYTES = 64
};

static const size_t element_bytes[SECTION_COUNT] = {
    [SECTION_NODES] = sizeof(struct trace_node),
    [SECTION_OWNERS] = sizeof(struct trace_owner),
    [SECTION_COUNTERS] = sizeof(struct trace_counters),
    [SECTION_INHERITED] = sizeof(struct trace_inherited),
    [SECTION_MODULES] = sizeof(struct trace_module),
    [SECTION_THREADS] = sizeof(struct trace_thread),
    [SECTION_STRINGS] = 1,
    [SECTION_MARKS] = sizeof(struct trace_mark),
    [SECTION_HISTORY] = 1,
    [SECTION_SERIES] = sizeof(struct trace_point),
    [SECTION_SAMPLERS] = sizeof(struct trace_sampler),
    [SECTION_RESIDENCE] = sizeof(struct trace_residence),
};

/* Tests that cannot be set up have nothing to report. */
static void demand(int is_ok, const char *what)
{
    if (is_ok)
        return;
    perror(what);
    exit(99);
}

static uint32_t append(struct trace_maker *maker, enum trace_section section, const void *data,
                       size_t size_bytes)
{
    size_t at = maker->sizes[section];
    demand(at + size_bytes <= MADE_SECTION_BYTES, "section is full");
    memcpy(maker->sections[section] + at, data, size_bytes);
    maker->sizes[section] += size_bytes;
    return (uint32_t)(at / element_bytes[section]);
}

struct trace_string maker_string(struct trace_maker *maker, const char *text)
{
    uint32_t offset = append(maker, SECTION_STRINGS, text, strlen(text));
    return (struct trace_string){offset, (uint32_t)strlen(text)};
}

uint32_t maker_module(struct trace_maker *maker, const char *path)
{
    struct trace_module module = {.path = maker_string(maker, path)};
    return append(maker, SECTION_MODULES, &module, sizeof module);
}

uint32_t maker_thread(struct trace_maker *maker, uint32_t tid, const char *name)
{
    struct trace_thread thread = {.tid = tid};
    strncpy(thread.name, name, sizeof thread.name - 1);
    return append(maker, SECTION_THREADS, &thread, sizeof thread);
}

struct trace_thread *maker_thread_at(struct trace_maker *maker, uint32_t thread)
{
    return (struct trace_thread *)(void *)maker->sections[SECTION_THREADS] + thread;
}

uint32_t maker_node(struct trace_maker *maker, uint32_t parent, uint32_t module, uint64_t offset)
{
    struct trace_node node = {.offset = offset + 1, .parent = parent, .module_bits = module};
    return append(maker, SECTION_NODES, &node, sizeof node);
}

uint32_t maker_special(struct trace_maker *maker, uint32_t parent, enum trace_special special)
{
    struct trace_node node = {special, parent, NODE_MODULE_SPECIAL};
    return append(maker, SECTION_NODES, &node, sizeof node);
}

uint32_t maker_counters(struct trace_maker *maker, uint32_t node, uint32_t thread,
                        const struct trace_counters *counters)
{
    struct trace_owner owner = {node, thread};
    append(maker, SECTION_OWNERS, &owner, sizeof owner);
    return append(maker, SECTION_COUNTERS, counters, sizeof *counters);
}

void maker_inherited(struct trace_maker *maker, uint32_t counters, int64_t live_count,
                     int64_t live_bytes)
{
    static const struct trace_inherited nothing;
    while (maker->sizes[SECTION_INHERITED] / sizeof nothing <= counters)
        append(maker, SECTION_INHERITED, &nothing, sizeof nothing);
    struct trace_inherited *inherited =
        (struct trace_inherited *)(void *)maker->sections[SECTION_INHERITED] + counters;
    *inherited = (struct trace_inherited){live_count, live_bytes};
}

uint32_t maker_mark(struct trace_maker *maker, enum trace_mark_kind kind, const char *name,
                    uint64_t after_ns)
{
    struct trace_mark mark = {.time_ns = maker->header.start_time_ns + after_ns,
                              .kind = kind,
                              .thread = 1,
                              .name = maker_string(maker, name),
                              .live_bytes = 100,
                              .peak_bytes = 200};
    return append(maker, SECTION_MARKS, &mark, sizeof mark);
}

/* --- history --- */

void maker_history_bytes(struct trace_maker *maker, const void *bytes, size_t count)
{
    demand(maker->history_bytes + count <= MADE_HISTORY_BYTES, "history is full");
    memcpy(maker->history + maker->history_bytes, bytes, count);
    maker->history_bytes += count;
}

static size_t put_number(unsigned char *at, uint64_t number)
{
    size_t size = 0;
    do {
        at[size++] = (unsigned char)((number & 0x7f) | (number > 0x7f ? 0x80 : 0));
        number >>= 7;
    } while (number);
    return size;
}

void maker_tick(struct trace_maker *maker, uint64_t step_ns, uint32_t mark,
                const struct made_change *changes, size_t count)
{
    unsigned char body[MADE_HISTORY_BYTES];
    unsigned char size[10];
    size_t used = put_number(body, step_ns);
    uint32_t last = 0;
    used += put_number(body + used, mark == UINT32_MAX ? 0 : (uint64_t)mark + 1);
    used += put_number(body + used, count);
    for (size_t i = 0; i < count; i++) {
        const struct trace_counters *added = &changes[i].added;
        demand(used + HISTORY_ENTRY_MAX_BYTES <= sizeof body, "tick is too large");
        used += put_number(body + used, changes[i].id - last);
        used += put_number(body + used, added->alloc_count);
        used += put_number(body + used, added->alloc_bytes);
        used += put_number(body + used, added->free_count);
        used += put_number(body + used, added->freed_bytes);
        last = changes[i].id;
    }
    maker_history_bytes(maker, size, put_number(size, used));
    maker_history_bytes(maker, body, used);
}

/* The first half holds what a reader must not look at. */
static void lay_out_history(struct trace_maker *maker)
{
    if (!maker->history_bytes || maker->sizes[SECTION_HISTORY])
        return;
    unsigned char other[MADE_HISTORY_BYTES];
    size_t half = maker->history_bytes;
    memset(other, 0xee, sizeof other);
    append(maker, SECTION_HISTORY, other, half);
    append(maker, SECTION_HISTORY, maker->history, half);
    maker->header.history_active = 1;
    maker->header.history_half_bytes = half;
    maker->header.history_bytes[0] = half;
    maker->header.history_bytes[1] = half;
    maker->header.history_interval_ns = 1000000000;
}

/* --- series --- */

struct trace_point *maker_point(struct trace_maker *maker, uint64_t after_ns)
{
    demand(maker->point_count < MADE_POINTS_MAX, "series is full");
    struct trace_point *point = &maker->points[maker->point_count++];
    memset(point, 0xff, sizeof *point); /* -1 everywhere */
    point->time_ns = maker->header.start_time_ns + after_ns;
    point->span_ns = 0;
    return point;
}

static void lay_out_series(struct trace_maker *maker)
{
    struct trace_point other[MADE_POINTS_MAX];
    size_t half_bytes = maker->point_count * sizeof other[0];
    if (!half_bytes || maker->sizes[SECTION_SERIES])
        return;
    memset(other, 0xee, sizeof other);
    append(maker, SECTION_SERIES, other, half_bytes);
    append(maker, SECTION_SERIES, maker->points, half_bytes);
    maker->header.series_active = 1;
    maker->header.series_half_points = maker->point_count;
    maker->header.series_points[0] = maker->header.series_points[1] = maker->point_count;
    if (!maker->header.series_interval_ns)
        maker->header.series_interval_ns = 100000000;
}

void maker_init(struct trace_maker *maker)
{
    static const struct trace_module no_module;
    memset(maker, 0, sizeof *maker);
    struct trace_header *header = &maker->header;
    memcpy(header->magic, TRACE_MAGIC, sizeof header->magic);
    header->version = TRACE_VERSION;
    header->byte_order = TRACE_BYTE_ORDER;
    header->header_bytes = sizeof *header;
    header->machine = 62;
    header->page_bytes = 4096;
    header->state = TRACE_EXITED;
    header->exit_status_known = 1;
    header->pid = 4242;
    header->parent_pid = 4241;
    header->depth_limit = 256;
    header->start_time_ns = 1000000000;
    header->start_realtime_ns = 1700000000000000000;
    header->end_time_ns = 1210000000;
    header->last_seen_ns = 1210000000;
    header->peak_time_ns = 1200000000;
    header->peak_epoch = 7;
    header->threads_seen = 1;
    header->program = maker_string(maker, "./demo");
    header->executable = maker_string(maker, "/home/me/demo");
    append(maker, SECTION_MODULES, &no_module, sizeof no_module);
    maker_thread(maker, 0, "");
    maker_thread(maker, 4242, "demo");
    append(maker, SECTION_NODES, &(struct trace_node){0}, sizeof(struct trace_node));
    maker_counters(maker, 0, 0, &(struct trace_counters){0});
}

static uint64_t half_of(const struct trace_maker *maker, int section)
{
    size_t count = maker->sizes[section] / element_bytes[section];
    return count / 2 * element_bytes[section];
}

static void add_extent(struct trace_header *header, int section, uint64_t section_offset,
                       uint64_t size_bytes, uint64_t *end)
{
    *end = (*end + 7) / 8 * 8;
    header->extents[header->extent_count++] = (struct trace_extent){
        .section = (uint32_t)section,
        .section_offset = section_offset,
        .file_offset = *end,
        .size_bytes = size_bytes,
    };
    *end += size_bytes;
}

static uint64_t lay_out(const struct trace_maker *maker, struct trace_header *header)
{
    uint64_t end = sizeof *header;
    *header = maker->header;
    header->extent_count = 0;
    for (int i = 0; i < SECTION_COUNT; i++) {
        uint64_t half = half_of(maker, i);
        header->section_bytes[i] = maker->sizes[i];
        if (half)
            add_extent(header, i, 0, half, &end);
        add_extent(header, i, half, maker->sizes[i] - half + UNPUBLISHED_BYTES, &end);
    }
    return end;
}

size_t maker_file_bytes(const struct trace_maker *maker)
{
    struct trace_header header;
    return lay_out(maker, &header);
}

int maker_write(struct trace_maker *maker)
{
    struct trace_header header;
    lay_out_history(maker);
    lay_out_series(maker);
    uint64_t end = lay_out(maker, &header);
    int fd = memfd_create("trace", MFD_CLOEXEC);
    demand(fd >= 0 && ftruncate(fd, (off_t)end) == 0, "memfd");
    demand(pwrite(fd, &header, sizeof header, 0) == sizeof header, "header");
    for (uint32_t i = 0; i < header.extent_count; i++) {
        const struct trace_extent *extent = &header.extents[i];
        uint64_t left = maker->sizes[extent->section] - extent->section_offset;
        uint64_t used = extent->size_bytes < left ? extent->size_bytes : left;
        ssize_t written = pwrite(fd, maker->sections[extent->section] + extent->section_offset,
                                 used, (off_t)extent->file_offset);
        demand(written == (ssize_t)used, "extent");
    }
    return fd;
}

void maker_example(struct trace_maker *maker)
{
    maker_init(maker);
    maker->header.threads_seen = 2;
    uint32_t demo = maker_module(maker, "/nonexistent/demo");
    uint32_t libc = maker_module(maker, "/nonexistent/libc.so.6");
    uint32_t other = maker_thread(maker, 4243, "worker");
    uint32_t outer = maker_node(maker, 0, demo, 0x1000);
    uint32_t again = maker_node(maker, outer, demo, 0x1000);
    uint32_t inner = maker_node(maker, again, demo, 0x1100);
    uint32_t strdup_node = maker_node(maker, inner, libc, 0x8000);
    uint32_t special = maker_special(maker, 0, SPECIAL_OVERFLOW);
    maker_counters(maker, inner, 1, &(struct trace_counters){10, 1000, 4, 400, 2, 800, 8, 7});
    maker_counters(maker, inner, other, &(struct trace_counters){5, 500, 6, 600, 0, 0, 0, 3});
    maker_counters(maker, strdup_node, 1, &(struct trace_counters){3, 33, 0, 0, 0, 22, 2, 7});
    uint32_t last =
        maker_counters(maker, special, 1, &(struct trace_counters){1, 8, 0, 0, 0, 0, 0, 0});
    maker_inherited(maker, last, 1, 64);
    struct trace_thread *thread = maker_thread_at(maker, 1);
    thread->alloc_count = 14;
    thread->alloc_bytes = 1041;
    thread->calls[CALL_MALLOC] = 14;
    maker->header.anomalies[ANOMALY_OVERFLOW] = 1;
    uint32_t mark = maker_mark(maker, MARK_SNAPSHOT, "half-way", 100000000);
    maker_mark(maker, MARK_PHASE_END, "load", 150000000);
    const struct made_change changes[] = {{1, {5, 500, 1, 100, 0, 0, 0, 0}},
                                          {3, {1, 11, 0, 0, 0, 0, 0, 0}}};
    maker_tick(maker, 50000000, UINT32_MAX, changes, 2);
    maker_tick(maker, 50000000, mark, changes + 1, 1);
    maker_tick(maker, 50000000, UINT32_MAX, changes, 1);
    for (uint64_t i = 0; i < 3; i++) {
        struct trace_point *point = maker_point(maker, i * 40000000);
        int64_t rss_bytes = 4096 * (int64_t)(i + 10);
        point->span_ns = i == 1 ? 20000000 : 0;
        point->rss_bytes = (struct trace_range){rss_bytes, rss_bytes + (i == 1 ? 8192 : 0)};
        point->live_bytes = (struct trace_range){(int64_t)i * 100, (int64_t)i * 100};
        point->minor_faults = (int64_t)i * 7;
    }
}
