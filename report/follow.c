/* SPDX-License-Identifier: BSD-2-Clause */
/* follow.c -- A trace that is read again and again, while its program runs. */
#include "follow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A pid may be somebody else's by now: only that of a process that still writes the trace counts.
 */
static void look_at_process(struct follow *follow)
{
    if (follow->trace.is_running)
        process_read_usage(follow->trace.pid, &follow->usage);
    else
        follow->usage.rss_bytes = follow->usage.thread_count = -1;
}

/* --- a program that does nothing --- */

static bool read_exactly(int fd, void *buffer, size_t size, uint64_t offset)
{
    return pread(fd, buffer, size, (off_t)offset) == (ssize_t)size;
}

/* Every call counts in its thread's totals. */
static bool are_threads_same(const struct follow *follow, const struct trace_header *now)
{
    const char *known = (const char *)follow->trace.threads;
    uint64_t known_bytes = follow->trace.thread_count * sizeof *follow->trace.threads;
    char piece[64 * sizeof *follow->trace.threads];
    for (uint32_t i = 0; i < now->extent_count && i < TRACE_EXTENTS_MAX; i++) {
        const struct trace_extent *extent = &now->extents[i];
        uint64_t at = extent->section_offset;
        if (extent->section != SECTION_THREADS)
            continue;
        while (at < known_bytes && at - extent->section_offset < extent->size_bytes) {
            uint64_t left = extent->size_bytes - (at - extent->section_offset);
            uint64_t size = known_bytes - at < left ? known_bytes - at : left;
            size = size < sizeof piece ? size : sizeof piece;
            if (!read_exactly(follow->fd, piece, size,
                              extent->file_offset + (at - extent->section_offset)) ||
                memcmp(piece, known + at, size) != 0)
                return false;
            at += size;
        }
    }
    return true;
}

static bool is_quiet(const struct follow *follow)
{
    static const enum trace_section sections[] = {SECTION_THREADS, SECTION_OWNERS, SECTION_NODES,
                                                  SECTION_MODULES};
    const struct trace_header *before = &follow->trace.header;
    struct trace_header now;
    if (!follow->trace.is_running || !read_exactly(follow->fd, &now, sizeof now, 0) ||
        now.state != before->state || now.flags != before->flags ||
        now.extent_count != before->extent_count ||
        memcmp(now.anomalies, before->anomalies, sizeof now.anomalies) != 0)
        return false;
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (now.section_bytes[sections[i]] != before->section_bytes[sections[i]])
            return false;
    return are_threads_same(follow, &now) && process_has_mapped(follow->trace.pid, follow->fd);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* --- the same trace, later --- */

static bool are_modules_kept(const struct trace *before, const struct trace *now)
{
    if (now->module_count < before->module_count)
        return false;
    for (uint32_t i = 0; i < before->module_count; i++)
        if (strcmp(before->module_paths[i], now->module_paths[i]) != 0)
            return false;
    return true;
}

static bool are_owners_kept(const struct trace *before, const struct trace *now)
{
    if (now->owner_count < before->owner_count)
        return false;
    for (uint32_t i = 0; i < before->owner_count; i++)
        if (before->owners[i].node != now->owners[i].node)
            return false;
    return true;
}

/* Recorders only ever append; who looks at a trace for long relies on it. */
static bool is_kept(const struct trace *before, const struct trace *now)
{
    return now->header.pid == before->header.pid &&
           now->header.start_time_ns == before->header.start_time_ns &&
           now->node_count >= before->node_count &&
           memcmp(now->nodes, before->nodes, before->node_count * sizeof *now->nodes) == 0 &&
           are_owners_kept(before, now) && are_modules_kept(before, now);
}

/* Paths of modules are known by their addresses. */
static void keep_paths(struct trace *before, struct trace *now)
{
    char *root = now->program_root;
    now->program_root = before->program_root;
    before->program_root = root;
    for (uint32_t i = 0; i < before->module_count; i++) {
        char *path = now->module_paths[i];
        now->module_paths[i] = before->module_paths[i];
        before->module_paths[i] = path;
    }
}

/* Threads are read after call sites, which may lack what was happening then: only when two readings
 * have found the same is the program known to do nothing. */
bool follow_read(struct follow *follow, struct error *error)
{
    struct trace now;
    bool is_same = is_quiet(follow);
    if (is_same && follow->is_confirmed) {
        follow->time_ns = follow->trace.sections.moment.time_ns = now_ns();
        look_at_process(follow);
        return true;
    }
    follow->is_confirmed = is_same;
    if (!trace_read_now(&now, follow->fd, error))
        return false;
    if (!is_kept(&follow->trace, &now)) {
        trace_close(&now);
        return error_set(error, "another trace took its place");
    }
    keep_paths(&follow->trace, &now);
    trace_close(&follow->trace);
    follow->trace = now;
    follow->time_ns = now.sections.moment.time_ns;
    look_at_process(follow);
    return true;
}

bool follow_open(struct follow *follow, const char *path, struct error *error)
{
    *follow = (struct follow){0};
    /* O_NONBLOCK: a FIFO must not keep us waiting for a writer. */
    follow->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (follow->fd < 0)
        return error_set(error, "%s", strerror(errno));
    if (!trace_read_now(&follow->trace, follow->fd, error)) {
        close(follow->fd);
        return false;
    }
    follow->time_ns = follow->trace.sections.moment.time_ns;
    look_at_process(follow);
    return true;
}

void follow_close(struct follow *follow)
{
    trace_close(&follow->trace);
    close(follow->fd);
    follow->fd = -1;
}
