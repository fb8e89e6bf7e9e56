/* SPDX-License-Identifier: BSD-2-Clause */
/* follow.c -- A trace that is read again and again, while its program runs. */
#include "follow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A pid may be somebody else's by now: only that of a process that still writes the trace counts.
 */
static void look_at_process(struct follow *follow)
{
    if (follow->trace.is_running)
        process_read_usage(follow->trace.header.pid, &follow->usage);
    else
        follow->usage.rss_bytes = follow->usage.thread_count = -1;
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
    for (uint32_t i = 0; i < before->module_count; i++) {
        char *path = now->module_paths[i];
        now->module_paths[i] = before->module_paths[i];
        before->module_paths[i] = path;
    }
}

bool follow_read(struct follow *follow, struct error *error)
{
    struct trace now;
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
