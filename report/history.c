/* SPDX-License-Identifier: BSD-2-Clause */
/* history.c -- What the call sites of a trace had allocated and freed at earlier moments. */
#include "history.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- numbers --- */

/* A place in the history, and where it must not go on. */
struct cursor {
    const uint8_t *bytes;
    size_t at;
    size_t end;
};

static bool take_number(struct cursor *cursor, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 64 && cursor->at < cursor->end; shift += 7) {
        uint8_t byte = cursor->bytes[cursor->at++];
        uint64_t part = byte & 0x7f;
        if (part << shift >> shift != part)
            return false;
        number |= part << shift;
        if (!(byte & 0x80)) {
            *ret_number = number;
            return true;
        }
    }
    return false;
}

static bool take_entry(struct cursor *cursor, uint32_t *id, struct history_entry *entry)
{
    uint64_t step;
    if (!take_number(cursor, &step) || step > UINT32_MAX - *id ||
        !take_number(cursor, &entry->alloc_count) || !take_number(cursor, &entry->alloc_bytes) ||
        !take_number(cursor, &entry->free_count) || !take_number(cursor, &entry->freed_bytes))
        return false;
    *id += (uint32_t)step;
    entry->id = *id;
    return true;
}

/* --- ticks --- */

static bool check_entries(const struct trace *trace, struct cursor *cursor, uint64_t count)
{
    struct history_entry entry;
    uint32_t id = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t last = id;
        if (!take_entry(cursor, &id, &entry) || id >= trace->owner_count || (i && id == last))
            return false;
    }
    return cursor->at == cursor->end;
}

/* Takes one tick whole; last_ns is the time of the one before it. */
static bool take_tick(const struct trace *trace, struct cursor *cursor, uint64_t last_ns,
                      struct history_tick *tick)
{
    uint64_t body_bytes;
    uint64_t step_ns;
    uint64_t mark;
    uint64_t count;
    if (!take_number(cursor, &body_bytes) || body_bytes > cursor->end - cursor->at)
        return false;
    struct cursor body = {cursor->bytes, cursor->at, cursor->at + body_bytes};
    cursor->at = body.end;
    if (!take_number(&body, &step_ns) || step_ns > UINT64_MAX - last_ns ||
        !take_number(&body, &mark) || mark > trace->mark_count || !take_number(&body, &count) ||
        count > UINT32_MAX)
        return false;
    *tick = (struct history_tick){
        .time_ns = last_ns + step_ns,
        .entries = body.at,
        .entry_count = (uint32_t)count,
        .mark = mark ? (uint32_t)mark - 1 : NO_MARK,
    };
    return check_entries(trace, &body, count);
}

static bool append(struct history *history, size_t *capacity, const struct history_tick *tick)
{
    if (history->tick_count == *capacity) {
        size_t wanted = *capacity ? *capacity * 2 : 64;
        struct history_tick *ticks = realloc(history->ticks, wanted * sizeof *ticks);
        if (!ticks)
            return false;
        history->ticks = ticks;
        *capacity = wanted;
    }
    history->ticks[history->tick_count++] = *tick;
    return true;
}

bool history_init(struct history *history, const struct trace *trace, struct error *error)
{
    struct cursor cursor = {trace->history, 0, trace->history_bytes};
    size_t capacity = 0;
    uint64_t last_ns = 0;
    *history = (struct history){.trace = trace};
    while (cursor.at < cursor.end) {
        struct history_tick tick;
        bool is_good =
            history->tick_count < UINT32_MAX - 1 && take_tick(trace, &cursor, last_ns, &tick);
        if (is_good && append(history, &capacity, &tick)) {
            last_ns = tick.time_ns;
            continue;
        }
        uint32_t number = history->tick_count;
        history_finish(history);
        return is_good ? error_out_of_memory(error)
                       : error_set(error, "tick %" PRIu32 " of the history is damaged", number);
    }
    return true;
}

void history_finish(struct history *history)
{
    free(history->ticks);
    *history = (struct history){0};
}

uint32_t history_ticks_until(const struct history *history, uint64_t time_ns)
{
    uint32_t low = 0;
    uint32_t high = history->tick_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (history->ticks[middle].time_ns <= time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* --- entries --- */

struct history_walk history_walk(const struct history *history, uint32_t tick)
{
    return (struct history_walk){.history = history,
                                 .at = history->ticks[tick].entries,
                                 .left = history->ticks[tick].entry_count};
}

bool history_walk_next(struct history_walk *walk, struct history_entry *entry)
{
    const struct trace *trace = walk->history->trace;
    struct cursor cursor = {trace->history, walk->at, trace->history_bytes};
    if (!walk->left || !take_entry(&cursor, &walk->id, entry))
        return false;
    walk->left--;
    walk->at = cursor.at;
    return true;
}

void history_counters(const struct history *history, uint32_t tick_count,
                      struct trace_counters *counters)
{
    memset(counters, 0, history->trace->owner_count * sizeof *counters);
    for (uint32_t i = 0; i < tick_count && i < history->tick_count; i++) {
        struct history_walk walk = history_walk(history, i);
        struct history_entry entry;
        while (history_walk_next(&walk, &entry)) {
            struct trace_counters *sum = &counters[entry.id];
            sum->alloc_count += entry.alloc_count;
            sum->alloc_bytes += entry.alloc_bytes;
            sum->free_count += entry.free_count;
            sum->freed_bytes += entry.freed_bytes;
        }
    }
}
