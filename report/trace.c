/* SPDX-License-Identifier: BSD-2-Clause */
/* trace.c -- A trace file, checked and loaded. */
#include "trace.h"

#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    PEAK_TRIES = 8,
    HISTORY_TRIES = 8,
    STRING_MAX = PATH_MAX + 64, /* no path the recorder may have written is longer */
    MARK_NAME_MAX = 1024        /* nor a mark's name */
};

/* A trace being read. */
struct reader {
    int fd;
    struct trace *trace;
    struct error *error;
    uint64_t section_bytes[SECTION_COUNT];
    char *strings;
};

/* --- the file --- */

static bool read_at(struct reader *reader, void *buffer, uint64_t size, uint64_t offset)
{
    char *next = buffer;
    while (size) {
        ssize_t got = pread(reader->fd, next, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_at(reader->error, offset, "cannot be read: %s", strerror(errno));
        if (got == 0)
            return error_at(reader->error, offset, "truncated");
        next += got;
        offset += (uint64_t)got;
        size -= (uint64_t)got;
    }
    return true;
}

static bool check_kind(struct reader *reader)
{
    struct stat status;
    if (fstat(reader->fd, &status) != 0)
        return error_set(reader->error, "%s", strerror(errno));
    if (S_ISDIR(status.st_mode))
        return error_set(reader->error, "a directory, not a trace");
    if (!S_ISREG(status.st_mode))
        return error_set(reader->error, "not a regular file");
    if (status.st_size == 0)
        return error_set(reader->error, "an empty file, not a trace");
    reader->trace->file_bytes = (uint64_t)status.st_size;
    return true;
}

/* A file that is written grows: what the header says is compared with its size after that. */
static bool measure(struct reader *reader)
{
    struct stat status;
    if (fstat(reader->fd, &status) != 0)
        return error_set(reader->error, "%s", strerror(errno));
    reader->trace->file_bytes = (uint64_t)status.st_size;
    return true;
}

/* --- the header --- */

static bool read_header(struct reader *reader)
{
    struct trace_header *header = &reader->trace->header;
    uint64_t available = reader->trace->file_bytes;
    size_t wanted = available < sizeof *header ? (size_t)available : sizeof *header;
    if (!read_at(reader, header, wanted, 0))
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
    const struct trace_header *header = &reader->trace->header;
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
    return true;
}

/* Of a program that runs, sections grow while we look. What refers to others is asked for its size
 * first: whatever it refers to was published before it. */
static bool read_section_sizes(struct reader *reader)
{
    static const enum trace_section order[] = {SECTION_HISTORY,  SECTION_MARKS,   SECTION_INHERITED,
                                               SECTION_COUNTERS, SECTION_OWNERS,  SECTION_NODES,
                                               SECTION_THREADS,  SECTION_MODULES, SECTION_STRINGS};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        uint64_t offset =
            offsetof(struct trace_header, section_bytes) + order[i] * sizeof(uint64_t);
        if (!read_at(reader, &reader->section_bytes[order[i]], sizeof(uint64_t), offset))
            return false;
        atomic_thread_fence(memory_order_acquire);
    }
    return true;
}

/* --- sections --- */

static uint64_t extent_offset(uint32_t extent)
{
    return offsetof(struct trace_header, extents) + extent * sizeof(struct trace_extent);
}

/* How much of an extent is published; the rest is room for more. */
static uint64_t published_bytes(const struct reader *reader, const struct trace_extent *extent)
{
    uint64_t published = reader->section_bytes[extent->section];
    uint64_t left = published > extent->section_offset ? published - extent->section_offset : 0;
    return extent->size_bytes < left ? extent->size_bytes : left;
}

/* Together extents hold no more than the file does, so memory is bounded by its size. */
static bool check_extents(struct reader *reader)
{
    const struct trace_header *header = &reader->trace->header;
    const uint64_t file_bytes = reader->trace->file_bytes;
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
        if (known[i] < reader->section_bytes[i])
            return error_at(reader->error,
                            offsetof(struct trace_header, section_bytes) +
                                (uint64_t)i * sizeof(uint64_t),
                            "section %d is larger than its extents", i);
    return true;
}

