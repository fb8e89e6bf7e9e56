/* SPDX-License-Identifier: BSD-2-Clause */
/* sections.c -- The sections of a trace file, read so that they belong together. */
#include "sections.h"

#include "collect.h"
#include "image.h"
#include "large.h"
#include "process.h"

#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    READ_TRIES = 8,
    CHUNK_NODES = 1 << 13
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

/* Sections being read. */
struct reader {
    struct image image;
    struct sections *sections;
    struct error *error;
    unsigned wanted;                   /* a bit for each section */
    struct trace_header first;         /* as it was before all else was looked at */
    uint64_t published[SECTION_COUNT]; /* bytes */
    uint64_t begin[SECTION_COUNT];     /* of the part that is read */
};

static bool is_wanted(const struct reader *reader, int section)
{
    return reader->wanted >> section & 1;
}

/* --- the header --- */

static bool read_header(struct reader *reader)
{
    struct trace_header *header = &reader->sections->header;
    uint64_t available = reader->image.size_bytes;
    size_t wanted = available < sizeof *header ? (size_t)available : sizeof *header;
    if (!image_read(&reader->image, header, wanted, 0, reader->error))
        return false;
    size_t magic_bytes = wanted < sizeof header->magic ? wanted : sizeof header->magic;
    if (memcmp(header->magic, TRACE_MAGIC, magic_bytes) != 0)
        return error_at(reader->error, 0, "not a memtrace trace");
    if (wanted < sizeof *header)
        return error_at(reader->error, available, "truncated within the header");
    return true;
}

static bool check_header(struct reader *reader)
{
    const struct trace_header *header = &reader->sections->header;
    struct error *error = reader->error;
    if (header->byte_order == __builtin_bswap32(TRACE_BYTE_ORDER))
        return error_at(error, offsetof(struct trace_header, byte_order),
                        "written on a machine with the other byte order");
    if (header->byte_order != TRACE_BYTE_ORDER)
        return error_at(error, offsetof(struct trace_header, byte_order), "damaged header");
    if (header->version > TRACE_VERSION)
        return error_at(error, offsetof(struct trace_header, version),
                        "trace format %" PRIu32
                        ", but this memtrace reads up to %u: use a newer one",
                        header->version, TRACE_VERSION);
    if (header->version && header->version < TRACE_VERSION)
        return error_at(error, offsetof(struct trace_header, version),
                        "trace format %" PRIu32 ", but this memtrace reads %u: use an older one",
                        header->version, TRACE_VERSION);
    if (header->version == 0 || header->header_bytes < sizeof *header)
        return error_at(error, offsetof(struct trace_header, version), "damaged header");
    if (header->extent_count > TRACE_EXTENTS_MAX)
        return error_at(error, offsetof(struct trace_header, extent_count),
                        "claims %" PRIu32 " extents", header->extent_count);
    if (header->state > TRACE_EXECED)
        return error_at(error, offsetof(struct trace_header, state), "in an unknown state");
    if (header->history_active > 1 || header->series_active > 1)
        return error_at(error, offsetof(struct trace_header, history_active),
                        "half %" PRIu32 " of two is active",
                        header->history_active > 1 ? header->history_active
                                                   : header->series_active);
    return true;
}

/* Of a program that runs, sections grow while we look. What refers to others is asked for its size
 * first: whatever it refers to was published before it. */
static bool read_published_sizes(struct reader *reader)
{
    static const enum trace_section order[SECTION_COUNT] = {
        SECTION_HISTORY, SECTION_SERIES,    SECTION_RESIDENCE, SECTION_SAMPLERS,
        SECTION_MARKS,   SECTION_INHERITED, SECTION_COUNTERS,  SECTION_OWNERS,
        SECTION_NODES,   SECTION_THREADS,   SECTION_MODULES,   SECTION_STRINGS};
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        uint64_t offset =
            offsetof(struct trace_header, section_bytes) + order[i] * sizeof(uint64_t);
        if (!image_read(&reader->image, &reader->published[order[i]], sizeof(uint64_t), offset,
                        reader->error))
            return false;
        atomic_thread_fence(memory_order_acquire);
    }
    return true;
}

/* --- where things are --- */

static uint64_t extent_offset(uint32_t extent)
{
    return offsetof(struct trace_header, extents) + extent * sizeof(struct trace_extent);
}

