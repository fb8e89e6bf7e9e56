/* SPDX-License-Identifier: BSD-2-Clause */
/* trace.c -- A trace file, checked and loaded. */
#include "trace.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    STRING_MAX = PATH_MAX + 64, /* no path the recorder may have written is longer */
    MARK_NAME_MAX = 1024        /* nor a mark's name */
};

/* A trace being read. */
struct reader {
    struct trace *trace;
    struct error *error;
};

/* --- what refers to what --- */

static bool complain_of_node(struct reader *reader, uint32_t node)
{
    const struct trace *trace = reader->trace;
    uint64_t at = sections_position(&trace->sections, SECTION_NODES,
                                    (uint64_t)node * sizeof(struct trace_node));
    if (trace->nodes[node].parent >= node)
        return error_at(reader->error, at, "node %" PRIu32 " is its own ancestor", node);
    return error_at(reader->error, at, "node %" PRIu32 " is in module %" PRIu32 " of %" PRIu32,
                    node, address_module(&trace->addresses[trace->nodes[node].address]),
                    trace->module_count);
}

static bool check_nodes(struct reader *reader)
{
    const struct trace *trace = reader->trace;
    uint32_t bad = trace->sections.nodes.bad;
    if (bad)
        return complain_of_node(reader, bad);
    for (uint32_t i = 0; i < trace->address_count; i++) {
        uint32_t module = address_module(&trace->addresses[i]);
        if (module == NODE_MODULE_SPECIAL || module < trace->module_count || module == 0)
            continue;
        for (bad = 1; trace->nodes[bad].address != i;)
            bad++;
        return complain_of_node(reader, bad);
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
                            sections_position(&reader->trace->sections, SECTION_OWNERS,
                                              (uint64_t)i * sizeof *owner),
                            "counters %" PRIu32 " belong to node %" PRIu32 " of %" PRIu32, i,
                            owner->node, trace->node_count);
    }
    return true;
}

