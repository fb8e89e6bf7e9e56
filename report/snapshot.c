/* SPDX-License-Identifier: BSD-2-Clause */
/* snapshot.c -- A trace as it is at one moment, in a small file of its own. */
#include "snapshot.h"

#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    ALIGNMENT = 64, /* of sections in the file */
    CHUNK_NODES = 1 << 12,
    NAME_TRIES = 10000
};

/* --- contents --- */

static uint64_t aligned(uint64_t offset)
{
    return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* The strings come first: memtrace list wants nothing else. */
static int packed_section(int place)
{
    return place == 0 ? SECTION_STRINGS : place <= SECTION_STRINGS ? place - 1 : place;
}

/* The header of a file that holds the sections one after the other; returns its size. */
static uint64_t lay_out(const struct sections *sections, struct trace_header *header)
{
    uint64_t end = sizeof *header;
    *header = sections->header;
    header->header_bytes = sizeof *header;
    header->live_map_address = 0; /* the process may be another one by then */
    header->history_active = header->series_active = 0;
    header->history_half_bytes = header->history_bytes[0] = sections->size_bytes[SECTION_HISTORY];
    header->series_half_points = header->series_points[0] =
        sections_count(sections, SECTION_SERIES);
    header->history_bytes[1] = header->series_points[1] = 0;
    header->extent_count = 0;
    memset(header->extents, 0, sizeof header->extents);
    memset(header->section_bytes, 0, sizeof header->section_bytes);
    for (int i = 0; i < SECTION_COUNT; i++) {
        int section = packed_section(i);
        if (!sections->size_bytes[section])
            continue;
        end = aligned(end);
        header->section_bytes[section] = sections->size_bytes[section];
        header->extents[header->extent_count++] =
            (struct trace_extent){.section = (uint32_t)section,
                                  .file_offset = end,
                                  .size_bytes = sections->size_bytes[section]};
        end += sections->size_bytes[section];
    }
    return end;
}

static bool pack_nodes(const struct nodes *nodes, struct packing *packing)
{
    struct trace_node *chunk = malloc(CHUNK_NODES * sizeof *chunk);
    bool is_ok = chunk;
    for (uint32_t i = 0, some; is_ok && i < nodes->count; i += some) {
        some = nodes->count - i < CHUNK_NODES ? nodes->count - i : CHUNK_NODES;
        nodes_restore(nodes, i, some, chunk);
        is_ok = packing_add(packing, chunk, some * sizeof *chunk);
    }
    free(chunk);
    return is_ok;
}

static bool pack_section(const struct sections *sections, const struct trace_extent *extent,
                         struct packing *packing)
{
    if (extent->section == SECTION_NODES)
        return pack_nodes(&sections->nodes, packing);
    return packing_add(packing, sections->bytes[extent->section], extent->size_bytes);
}

static bool pack_all(const struct sections *sections, const struct trace_header *header,
                     struct packing *packing)
{
    static const char padding[ALIGNMENT];
    uint64_t end = sizeof *header;
    bool is_ok = packing_add(packing, header, sizeof *header);
    for (uint32_t i = 0; is_ok && i < header->extent_count; i++) {
        const struct trace_extent *extent = &header->extents[i];
        is_ok = packing_add(packing, padding, extent->file_offset - end) &&
                pack_section(sections, extent, packing);
        end = extent->file_offset + extent->size_bytes;
    }
    return is_ok;
}

/* Counters that were turned back do not go with the history that they came from. */
static struct sections sections_of(const struct trace *trace)
{
    struct sections sections = trace->sections;
    sections.moment.instant_kind = trace->instant.kind;
    sections.moment.instant_mark = trace->instant.mark;
    sections.moment.instant_time_ns = trace->instant.time_ns;
    if (!trace_knows_all(trace))
        sections.size_bytes[SECTION_HISTORY] = 0;
    if (!trace_knows_all(trace) && !trace_last_clear(trace)) /* as of then there was none yet */
        sections.header.clears = 0;
    return sections;
}

/* To be freed; NULL when out of memory. */
static void *pack(const struct trace *trace, size_t *ret_size_bytes)
{
    struct trace_header header;
    const struct sections sections = sections_of(trace);
    uint64_t size_bytes = lay_out(&sections, &header);
    struct packing *packing = packing_create(&sections.moment, size_bytes);
    void *bytes = NULL;
    if (packing && pack_all(&sections, &header, packing))
        bytes = packing_finish(packing, ret_size_bytes);
    packing_destroy(packing);
    return bytes;
}

/* --- names --- */

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* As the recorder does for %n. */
static void write_plain(FILE *out, const char *name)
{
    bool is_first = true;
    for (; *name; name++, is_first = false) {
        bool is_plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                        (*name >= '0' && *name <= '9') || *name == '.' || *name == '_' ||
                        *name == '+' || (*name == '-' && !is_first);
        fputc(is_plain ? *name : '_', out);
    }
    if (is_first)
        fputs("unnamed", out);
}

static void write_default_name(FILE *out, const struct trace *trace)
{
    char when[32] = "0";
    struct tm local;
    time_t seconds = (time_t)(trace->sections.moment.realtime_ns / 1000000000);
    if (localtime_r(&seconds, &local))
        strftime(when, sizeof when, "%Y%m%dT%H%M%S", &local);
    write_plain(out, text_basename(trace->program));
    fprintf(out, ".%" PRIu32 ".%s.snapshot.memtrace", trace->header.pid, when);
}

/* To be freed; NULL when out of memory. */
static char *make_name(const struct trace *trace, const char *output, uint64_t number)
{
    char *name = NULL;
    size_t name_bytes = 0;
    FILE *out = open_memstream(&name, &name_bytes);
    if (!out)
        return NULL;
    bool is_inside = output && is_directory(output);
    if (output)
        fputs(output, out);
    if (is_inside && output[strlen(output) - 1] != '/')
        fputc('/', out);
    if (!output || is_inside)
        write_default_name(out, trace);
    else if (number)
        fprintf(out, ".%" PRIu64, number);
    if (fclose(out) == 0)
        return name;
    free(name);
    return NULL;
}

/* --- files --- */

static int create(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* Tries name, name.1, name.2, … if it was made up here. Sets *path to the one that was free. */
static int create_named(const char *name, bool is_made_up, char **path)
{
    int fd = create(name);
    *path = strdup(name);
    for (int i = 1; fd < 0 && errno == EEXIST && is_made_up && i < NAME_TRIES; i++) {
        free(*path);
        if (asprintf(path, "%s.%d", name, i) < 0)
            *path = NULL;
        fd = *path ? create(*path) : -1;
    }
    return fd;
}

static bool write_all(int fd, const char *bytes, size_t size_bytes)
{
    while (size_bytes) {
        ssize_t written = write(fd, bytes, size_bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        size_bytes -= (size_t)written;
    }
    return true;
}

static bool write_file(struct snapshot *snapshot, const char *name, bool is_made_up,
                       const void *bytes, struct error *error)
{
    int fd = create_named(name, is_made_up, &snapshot->path);
    if (fd < 0 || !snapshot->path) {
        if (fd >= 0)
            close(fd);
        return error_set(error, "cannot write %.120s: %s", name, strerror(errno));
    }
    bool is_ok = write_all(fd, bytes, snapshot->size_bytes);
    int reason = errno;
    if (close(fd) != 0 && is_ok) {
        reason = errno;
        is_ok = false;
    }
    if (is_ok)
        return true;
    unlink(snapshot->path);
    return error_set(error, "cannot write %.120s: %s", snapshot->path, strerror(reason));
}

bool snapshot_write(struct snapshot *snapshot, const struct trace *trace, const char *output,
                    uint64_t number, struct error *error)
{
    bool is_made_up = !output || is_directory(output);
    *snapshot = (struct snapshot){0};
    char *name = make_name(trace, output, number);
    void *bytes = pack(trace, &snapshot->size_bytes);
    bool is_ok = name && bytes ? write_file(snapshot, name, is_made_up, bytes, error)
                               : error_out_of_memory(error);
    free(bytes);
    free(name);
    if (!is_ok)
        snapshot_finish(snapshot);
    return is_ok;
}

void snapshot_finish(struct snapshot *snapshot)
{
    free(snapshot->path);
    *snapshot = (struct snapshot){0};
}