/* How much of an extent is published; the rest is room for more. */
static uint64_t published_bytes(const struct reader *reader, const struct trace_extent *extent)
{
    uint64_t published = reader->published[extent->section];
    uint64_t left = published > extent->section_offset ? published - extent->section_offset : 0;
    return extent->size_bytes < left ? extent->size_bytes : left;
}

/* Together extents hold no more than the file does, so memory is bounded by its size. */
static bool check_extents(struct reader *reader)
{
    const struct trace_header *header = &reader->sections->header;
    const uint64_t file_bytes = reader->image.size_bytes;
    uint64_t total = 0;
    uint64_t known[SECTION_COUNT] = {0};
    for (uint32_t i = 0; i < header->extent_count; i++) {
        const struct trace_extent *extent = &header->extents[i];
        if (extent->section >= SECTION_COUNT)
            continue; /* a section that later versions may add */
        if (extent->section_offset != known[extent->section] || extent->size_bytes > INT64_MAX)
            return error_at(reader->error, extent_offset(i), "extent %" PRIu32 " is out of place",
                            i);
        uint64_t used = published_bytes(reader, extent);
        if (used &&
            (extent->file_offset < header->header_bytes || extent->file_offset > file_bytes ||
             used > file_bytes - extent->file_offset || used > file_bytes - total))
            return error_at(reader->error, extent_offset(i),
                            "extent %" PRIu32 " is not in the file: truncated or damaged", i);
        total += used;
        known[extent->section] += extent->size_bytes;
    }
    for (int i = 0; i < SECTION_COUNT; i++)
        if (known[i] < reader->published[i])
            return error_at(reader->error,
                            offsetof(struct trace_header, section_bytes) +
                                (uint64_t)i * sizeof(uint64_t),
                            "section %d is larger than its extents", i);
    return true;
}

/* Restricts a section of two halves to size_bytes of the active one. */
static bool take_half(struct reader *reader, enum trace_section section, uint32_t half,
                      uint64_t half_bytes, uint64_t size_bytes)
{
    uint64_t published = reader->published[section];
    uint64_t begin = half && size_bytes ? half_bytes : 0;
    if (size_bytes > half_bytes || begin > published || size_bytes > published - begin)
        return error_at(reader->error, offsetof(struct trace_header, history_half_bytes),
                        "half %" PRIu32 " of section %d is not there: truncated or damaged", half,
                        section);
    reader->begin[section] = begin;
    reader->sections->size_bytes[section] = size_bytes;
    return true;
}

/* What the halves hold refers to everything else, so it is what there was at first that counts. */
static bool take_sizes(struct reader *reader)
{
    const struct trace_header *header = &reader->first;
    const uint64_t point = sizeof(struct trace_point);
    uint64_t points = header->series_points[header->series_active];
    for (int i = 0; i < SECTION_COUNT; i++) {
        uint64_t count = reader->published[i] / element_bytes[i];
        if (count > UINT32_MAX - 1)
            return error_set(reader->error, "section %d is larger than anything", i);
        reader->sections->size_bytes[i] = count * element_bytes[i];
    }
    if (points > header->series_half_points || header->series_half_points > UINT32_MAX)
        return error_at(reader->error, offsetof(struct trace_header, series_points),
                        "claims %" PRIu64 " points", points);
    return take_half(reader, SECTION_HISTORY, header->history_active, header->history_half_bytes,
                     header->history_bytes[header->history_active]) &&
           take_half(reader, SECTION_SERIES, header->series_active,
                     header->series_half_points * point, points * point);
}

uint64_t sections_position(const struct sections *sections, enum trace_section section,
                           uint64_t offset)
{
    const struct trace_header *header = &sections->header;
    for (uint32_t i = 0; i < header->extent_count && i < TRACE_EXTENTS_MAX; i++) {
        const struct trace_extent *extent = &header->extents[i];
        if (extent->section == section && offset >= extent->section_offset &&
            offset - extent->section_offset < extent->size_bytes)
            return extent->file_offset + (offset - extent->section_offset);
    }
    return ERROR_NO_OFFSET;
}

/* --- reading --- */

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Of a program that runs, these are collected. */
static bool is_collected(const struct reader *reader, int section)
{
    return reader->sections->pid && (section == SECTION_COUNTERS || section == SECTION_THREADS);
}

