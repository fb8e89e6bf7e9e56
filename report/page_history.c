/* SPDX-License-Identifier: BSD-2-Clause */
/* page_history.c -- What changed from tick to tick, about the stacks of a tree.
 *
 * Neighbouring ticks are added up until there are few enough of them; what is known of the moments
 * that are left stays exact. */
#include "page_history.h"

#include "times.h"

#include <stdlib.h>
#include <string.h>

enum {
    TICKS_MAX = 400,
    TICKS_MIN = 24,
    CHANGES_MAX = 3000000 /* a tick may change every stack */
};

/* What happened at an end of stacks. */
struct change_sum {
    uint64_t alloc_count;
    uint64_t alloc_bytes;
    uint64_t free_count;
    uint64_t freed_bytes;
    uint64_t off_ns; /* of wall-clock time */
};

/* What happened at the ends of stacks since the last tick that was written. */
struct changes {
    const struct call_tree *tree;
    const struct history *history;
    struct change_sum *sums; /* per end of the tree */
    bool *is_changed;        /* per end */
    uint32_t *changed;       /* ends, as they come */
    uint32_t count;
};

static uint32_t end_of_counters(const struct changes *changes, uint32_t id)
{
    uint32_t site = trace_site(changes->history->trace, id);
    return site ? changes->tree->site_ends[site] : NO_END;
}

/* Whether what these counters have is time off the CPU: see times_show. */
static bool is_off(const struct changes *changes, uint32_t id)
{
    const struct trace *trace = changes->history->trace;
    struct figures figures;
    if (trace->domain != DOMAIN_OFF_CPU)
        return false;
    figures = trace_figures(trace, id);
    return times_of(&figures).off_samples;
}

static void add_tick(struct changes *changes, uint32_t tick)
{
    struct history_walk walk = history_walk(changes->history, tick);
    struct history_entry entry;
    while (history_walk_next(&walk, &entry)) {
        uint32_t end = end_of_counters(changes, entry.id);
        if (end == NO_END)
            continue;
        if (!changes->is_changed[end]) {
            changes->is_changed[end] = true;
            changes->changed[changes->count++] = end;
            changes->sums[end] = (struct change_sum){0};
        }
        changes->sums[end].alloc_count += entry.alloc_count;
        changes->sums[end].alloc_bytes += entry.alloc_bytes;
        changes->sums[end].free_count += entry.free_count;
        changes->sums[end].freed_bytes += entry.freed_bytes;
        if (is_off(changes, entry.id))
            changes->sums[end].off_ns += entry.alloc_bytes;
    }
}

static void write_numbers(struct json *json, const struct changes *changes, const char *name,
                          size_t offset)
{
    json_name(json, name);
    json_open_array(json);
    for (uint32_t i = 0; i < changes->count; i++) {
        int64_t value;
        memcpy(&value, (const char *)&changes->sums[changes->changed[i]] + offset, sizeof value);
        json_signed(json, value);
    }
    json_close_array(json);
}

/* Named as page_data.c names them. */
static void write_figures(struct json *json, const struct changes *changes)
{
    const struct trace *trace = changes->history->trace;
    bool is_timed = trace_is_timed(trace);
    write_numbers(json, changes, is_timed ? "samples" : "alloc_count",
                  offsetof(struct change_sum, alloc_count));
    write_numbers(json, changes, is_timed ? "time_ns" : "alloc_bytes",
                  offsetof(struct change_sum, alloc_bytes));
    if (!is_timed)
        write_numbers(json, changes, "free_count", offsetof(struct change_sum, free_count));
    if (trace->domain == DOMAIN_OFF_CPU)
        write_numbers(json, changes, "off_ns", offsetof(struct change_sum, off_ns));
    else
        write_numbers(json, changes, is_timed ? "kernel_ns" : "freed_bytes",
                      offsetof(struct change_sum, freed_bytes));
}

static void write_tick(struct json *json, struct changes *changes, uint64_t time_ns)
{
    json_open_object(json);
    json_member_unsigned(json, "time_ns", time_ns);
    json_name(json, "ends");
    json_open_array(json);
    for (uint32_t i = 0; i < changes->count; i++)
        json_unsigned(json, changes->changed[i]);
    json_close_array(json);
    write_figures(json, changes);
    json_close_object(json);
    for (uint32_t i = 0; i < changes->count; i++)
        changes->is_changed[changes->changed[i]] = false;
    changes->count = 0;
}

/* How many ticks to leave. */
static uint32_t tick_limit(const struct history *history)
{
    uint64_t change_count = 0;
    for (uint32_t i = 0; i < history->tick_count; i++)
        change_count += history->ticks[i].entry_count;
    uint64_t limit = TICKS_MAX;
    if (change_count > CHANGES_MAX)
        limit = (uint64_t)history->tick_count * CHANGES_MAX / change_count;
    limit = limit < TICKS_MIN ? TICKS_MIN : limit;
    return limit < TICKS_MAX ? (uint32_t)limit : TICKS_MAX;
}

/* The last one of those that are added up; the one of a snapshot always is. */
static bool is_kept(const struct history *history, uint32_t tick, uint32_t limit)
{
    uint64_t count = history->tick_count;
    return history->ticks[tick].mark != NO_MARK || tick + 1 == count || count <= limit ||
           tick * (uint64_t)limit / count != (tick + 1) * (uint64_t)limit / count;
}

static void write_ticks(struct json *json, struct changes *changes)
{
    const struct history *history = changes->history;
    uint32_t limit = tick_limit(history);
    json_name(json, "ticks");
    json_open_array(json);
    for (uint32_t i = 0; i < history->tick_count; i++) {
        add_tick(changes, i);
        if (is_kept(history, i, limit))
            write_tick(json, changes, history->ticks[i].time_ns);
    }
    json_close_array(json);
}

/* Blocks that a forked child had from its start: they are in no tick. */
static void write_inherited(struct json *json, const struct changes *changes)
{
    const struct trace *trace = changes->history->trace;
    uint32_t count =
        trace->inherited_count < trace->owner_count ? trace->inherited_count : trace->owner_count;
    json_name(json, "inherited");
    json_open_array(json);
    for (uint32_t i = 1; i < count && !trace_last_clear(trace); i++) {
        uint32_t end = end_of_counters(changes, i);
        if (end == NO_END || (!trace->inherited[i].live_count && !trace->inherited[i].live_bytes))
            continue;
        json_open_array(json);
        json_unsigned(json, end);
        json_signed(json, trace->inherited[i].live_count);
        json_signed(json, trace->inherited[i].live_bytes);
        json_close_array(json);
    }
    json_close_array(json);
}

bool page_history_write(struct json *json, const struct history *history,
                        const struct call_tree *tree)
{
    struct changes changes = {.tree = tree, .history = history};
    size_t room = (size_t)tree->end_count + 1;
    if (!history->tick_count)
        return true;
    changes.sums = malloc(room * sizeof *changes.sums);
    changes.is_changed = calloc(room, sizeof *changes.is_changed);
    changes.changed = malloc(room * sizeof *changes.changed);
    bool is_ok = changes.sums && changes.is_changed && changes.changed;
    if (is_ok) {
        json_name(json, "history");
        json_open_object(json);
        write_inherited(json, &changes);
        write_ticks(json, &changes);
        json_close_object(json);
    }
    free(changes.sums);
    free(changes.is_changed);
    free(changes.changed);
    return is_ok;
}