/* Copies a string out, so that it ends with a zero. */
static bool take_string(struct reader *reader, struct trace_string string, uint32_t limit,
                        uint64_t at, char **ret_text)
{
    const struct sections *sections = &reader->trace->sections;
    const char *strings = sections->bytes[SECTION_STRINGS];
    uint64_t available = sections->size_bytes[SECTION_STRINGS];
    if (string.offset > available || string.size_bytes > available - string.offset ||
        string.size_bytes > limit)
        return error_at(reader->error, at, "a string of %" PRIu32 " bytes that is not there",
                        string.size_bytes);
    *ret_text = strndup(strings + string.offset, string.size_bytes);
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
        uint64_t at = sections_position(&reader->trace->sections, SECTION_MODULES,
                                        (uint64_t)i * sizeof *module);
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
        uint64_t at =
            sections_position(&trace->sections, SECTION_MARKS, (uint64_t)i * sizeof *mark);
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

static void name_sections(struct trace *trace)
{
    struct sections *sections = &trace->sections;
    trace->header = sections->header;
    trace->file_bytes = sections->file_bytes;
    trace->nodes = sections->nodes.items;
    trace->addresses = sections->nodes.addresses;
    trace->owners = sections->bytes[SECTION_OWNERS];
    trace->counters = sections->bytes[SECTION_COUNTERS];
    trace->inherited = sections->bytes[SECTION_INHERITED];
    trace->modules = sections->bytes[SECTION_MODULES];
    trace->threads = sections->bytes[SECTION_THREADS];
    trace->marks = sections->bytes[SECTION_MARKS];
    trace->samplers = sections->bytes[SECTION_SAMPLERS];
    trace->history = sections->bytes[SECTION_HISTORY];
    trace->history_bytes = sections->size_bytes[SECTION_HISTORY];
    trace->node_count = sections->nodes.count;
    trace->address_count = sections->nodes.address_count;
    trace->points = sections->bytes[SECTION_SERIES];
    trace->looks = sections->bytes[SECTION_RESIDENCE];
    trace->owner_count = sections_count(sections, SECTION_OWNERS);
    trace->inherited_count = trace->header.clears ? 0 : sections_count(sections, SECTION_INHERITED);
    trace->module_count = sections_count(sections, SECTION_MODULES);
    trace->thread_count = sections_count(sections, SECTION_THREADS);
    trace->mark_count = sections_count(sections, SECTION_MARKS);
    trace->point_count = sections_count(sections, SECTION_SERIES);
    trace->sampler_count = sections_count(sections, SECTION_SAMPLERS);
    trace->look_count = sections_count(sections, SECTION_RESIDENCE);
    if (trace->owner_count > sections_count(sections, SECTION_COUNTERS))
        trace->owner_count = sections_count(sections, SECTION_COUNTERS);
    trace->is_snapshot = sections->is_snapshot;
    trace->is_running = sections->pid != 0;
    trace->pid = sections->pid;
    trace->was_running = sections->moment.is_running;
    trace->is_peak_settled = sections->moment.is_peak_settled;
}

/* A snapshot may be of an earlier moment than the end. */
static bool take_instant(struct reader *reader)
{
    struct trace *trace = reader->trace;
    const struct snapshot_moment *moment = &trace->sections.moment;
    if (moment->instant_kind > INSTANT_START)
        return error_set(reader->error, "a snapshot of an unknown kind of moment");
    if (moment->instant_kind != INSTANT_END)
        trace->instant = (struct instant){
            .kind = moment->instant_kind,
            .mark = moment->instant_mark < trace->mark_count ? moment->instant_mark : UINT32_MAX,
            .time_ns = moment->instant_time_ns};
    return true;
}

static bool check_all(struct reader *reader)
{
    return take_instant(reader) && check_nodes(reader) && check_owners(reader) &&
           take_modules(reader) && take_marks(reader) && take_names(reader);
}

static bool read_all(struct reader *reader, int fd)
{
    struct trace *trace = reader->trace;
    if (!sections_init(&trace->sections, fd, reader->error))
        return false;
    name_sections(trace);
    return check_all(reader);
}

static bool read_now(struct reader *reader, int fd)
{
    struct trace *trace = reader->trace;
    if (!sections_init_now(&trace->sections, fd, reader->error))
        return false;
    name_sections(trace);
    return check_all(reader);
}

static bool read_names_only(struct reader *reader, int fd)
{
    struct trace *trace = reader->trace;
    if (!sections_init_some(&trace->sections, fd, 1u << SECTION_STRINGS, reader->error))
        return false;
    name_sections(trace);
    return take_names(reader);
}

static bool read_series(struct reader *reader, int fd)
{
    struct trace *trace = reader->trace;
    const unsigned wanted =
        1u << SECTION_STRINGS | 1u << SECTION_MARKS | 1u << SECTION_THREADS | 1u << SECTION_SERIES;
    if (!sections_init_some(&trace->sections, fd, wanted, reader->error))
        return false;
    name_sections(trace);
    return take_marks(reader) && take_names(reader);
}

static bool read_with(bool (*read)(struct reader *, int fd), struct trace *trace, int fd,
                      struct error *error)
{
    struct reader reader = {.trace = trace, .error = error};
    *trace = (struct trace){0};
    bool is_ok = read(&reader, fd);
    if (is_ok && trace->pid)
        trace->program_root = process_root(trace->pid);
    if (!is_ok)
        trace_close(trace);
    return is_ok;
}

bool trace_read(struct trace *trace, int fd, struct error *error)
{
    return read_with(read_all, trace, fd, error);
}

bool trace_read_now(struct trace *trace, int fd, struct error *error)
{
    return read_with(read_now, trace, fd, error);
}

static bool open_with(bool (*read)(struct reader *, int fd), struct trace *trace, const char *path,
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

bool trace_open_series(struct trace *trace, const char *path, struct error *error)
{
    return open_with(read_series, trace, path, error);
}

void trace_close(struct trace *trace)
{
    for (uint32_t i = 0; trace->module_paths && i < trace->module_count; i++)
        free(trace->module_paths[i]);
    for (uint32_t i = 0; trace->mark_names && i < trace->mark_count; i++)
        free(trace->mark_names[i]);
    free(trace->module_paths);
    free(trace->mark_names);
    sections_finish(&trace->sections);
    free(trace->names);
    free(trace->program_root);
    *trace = (struct trace){0};
}

static bool are_of_one_process(const struct trace *a, const struct trace *b)
{
    return a->header.pid == b->header.pid && a->header.start_time_ns == b->header.start_time_ns &&
           a->header.start_realtime_ns == b->header.start_realtime_ns;
}

void trace_share_root(struct trace *a, struct trace *b)
{
    if (!are_of_one_process(a, b))
        return;
    if (!a->program_root && b->program_root)
        a->program_root = strdup(b->program_root);
    if (!b->program_root && a->program_root)
        b->program_root = strdup(a->program_root);
}

/* --- what it says --- */

const char *trace_special_name(uint64_t special)
{
    static const char *const names[] = TRACE_SPECIAL_NAMES;
    return special < SPECIAL_COUNT ? names[special] : "<unknown>";
}

uint32_t trace_site(const struct trace *trace, uint32_t owner)
{
    const struct trace_owner *details = &trace->owners[owner];
    bool is_shown = owner && details->thread_domain >> OWNER_DOMAIN_SHIFT == trace->domain;
    return is_shown ? details->node : 0; /* [0] is unused, and unchecked */
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
        bool is_stored = counters->peak_epoch >= trace->header.peak_epoch;
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

static uint64_t since_start(const struct trace *trace, uint64_t time_ns)
{
    return time_ns > trace->header.start_time_ns ? time_ns - trace->header.start_time_ns : 0;
}

uint64_t trace_duration_ns(const struct trace *trace)
{
    if (trace->was_running)
        return since_start(trace, trace->sections.moment.time_ns);
    return since_start(trace, trace->header.end_time_ns ? trace->header.end_time_ns
                                                        : trace->header.last_seen_ns);
}

uint64_t trace_peak_time_ns(const struct trace *trace)
{
    return since_start(trace, trace->header.peak_time_ns);
}

uint64_t trace_mark_time_ns(const struct trace *trace, const struct trace_mark *mark)
{
    return since_start(trace, mark->time_ns);
}

const struct trace_mark *trace_last_clear(const struct trace *trace)
{
    const struct instant *instant = &trace->instant;
    bool is_tick = instant->kind == INSTANT_TICK;
    const struct trace_mark *last = NULL;
    for (uint32_t i = 0; instant->kind != INSTANT_START && i < trace->mark_count; i++) {
        const struct trace_mark *mark = &trace->marks[i];
        if (mark->kind == MARK_CLEARED &&
            (!is_tick || trace_mark_time_ns(trace, mark) <= instant->time_ns))
            last = mark;
    }
    return last;
}