static bool read_section(struct reader *reader, enum trace_section section, void *buffer)
{
    const struct trace_header *header = &reader->trace->header;
    for (uint32_t i = 0; i < header->extent_count; i++) {
        const struct trace_extent *extent = &header->extents[i];
        if (extent->section != section)
            continue;
        uint64_t used = published_bytes(reader, extent);
        if (used &&
            !read_at(reader, (char *)buffer + extent->section_offset, used, extent->file_offset))
            return false;
    }
    return true;
}

/* size bytes of a section from begin on, which must be in the file. */
static bool read_part(struct reader *reader, enum trace_section section, uint64_t begin,
                      uint64_t size, char *buffer)
{
    const struct trace_header *header = &reader->trace->header;
    for (uint32_t i = 0; size && i < header->extent_count; i++) {
        const struct trace_extent *extent = &header->extents[i];
        if (extent->section != section || begin < extent->section_offset ||
            begin - extent->section_offset >= extent->size_bytes)
            continue;
        uint64_t inside = begin - extent->section_offset;
        uint64_t left = extent->size_bytes - inside;
        uint64_t part = size < left ? size : left;
        if (!read_at(reader, buffer, part, extent->file_offset + inside))
            return false;
        begin += part;
        buffer += part;
        size -= part;
    }
    return !size || error_set(reader->error, "section %d is larger than its extents", section);
}

/* --- history --- */

static bool check_history_size(struct reader *reader)
{
    const struct trace_header *header = &reader->trace->header;
    uint64_t half = header->history_half_bytes;
    if (header->history_active > 1)
        return error_at(reader->error, offsetof(struct trace_header, history_active),
                        "half %" PRIu32 " of two is active", header->history_active);
    uint64_t used = header->history_bytes[header->history_active];
    if (half > INT64_MAX || used > half || used > reader->trace->file_bytes)
        return error_at(reader->error, offsetof(struct trace_header, history_bytes),
                        "a history that is not there: truncated or damaged");
    return true;
}

static bool load_history_half(struct reader *reader)
{
    struct trace *trace = reader->trace;
    uint32_t active = trace->header.history_active;
    uint64_t size = trace->header.history_bytes[active];
    free(trace->history);
    trace->history_bytes = 0;
    trace->history = malloc(size ? size : 1);
    if (!trace->history)
        return error_out_of_memory(reader->error);
    if (!read_part(reader, SECTION_HISTORY, active * trace->header.history_half_bytes, size,
                   (char *)trace->history))
        return false;
    trace->history_bytes = size;
    return true;
}

/* The half that is not active may be written anew at any time. So what was read counts only if it
 * is the active one still; the interval tells whether it was so all the while. */
static bool load_history(struct reader *reader)
{
    struct trace_header *header = &reader->trace->header;
    for (int tries = 0; tries < HISTORY_TRIES; tries++) {
        uint32_t active = header->history_active;
        uint64_t interval_ns = header->history_interval_ns;
        if (!measure(reader) || !check_history_size(reader) || !load_history_half(reader))
            return false;
        atomic_thread_fence(memory_order_acquire);
        if (!read_header(reader) || !check_header(reader))
            return false;
        if (header->history_active == active && header->history_interval_ns == interval_ns)
            return true;
    }
    reader->trace->history_bytes =
        0; /* it never held still: the rest is worth having all the same */
    return true;
}

/* The file offset of a byte of a section, for messages. */
static uint64_t section_position(const struct reader *reader, enum trace_section section,
                                 uint64_t offset)
{
    const struct trace_header *header = &reader->trace->header;
    for (uint32_t i = 0; i < header->extent_count; i++) {
        const struct trace_extent *extent = &header->extents[i];
        if (extent->section == section && offset >= extent->section_offset &&
            offset - extent->section_offset < extent->size_bytes)
            return extent->file_offset + (offset - extent->section_offset);
    }
    return ERROR_NO_OFFSET;
}

/* Allocates and reads the elements of a section. */
static bool load(struct reader *reader, enum trace_section section, size_t element_bytes,
                 void *ret_elements, uint32_t *ret_count)
{
    uint64_t count = reader->section_bytes[section] / element_bytes;
    if (count > UINT32_MAX - 1)
        return error_set(reader->error, "section %d is larger than anything", section);
    reader->section_bytes[section] = count * element_bytes;
    void *elements = calloc(count ? count : 1, element_bytes);
    if (!elements)
        return error_out_of_memory(reader->error);
    *(void **)ret_elements = elements; /* trace_close frees it, whatever happens next */
    *ret_count = (uint32_t)count;
    return read_section(reader, section, elements);
}