/* A part of a section, as it lies in the file. */
static bool read_part(struct reader *reader, int section, uint64_t begin, uint64_t size_bytes,
                      char *bytes)
{
    const struct trace_header *header = &reader->sections->header;
    for (uint32_t i = 0; i < header->extent_count; i++) {
        const struct trace_extent *extent = &header->extents[i];
        uint64_t from = larger(begin, extent->section_offset);
        uint64_t to = smaller(begin + size_bytes, extent->section_offset + extent->size_bytes);
        if (extent->section == (uint32_t)section && from < to &&
            !image_read(&reader->image, bytes + (from - begin), to - from,
                        extent->file_offset + (from - extent->section_offset), reader->error))
            return false;
    }
    return true;
}

static bool read_nodes(struct reader *reader)
{
    struct nodes *nodes = &reader->sections->nodes;
    uint32_t count = sections_count(reader->sections, SECTION_NODES);
    struct trace_node *chunk = malloc(CHUNK_NODES * sizeof *chunk);
    nodes_finish(nodes);
    bool has_memory = nodes_init(nodes, count) && chunk;
    bool is_ok = true;
    for (uint32_t i = 0, some; has_memory && is_ok && i < count; i += some) {
        some = count - i < CHUNK_NODES ? count - i : CHUNK_NODES;
        is_ok = read_part(reader, SECTION_NODES, (uint64_t)i * sizeof *chunk,
                          (uint64_t)some * sizeof *chunk, (char *)chunk);
        has_memory = !is_ok || nodes_append(nodes, chunk, some);
    }
    free(chunk);
    return has_memory ? is_ok : error_out_of_memory(reader->error);
}

static bool read_section(struct reader *reader, int section)
{
    struct sections *sections = reader->sections;
    uint64_t size_bytes = sections->size_bytes[section];
    if (section == SECTION_NODES)
        return read_nodes(reader);
    free(sections->bytes[section]);
    char *bytes =
        is_collected(reader, section) ? calloc(1, size_bytes + 1) : large_alloc(size_bytes);
    sections->bytes[section] = bytes;
    if (!bytes)
        return error_out_of_memory(reader->error);
    return is_collected(reader, section) ||
           read_part(reader, section, reader->begin[section], size_bytes, bytes);
}

