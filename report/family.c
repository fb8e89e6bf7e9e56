/* SPDX-License-Identifier: BSD-2-Clause */
/* family.c -- The traces of a program's children, their children, and what they became by exec. */
#include "family.h"

#include "hash.h"

#include <stdlib.h>

/* Wall clocks are set now and then, but not by much. */
static const int64_t clock_tolerance_ns = 10 * INT64_C(1000000000);

/* Which process had a pid last, at the moment at hand. */
struct holder {
    uint32_t pid;
    uint32_t parent_pid;
    uint64_t start_time_ns;
    bool is_member;
    UT_hash_handle handle;
};

struct search {
    struct family *family;
    const struct trace_header *header;
    struct holder *holders;
};

/* CLOCK_MONOTONIC begins anew when a machine is booted, and stands still while it sleeps. */
static bool is_of_same_clock(const struct search *search, const struct trace_entry *entry)
{
    const struct trace_header *header = search->header;
    int64_t real_ns = (int64_t)(entry->start_realtime_ns - header->start_realtime_ns);
    int64_t monotonic_ns = (int64_t)(entry->start_time_ns - header->start_time_ns);
    return entry->start_time_ns >= header->start_time_ns &&
           real_ns >= monotonic_ns - clock_tolerance_ns;
}

static struct holder *holder_of(const struct search *search, uint32_t pid)
{
    struct holder *holder;
    HASH_FIND(handle, search->holders, &pid, sizeof pid, holder);
    return holder;
}

static bool hold(struct search *search, uint32_t pid, uint32_t parent_pid, uint64_t start_time_ns,
                 bool is_member)
{
    struct holder *holder = holder_of(search, pid);
    if (!holder) {
        holder = calloc(1, sizeof *holder);
        if (!holder)
            return false;
        holder->pid = pid;
        HASH_ADD(handle, search->holders, pid, sizeof holder->pid, holder);
        if (!holder->handle.tbl) { /* uthash had no memory, and left it out */
            free(holder);
            return false;
        }
    }
    holder->parent_pid = parent_pid;
    holder->start_time_ns = start_time_ns;
    holder->is_member = is_member;
    return true;
}

/* A child of a member, or a member's next program. */
static bool belongs(const struct search *search, const struct trace_entry *entry)
{
    const struct holder *parent = holder_of(search, entry->parent_pid);
    const struct holder *before = holder_of(search, entry->pid);
    return (parent && parent->is_member) ||
           (before && before->is_member && before->parent_pid == entry->parent_pid);
}

/* Another file about the same process, a snapshot say. */
static bool is_copy(const struct search *search, const struct trace_entry *entry)
{
    const struct holder *before = holder_of(search, entry->pid);
    return before && before->is_member && before->start_time_ns == entry->start_time_ns;
}

static int older_first(const void *a, const void *b)
{
    const struct trace_entry *left = *(struct trace_entry *const *)a;
    const struct trace_entry *right = *(struct trace_entry *const *)b;
    if (left->start_time_ns != right->start_time_ns)
        return left->start_time_ns < right->start_time_ns ? -1 : 1;
    return strcmp(left->path, right->path);
}

static bool search_all(struct search *search)
{
    struct family *family = search->family;
    size_t candidates = 0;
    for (size_t i = 0; i < family->list.count; i++)
        if (is_of_same_clock(search, &family->list.entries[i]))
            family->members[candidates++] = &family->list.entries[i];
    if (candidates)
        qsort(family->members, candidates, sizeof *family->members, older_first);
    if (!hold(search, search->header->pid, search->header->parent_pid,
              search->header->start_time_ns, true))
        return false;
    for (size_t i = 0; i < candidates; i++) {
        struct trace_entry *entry = family->members[i];
        if (is_copy(search, entry))
            continue;
        bool is_member = belongs(search, entry);
        if (!hold(search, entry->pid, entry->parent_pid, entry->start_time_ns, is_member))
            return false;
        if (is_member)
            family->members[family->count++] = entry;
    }
    return true;
}

static void drop_holders(struct search *search)
{
    struct holder *holder;
    struct holder *next;
    HASH_ITER(handle, search->holders, holder, next)
    {
        HASH_DELETE(handle, search->holders, holder);
        free(holder);
    }
}

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

bool family_init(struct family *family, const char *path, const struct trace *trace,
                 struct error *error)
{
    struct search search = {.family = family, .header = &trace->header};
    *family = (struct family){0};
    char *directory = directory_of(path);
    bool is_ok = directory || error_out_of_memory(error);
    is_ok = is_ok && trace_list_init(&family->list, directory, false, 0, error);
    free(directory);
    if (!is_ok)
        return false;
    family->members = calloc(family->list.count + 1, sizeof *family->members);
    is_ok = family->members && search_all(&search);
    drop_holders(&search);
    if (is_ok)
        return true;
    family_finish(family);
    return error_out_of_memory(error);
}

void family_finish(struct family *family)
{
    trace_list_finish(&family->list);
    free(family->members);
    *family = (struct family){0};
}