static bool load_strings(struct reader *reader)
{
    uint32_t count;
    return load(reader, SECTION_STRINGS, 1, &reader->strings, &count);
}

static bool load_sections(struct reader *reader)
{
    struct trace *trace = reader->trace;
    uint32_t counter_count = 0;
    if (!load(reader, SECTION_NODES, sizeof *trace->nodes, &trace->nodes, &trace->node_count) ||
        !load(reader, SECTION_OWNERS, sizeof *trace->owners, &trace->owners, &trace->owner_count) ||
        !load(reader, SECTION_COUNTERS, sizeof *trace->counters, &trace->counters,
              &counter_count) ||
        !load(reader, SECTION_INHERITED, sizeof *trace->inherited, &trace->inherited,
              &trace->inherited_count) ||
        !load(reader, SECTION_MODULES, sizeof *trace->modules, &trace->modules,
              &trace->module_count) ||
        !load(reader, SECTION_THREADS, sizeof *trace->threads, &trace->threads,
              &trace->thread_count) ||
        !load(reader, SECTION_MARKS, sizeof *trace->marks, &trace->marks, &trace->mark_count) ||
        !load_strings(reader))
        return false;
    if (trace->owner_count > counter_count)
        trace->owner_count = counter_count;
    return true;
}

/* The bytes at peak are told by comparing each counter's epoch with the header's: both must belong
 * together, so while new peaks keep coming the counters are read again. */
static bool settle_peak(struct reader *reader)
{
    struct trace *trace = reader->trace;
    for (int tries = 0; tries < PEAK_TRIES; tries++) {
        struct trace_header now;
        atomic_thread_fence(memory_order_acquire);
        if (!read_at(reader, &now, sizeof now, 0))
            return false;
        trace->is_peak_settled = now.peak_epoch == trace->header.peak_epoch;
        if (trace->is_peak_settled)
            return true;
        trace->header.peak_epoch = now.peak_epoch;
        trace->header.peak_bytes = now.peak_bytes;
        trace->header.peak_time_ns = now.peak_time_ns;
        trace->header.peak_slack_bytes = now.peak_slack_bytes;
        atomic_thread_fence(memory_order_acquire);
        if (!read_section(reader, SECTION_COUNTERS, trace->counters) ||
            !read_section(reader, SECTION_THREADS, trace->threads))
            return false;
    }
    return true;
}

/* --- what refers to what --- */

static bool check_nodes(struct reader *reader)
{
    const struct trace *trace = reader->trace;
    for (uint32_t i = 1; i < trace->node_count; i++) {
        const struct trace_node *node = &trace->nodes[i];
        uint32_t module = trace_node_module(node);
        bool is_module_known = module == NODE_MODULE_SPECIAL || module < trace->module_count;
        if (node->parent < i && (is_module_known || module == 0))
            continue;
        uint64_t at = section_position(reader, SECTION_NODES, (uint64_t)i * sizeof *node);
        if (node->parent >= i)
            return error_at(reader->error, at, "node %" PRIu32 " is its own ancestor", i);
        return error_at(reader->error, at, "node %" PRIu32 " is in module %" PRIu32 " of %" PRIu32,
                        i, module, trace->module_count);
    }
    return true;
}

static bool check_owners(struct reader *reader)
{
    const struct trace *trace = reader->trace;
    for (uint32_t i = 1; i < trace->owner_count; i++) {
        const struct trace_owner *owner = &trace->owners[i];
        if (owner->node && owner->node >= trace->node_count)
            return error_at(reader->error,
                            section_position(reader, SECTION_OWNERS, (uint64_t)i * sizeof *owner),
                            "counters %" PRIu32 " belong to node %" PRIu32 " of %" PRIu32, i,
                            owner->node, trace->node_count);
    }
    return true;
}

/* Copies a string out, so that it ends with a zero. */
static bool take_string(struct reader *reader, struct trace_string string, uint32_t limit,
                        uint64_t at, char **ret_text)
{
    uint64_t available = reader->section_bytes[SECTION_STRINGS];
    if (string.offset > available || string.size_bytes > available - string.offset ||
        string.size_bytes > limit)
        return error_at(reader->error, at, "a string of %" PRIu32 " bytes that is not there",
                        string.size_bytes);
    *ret_text = strndup(reader->strings + string.offset, string.size_bytes);
    return *ret_text || error_out_of_memory(reader->error);
}

