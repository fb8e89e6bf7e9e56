/* SPDX-License-Identifier: BSD-2-Clause */
/* marks.c -- Moments that somebody named: snapshots, phases, pauses.
 *
 * Few names are used often, so each is in the file once, as long as it has a place in a small
 * table here. */
#include "marks.h"

#include "clock.h"
#include "sys.h"
#include "text.h"
#include "totals.h"
#include "trace_file.h"

enum {
    NAME_BITS = 8,
    NAME_BYTES_MAX = 255
};

static struct trace_string names[1 << NAME_BITS]; /* under trace_lock */

void marks_begin(void)
{
    memset(names, 0, sizeof names);
}

static uint32_t name_hash(const char *name, size_t name_bytes)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name_bytes; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    return hash >> (32 - NAME_BITS);
}

static struct trace_string intern_name(const char *name, size_t name_bytes)
{
    struct trace_string *known = &names[name_hash(name, name_bytes)];
    if (!name_bytes)
        return (struct trace_string){0};
    if (known->size_bytes != name_bytes ||
        memcmp(trace.strings + known->offset, name, name_bytes) != 0)
        *known = trace_add_string(name, name_bytes);
    return *known;
}

static uint32_t add(struct trace_mark mark, const char *name, size_t name_bytes)
{
    int64_t at = trace_reserve(SECTION_MARKS, sizeof mark);
    if (at < 0) {
        trace_count_anomaly(ANOMALY_MARKS_LOST);
        return 0;
    }
    mark.name = intern_name(name, name_bytes);
    mark.time_ns = clock_monotonic_ns(); /* in here, so that marks are in the order of time */
    uint32_t index = (uint32_t)((uint64_t)at / sizeof mark);
    trace.marks[index] = mark;
    trace_publish(SECTION_MARKS);
    return index + 1;
}

uint32_t marks_add(enum trace_mark_kind kind, uint32_t thread, const char *name, size_t name_bytes)
{
    int64_t live_bytes = totals_live_bytes();
    int64_t peak_bytes = __atomic_load_n(&trace.header->peak_bytes, __ATOMIC_RELAXED);
    struct trace_mark mark = {.kind = kind,
                              .thread = thread,
                              .live_bytes = live_bytes,
                              .peak_bytes = peak_bytes > live_bytes ? peak_bytes : live_bytes};
    if (name_bytes > NAME_BYTES_MAX)
        name_bytes = NAME_BYTES_MAX;
    uint64_t mask = lock_enter(&trace_lock);
    uint32_t mark_index = add(mark, name, name_bytes);
    lock_leave(&trace_lock, mask);
    return mark_index;
}