static bool read_wanted(struct reader *reader)
{
    for (int i = 0; i < SECTION_COUNT; i++)
        if (!is_wanted(reader, i))
            reader->sections->size_bytes[i] = 0;
        else if (!read_section(reader, i))
            return false;
    return reader->wanted != UINT_MAX || image_verify(&reader->image, reader->error);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static struct snapshot_moment now(void)
{
    return (struct snapshot_moment){.time_ns = clock_ns(CLOCK_MONOTONIC),
                                    .realtime_ns = clock_ns(CLOCK_REALTIME),
                                    .is_running = true};
}

static bool collect_counters(struct reader *reader)
{
    struct sections *sections = reader->sections;
    uint32_t owner_count = sections_count(sections, SECTION_OWNERS);
    uint32_t counters_count = sections_count(sections, SECTION_COUNTERS);
    struct collection collection = {
        .header = &sections->header,
        .owners = sections->bytes[SECTION_OWNERS],
        .inherited = sections->bytes[SECTION_INHERITED],
        .counters = sections->bytes[SECTION_COUNTERS],
        .threads = sections->bytes[SECTION_THREADS],
        .inherited_count =
            sections->header.clears ? 0 : sections_count(sections, SECTION_INHERITED),
        .counters_count = counters_count < owner_count ? counters_count : owner_count,
        .thread_count = sections_count(sections, SECTION_THREADS),
        .node_count = sections_count(sections, SECTION_NODES),
    };
    if (!sections->pid)
        return true;
    if (!is_wanted(reader, SECTION_COUNTERS)) {
        sections->moment = now();
        return true;
    }
    bool is_ok = collect(&collection, reader->image.fd, reader->image.size_bytes, reader->error);
    sections->moment = collection.moment;
    return is_ok;
}

/* Whether the file is still in the state in which we found it: the half of a section that is not
 * active may be written anew, which makes the interval longer, and all figures may be forgotten. */
static bool is_unchanged(const struct trace_header *a, const struct trace_header *b)
{
    return a->state == b->state && a->history_active == b->history_active &&
           a->history_interval_ns == b->history_interval_ns &&
           a->series_active == b->series_active && a->series_interval_ns == b->series_interval_ns &&
           a->clears == b->clears;
}

static void forget_thread(struct trace_thread *thread)
{
    thread->alloc_count = thread->alloc_bytes = 0;
    thread->free_count = thread->freed_bytes = 0;
    thread->temporary_count = 0;
    memset(thread->calls, 0, sizeof thread->calls);
}

/* All was being forgotten at that moment, or when the program was killed. */
static void forget_figures(struct sections *sections)
{
    struct trace_thread *threads = sections->bytes[SECTION_THREADS];
    memset(sections->bytes[SECTION_COUNTERS], 0, sections->size_bytes[SECTION_COUNTERS]);
    for (uint32_t i = 0; i < sections_count(sections, SECTION_THREADS); i++)
        forget_thread(&threads[i]);
}

static void keep_peak(struct trace_header *header, const struct trace_header *collected)
{
    header->peak_bytes = collected->peak_bytes;
    header->peak_epoch = collected->peak_epoch;
    header->peak_time_ns = collected->peak_time_ns;
    header->peak_slack_bytes = collected->peak_slack_bytes;
}

static bool read_once(struct reader *reader, bool *ret_is_good)
{
    struct sections *sections = reader->sections;
    if (!read_header(reader) || !check_header(reader))
        return false;
    bool may_run = !reader->image.unpacking && sections->header.state == TRACE_RUNNING;
    sections->pid = may_run ? process_that_maps(sections->header.pid, reader->image.fd) : 0;
    reader->first = sections->header;
    if (!read_published_sizes(reader) || !read_header(reader) || !check_header(reader) ||
        !image_measure(&reader->image, reader->error) || !check_extents(reader) ||
        !take_sizes(reader) || !read_wanted(reader) || !collect_counters(reader))
        return false;
    struct trace_header collected = sections->header;
    atomic_thread_fence(memory_order_acquire);
    if (!read_header(reader) || !check_header(reader))
        return false;
    *ret_is_good = is_unchanged(&reader->first, &sections->header);
    if (sections->pid)
        keep_peak(&sections->header, &collected);
    return true;
}

/* The figures of a program that has ended are those of its end. */
static struct snapshot_moment end_of(const struct trace_header *header)
{
    uint64_t time_ns = header->end_time_ns ? header->end_time_ns : header->last_seen_ns;
    return (struct snapshot_moment){.time_ns = time_ns,
                                    .realtime_ns = header->start_realtime_ns +
                                                   (time_ns - header->start_time_ns),
                                    .is_peak_settled = true};
}

static bool read_all(struct reader *reader)
{
    struct sections *sections = reader->sections;
    bool is_good = false;
    for (int tries = 0; !is_good && tries < READ_TRIES; tries++)
        if (!read_once(reader, &is_good))
            return false;
    if (sections->header.clears % 2 && is_wanted(reader, SECTION_COUNTERS))
        forget_figures(sections);
    if (!is_good) /* it never held still: the rest is worth having all the same */
        sections->size_bytes[SECTION_HISTORY] = sections->size_bytes[SECTION_SERIES] = 0;
    sections->file_bytes = reader->image.size_bytes;
    sections->is_snapshot = reader->image.is_snapshot;
    if (sections->is_snapshot)
        sections->moment = reader->image.moment;
    else if (!sections->pid)
        sections->moment = end_of(&sections->header);
    return true;
}

static bool init(struct sections *sections, int fd, unsigned wanted, struct error *error)
{
    struct reader reader = {.sections = sections, .error = error, .wanted = wanted};
    *sections = (struct sections){0};
    bool is_ok = image_open(&reader.image, fd, error) && read_all(&reader);
    image_close(&reader.image);
    if (!is_ok)
        sections_finish(sections);
    return is_ok;
}

bool sections_init(struct sections *sections, int fd, struct error *error)
{
    return init(sections, fd, UINT_MAX, error);
}

bool sections_init_now(struct sections *sections, int fd, struct error *error)
{
    const unsigned past = 1u << SECTION_HISTORY | 1u << SECTION_SERIES | 1u << SECTION_MARKS;
    return init(sections, fd, ~past, error);
}

bool sections_init_some(struct sections *sections, int fd, unsigned wanted, struct error *error)
{
    return init(sections, fd, wanted, error);
}

void sections_finish(struct sections *sections)
{
    for (int i = 0; i < SECTION_COUNT; i++)
        free(sections->bytes[i]);
    nodes_finish(&sections->nodes);
    *sections = (struct sections){0};
}

uint32_t sections_count(const struct sections *sections, enum trace_section section)
{
    return (uint32_t)(sections->size_bytes[section] / element_bytes[section]);
}