static bool take_modules(struct reader *reader)
{
    struct trace *trace = reader->trace;
    trace->module_paths = calloc((size_t)trace->module_count + 1, sizeof *trace->module_paths);
    if (!trace->module_paths)
        return error_out_of_memory(reader->error);
    for (uint32_t i = 0; i < trace->module_count; i++) {
        struct trace_module *module = &trace->modules[i];
        uint64_t at = section_position(reader, SECTION_MODULES, (uint64_t)i * sizeof *module);
        if (module->build_id_bytes > TRACE_BUILD_ID_MAX)
            return error_at(reader->error, at,
                            "module %" PRIu32 " has a build-id of %" PRIu32 " bytes", i,
                            module->build_id_bytes);
        if (!take_string(reader, module->path, STRING_MAX, at, &trace->module_paths[i]))
            return false;
    }
    return true;
}

static bool take_marks(struct reader *reader)
{
    struct trace *trace = reader->trace;
    trace->mark_names = calloc((size_t)trace->mark_count + 1, sizeof *trace->mark_names);
    if (!trace->mark_names)
        return error_out_of_memory(reader->error);
    for (uint32_t i = 0; i < trace->mark_count; i++) {
        const struct trace_mark *mark = &trace->marks[i];
        uint64_t at = section_position(reader, SECTION_MARKS, (uint64_t)i * sizeof *mark);
        if (mark->thread >= trace->thread_count)
            return error_at(reader->error, at,
                            "mark %" PRIu32 " was made by thread %" PRIu32 " of %" PRIu32, i,
                            mark->thread, trace->thread_count);
        if (!take_string(reader, mark->name, MARK_NAME_MAX, at, &trace->mark_names[i]))
            return false;
    }
    return true;
}

static bool take_names(struct reader *reader)
{
    struct trace *trace = reader->trace;
    char *program = NULL;
    char *executable = NULL;
    bool is_ok = take_string(reader, trace->header.program, STRING_MAX,
                             offsetof(struct trace_header, program), &program) &&
                 take_string(reader, trace->header.executable, STRING_MAX,
                             offsetof(struct trace_header, executable), &executable);
    if (is_ok) {
        size_t program_bytes = strlen(program) + 1;
        trace->names = malloc(program_bytes + strlen(executable) + 1);
        is_ok = trace->names || error_out_of_memory(reader->error);
        if (is_ok) {
            trace->program = strcpy(trace->names, program);
            trace->executable = strcpy(trace->names + program_bytes, executable);
        }
    }
    free(program);
    free(executable);
    return is_ok;
}

/* --- opening --- */

static bool begin(struct reader *reader)
{
    return check_kind(reader) && read_header(reader) && check_header(reader);
}

static bool find_sections(struct reader *reader)
{
    return read_section_sizes(reader) && read_header(reader) && check_header(reader) &&
           measure(reader) && check_extents(reader);
}

/* The history first: it refers to all the rest. */
static bool read_all(struct reader *reader)
{
    return begin(reader) && load_history(reader) && find_sections(reader) &&
           load_sections(reader) && settle_peak(reader) && check_nodes(reader) &&
           check_owners(reader) && take_modules(reader) && take_marks(reader) && take_names(reader);
}

static bool read_names_only(struct reader *reader)
{
    return begin(reader) && find_sections(reader) && load_strings(reader) && take_names(reader);
}

static bool read_with(bool (*read)(struct reader *), struct trace *trace, int fd,
                      struct error *error)
{
    struct reader reader = {.fd = fd, .trace = trace, .error = error};
    *trace = (struct trace){0};
    bool is_ok = read(&reader);
    free(reader.strings);
    if (!is_ok) {
        trace_close(trace);
        return false;
    }
    trace->is_running =
        trace->header.state == TRACE_RUNNING && process_has_mapped(trace->header.pid, fd);
    return true;
}

bool trace_read(struct trace *trace, int fd, struct error *error)
{
    return read_with(read_all, trace, fd, error);
}

