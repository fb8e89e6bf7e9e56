/* SPDX-License-Identifier: BSD-2-Clause */
/* top_past.c -- How the heap came to be what it is, before memtrace top looked. */
#include "top_past.h"

#include "history.h"

#include <stdlib.h>

enum {
    POINTS_MAX = TOP_POINTS_MAX / 2
};

static bool is_heap(const struct trace *trace, uint32_t id)
{
    return trace->owners[id].thread_domain >> OWNER_DOMAIN_SHIFT == DOMAIN_HEAP;
}

/* What a forked child began with. */
static uint64_t inherited_bytes(const struct trace *trace)
{
    uint64_t bytes = 0;
    for (uint32_t i = 1; i < trace->inherited_count && i < trace->owner_count; i++)
        if (is_heap(trace, i))
            bytes += (uint64_t)trace->inherited[i].live_bytes;
    return bytes;
}

/* Per tick what was live after it, [0] at the start. To be freed. */
static uint64_t *find_live(const struct history *history)
{
    uint64_t *live = malloc(((size_t)history->tick_count + 1) * sizeof *live);
    if (!live)
        return NULL;
    live[0] = inherited_bytes(history->trace);
    for (uint32_t i = 0; i < history->tick_count; i++) {
        struct history_walk walk = history_walk(history, i);
        struct history_entry entry;
        live[i + 1] = live[i];
        while (history_walk_next(&walk, &entry))
            if (is_heap(history->trace, entry.id))
                live[i + 1] += entry.alloc_bytes - entry.freed_bytes;
    }
    return live;
}

/* count points up to end_ns (since the start), itself not included. */
static uint32_t sample(const struct history *history, const uint64_t *live, uint64_t end_ns,
                       uint64_t step_ns, struct top_point *points)
{
    uint64_t steps = step_ns ? end_ns / step_ns : 0;
    uint32_t count = steps < POINTS_MAX ? (uint32_t)steps : POINTS_MAX;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t time_ns = end_ns - (count - i) * step_ns;
        points[i] = (struct top_point){(int64_t)live[history_ticks_until(history, time_ns)], -1};
    }
    return count;
}

bool top_past_recall(struct top_model *model, const struct trace *trace, uint64_t interval_ns,
                     struct error *error)
{
    struct history history;
    struct top_point points[POINTS_MAX];
    uint64_t end_ns = trace_duration_ns(trace);
    if (!history_init(&history, trace, error))
        return false;
    uint64_t *live = find_live(&history);
    uint64_t step_ns = trace->is_running ? interval_ns : end_ns / POINTS_MAX;
    if (live && history.tick_count)
        top_model_recall(model, points, sample(&history, live, end_ns, step_ns, points),
                         !trace->is_running);
    bool is_ok = live || error_out_of_memory(error);
    free(live);
    history_finish(&history);
    return is_ok;
}
