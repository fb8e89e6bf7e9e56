/* SPDX-License-Identifier: BSD-2-Clause */
/* history.h -- What the call sites of a trace had allocated and freed at earlier moments.
 *
 * The recorder writes a tick every now and then, with what has changed since the tick before; as
 * the run gets longer the ticks get fewer. Nothing is believed unchecked: after history_init
 * succeeded, every tick is well-formed and names only counters and marks that exist. */
#ifndef MEMTRACE_HISTORY_H
#define MEMTRACE_HISTORY_H

#include "trace.h"

#define NO_MARK UINT32_MAX

struct history_tick {
    uint64_t time_ns; /* since the start of the program */
    size_t entries;   /* where they begin in trace->history */
    uint32_t entry_count;
    uint32_t mark; /* the snapshot that it was made for, or NO_MARK */
};

struct history {
    const struct trace *trace;
    struct history_tick *ticks; /* in the order of time */
    uint32_t tick_count;        /* 0: nothing is known but the end */
};

bool history_init(struct history *history, const struct trace *trace, struct error *error);
void history_finish(struct history *history);

/* How many ticks there are up to a moment, itself included. */
uint32_t history_ticks_until(const struct history *history, uint64_t time_ns);

/* What one tick adds to the counters with this id. */
struct history_entry {
    uint32_t id; /* of counters: an index in trace->owners */
    uint64_t alloc_count;
    uint64_t alloc_bytes;
    uint64_t free_count;
    uint64_t freed_bytes;
};

/* Goes through the entries of a tick, by ascending id. */
struct history_walk {
    const struct history *history;
    size_t at;
    uint32_t left;
    uint32_t id;
};
struct history_walk history_walk(const struct history *history, uint32_t tick);
bool history_walk_next(struct history_walk *walk, struct history_entry *entry);

/* The counters (trace->owner_count of them) as they were after so many ticks; 0: at the start. What
 * a history does not keep is zero: temporary allocations, and the figures at the peak. */
void history_counters(const struct history *history, uint32_t tick_count,
                      struct trace_counters *counters);

#endif