static bool open_with(bool (*read)(struct reader *), struct trace *trace, const char *path,
                      struct error *error)
{
    /* O_NONBLOCK: a FIFO must not keep us waiting for a writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_set(error, "%s", strerror(errno));
    bool is_ok = read_with(read, trace, fd, error);
    close(fd);
    return is_ok;
}

bool trace_open(struct trace *trace, const char *path, struct error *error)
{
    return open_with(read_all, trace, path, error);
}

bool trace_open_header(struct trace *trace, const char *path, struct error *error)
{
    return open_with(read_names_only, trace, path, error);
}

void trace_close(struct trace *trace)
{
    for (uint32_t i = 0; trace->module_paths && i < trace->module_count; i++)
        free(trace->module_paths[i]);
    for (uint32_t i = 0; trace->mark_names && i < trace->mark_count; i++)
        free(trace->mark_names[i]);
    free(trace->module_paths);
    free(trace->mark_names);
    free(trace->marks);
    free(trace->history);
    free(trace->nodes);
    free(trace->owners);
    free(trace->counters);
    free(trace->inherited);
    free(trace->modules);
    free(trace->threads);
    free(trace->names);
    *trace = (struct trace){0};
}

/* --- what it says --- */

uint32_t trace_node_module(const struct trace_node *node)
{
    return node->module_bits & NODE_MODULE_MASK;
}

const char *trace_special_name(uint64_t special)
{
    static const char *const names[] = TRACE_SPECIAL_NAMES;
    return special < SPECIAL_COUNT ? names[special] : "<unknown>";
}

static int64_t difference(uint64_t from, uint64_t what)
{
    return (int64_t)(from - what); /* hostile figures may wrap, but are never undefined */
}

static int64_t sum(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

struct figures trace_figures(const struct trace *trace, uint32_t owner)
{
    const struct trace_counters *counters = &trace->counters[owner];
    struct figures figures = {
        .alloc_count = counters->alloc_count,
        .alloc_bytes = counters->alloc_bytes,
        .free_count = counters->free_count,
        .freed_bytes = counters->freed_bytes,
        .temporary_count = counters->temporary_count,
        .live_count = difference(counters->alloc_count, counters->free_count),
        .live_bytes = difference(counters->alloc_bytes, counters->freed_bytes),
    };
    if (trace_knows_all(trace)) {
        bool is_stored = counters->peak_epoch == trace->header.peak_epoch;
        figures.peak_count = is_stored ? counters->peak_count : figures.live_count;
        figures.peak_bytes = is_stored ? counters->peak_bytes : figures.live_bytes;
    }
    if (owner < trace->inherited_count) {
        const struct trace_inherited *inherited = &trace->inherited[owner];
        figures.live_count = sum(figures.live_count, inherited->live_count);
        figures.live_bytes = sum(figures.live_bytes, inherited->live_bytes);
        figures.peak_count = sum(figures.peak_count, inherited->live_count);
        figures.peak_bytes = sum(figures.peak_bytes, inherited->live_bytes);
    }
    return figures;
}

void figures_add(struct figures *total, const struct figures *figures)
{
    total->alloc_count += figures->alloc_count;
    total->alloc_bytes += figures->alloc_bytes;
    total->free_count += figures->free_count;
    total->freed_bytes += figures->freed_bytes;
    total->temporary_count += figures->temporary_count;
    total->live_count = sum(total->live_count, figures->live_count);
    total->live_bytes = sum(total->live_bytes, figures->live_bytes);
    total->peak_count = sum(total->peak_count, figures->peak_count);
    total->peak_bytes = sum(total->peak_bytes, figures->peak_bytes);
}

bool figures_are_zero(const struct figures *figures)
{
    static const struct figures zero;
    return memcmp(figures, &zero, sizeof zero) == 0;
}

bool trace_knows_all(const struct trace *trace)
{
    return trace->instant.kind == INSTANT_END;
}

bool trace_knows_totals(const struct trace *trace)
{
    return trace->instant.kind != INSTANT_PEAK;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t since_start(const struct trace *trace, uint64_t time_ns)
{
    return time_ns > trace->header.start_time_ns ? time_ns - trace->header.start_time_ns : 0;
}

uint64_t trace_duration_ns(const struct trace *trace)
{
    if (trace->is_running)
        return since_start(trace, now_ns());
    return since_start(trace, trace->header.end_time_ns ? trace->header.end_time_ns
                                                        : trace->header.last_seen_ns);
}

uint64_t trace_peak_time_ns(const struct trace *trace)
{
    return since_start(trace, trace->header.peak_time_ns);
}
