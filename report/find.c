/* SPDX-License-Identifier: BSD-2-Clause */
/* find.c -- Which trace is meant, and which traces there are. */
#include "find.h"

#include "process.h"
#include "text.h"
#include "trace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool trace_is_name(const char *name)
{
    static const char ending[] = ".memtrace";
    const char *found = NULL;
    for (const char *at = name; (at = strstr(at, ending)); at++)
        found = at;
    if (!found)
        return false;
    const char *rest = found + sizeof ending - 1;
    return !*rest ||
           (*rest == '.' && rest[1] && strspn(rest + 1, "0123456789") == strlen(rest + 1));
}

static bool append(struct trace_list *list, struct trace_entry *entry)
{
    size_t capacity = list->count ? list->count : 0;
    if ((capacity & (capacity - 1)) == 0) { /* full at each power of two */
        size_t wanted = capacity ? capacity * 2 : 1;
        struct trace_entry *entries = realloc(list->entries, wanted * sizeof *entries);
        if (!entries)
            return false;
        list->entries = entries;
    }
    list->entries[list->count++] = *entry;
    return true;
}

static bool add_trace(struct trace_list *list, char *path, const struct stat *status)
{
    struct trace trace;
    struct error ignored;
    if (!trace_open_header(&trace, path, &ignored))
        return false;
    struct trace_entry entry = {
        .path = path,
        .program = strdup(trace.program),
        .pid = trace.header.pid,
        .parent_pid = trace.header.parent_pid,
        .is_running = trace.is_running,
        .is_snapshot = trace.is_snapshot,
        .snapshot_realtime_ns = trace.is_snapshot ? trace.sections.moment.realtime_ns : 0,
        .start_realtime_ns = trace.header.start_realtime_ns,
        .start_time_ns = trace.header.start_time_ns,
        .size_bytes = (uint64_t)status->st_size,
    };
    trace_close(&trace);
    if (!entry.program || !append(list, &entry)) {
        free(entry.program);
        return false;
    }
    return true;
}

static void consider(struct trace_list *list, int directory_fd, const char *directory,
                     const char *name, time_t since_s)
{
    struct stat status;
    char *path = NULL;
    if (fstatat(directory_fd, name, &status, 0) != 0 || !S_ISREG(status.st_mode) ||
        status.st_mtime < since_s)
        return;
    if (strcmp(directory, ".") == 0)
        path = strdup(name);
    else if (asprintf(&path, "%s%s%s", directory, strcmp(directory, "/") ? "/" : "", name) < 0)
        path = NULL;
    if (!path || !add_trace(list, path, &status))
        free(path);
}

static int newer_first(const void *a, const void *b)
{
    const struct trace_entry *left = a;
    const struct trace_entry *right = b;
    if (left->start_realtime_ns != right->start_realtime_ns)
        return left->start_realtime_ns < right->start_realtime_ns ? 1 : -1;
    if (left->is_snapshot != right->is_snapshot)
        return left->is_snapshot ? 1 : -1;
    if (left->snapshot_realtime_ns != right->snapshot_realtime_ns)
        return left->snapshot_realtime_ns < right->snapshot_realtime_ns ? 1 : -1;
    return strcmp(left->path, right->path);
}

bool trace_list_init(struct trace_list *list, const char *directory, bool any_name, time_t since_s,
                     struct error *error)
{
    *list = (struct trace_list){0};
    DIR *stream = opendir(directory);
    if (!stream)
        return error_set(error, "%s", strerror(errno));
    struct dirent *entry;
    while ((entry = readdir(stream)))
        if (any_name || trace_is_name(entry->d_name))
            consider(list, dirfd(stream), directory, entry->d_name, since_s);
    closedir(stream);
    if (list->count)
        qsort(list->entries, list->count, sizeof *list->entries, newer_first);
    return true;
}

void trace_list_finish(struct trace_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->entries[i].path);
        free(list->entries[i].program);
    }
    free(list->entries);
    *list = (struct trace_list){0};
}

static char *newest_trace_here(struct error *error)
{
    struct trace_list list;
    char *path = NULL;
    size_t newest = 0;
    if (!trace_list_init(&list, ".", false, 0, error))
        return NULL;
    while (newest < list.count && list.entries[newest].is_snapshot)
        newest++;
    if (list.count)
        path = strdup(list.entries[newest < list.count ? newest : 0].path);
    else
        error_set(error, "no trace here (*.memtrace): make one with memtrace run PROGRAM");
    trace_list_finish(&list);
    return path;
}

char *find_trace(const char *operand, struct error *error)
{
    uint64_t pid;
    if (!operand)
        return newest_trace_here(error);
    if (text_to_number(operand, INT32_MAX, &pid) && access(operand, F_OK) != 0)
        return process_find_trace((uint32_t)pid, error);
    char *path = strdup(operand);
    if (!path)
        error_out_of_memory(error);
    return path;
}
