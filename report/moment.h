/* SPDX-License-Identifier: BSD-2-Clause */
/* moment.h -- Moments of a run as people name them, and a trace turned back to one.
 *
 * TRACE@10m, @1h30m, @90s or @90 after the start; @-10m before the end, or before now; @start, @end
 * (also @now), @peak; @NAME, a snapshot, mark or phase that the program named. What reads as a time
 * or one of these words is one, unless it is in quotes: @'10m' is a name. Of equal names the last
 * one counts; a phase counts with its end, NAME:begin and NAME:end tell them apart. */
#ifndef MEMTRACE_MOMENT_H
#define MEMTRACE_MOMENT_H

#include "history.h"

enum moment_kind {
    MOMENT_END,
    MOMENT_START,
    MOMENT_PEAK,
    MOMENT_AFTER_START,
    MOMENT_BEFORE_END,
    MOMENT_NAME
};

struct moment {
    enum moment_kind kind;
    uint64_t time_ns;
    char *name;
};

/* text is what follows the @. */
bool moment_parse(struct moment *moment, const char *text, struct error *error);
void moment_finish(struct moment *moment);

/* Divides TRACE@MOMENT. A file whose whole name is operand wins; nothing before the @ is the newest
 * trace here. operand and *ret_trace (to be freed) may be NULL for that. */
bool moment_divide(struct moment *moment, const char *operand, char **ret_trace,
                   struct error *error);

/* What a trace can tell of a moment: the latest tick up to it, or one that was due then. */
bool moment_find(const struct moment *moment, const struct history *history,
                 struct instant *instant, struct error *error);
/* When a moment was, since the start, whatever else is known of it. */
bool moment_time(const struct moment *moment, const struct trace *trace, uint64_t *ret_time_ns,
                 struct error *error);
/* The counters at that instant, trace->owner_count of them. */
void instant_counters(const struct instant *instant, const struct history *history,
                      struct trace_counters *counters);

/* Turns a trace back: its counters become those of that moment, and trace->instant says which. */
bool moment_rewind(const struct moment *moment, struct trace *trace, struct error *error);

/* "as of 9 min 59 s after the start", "at the peak, 1.2 s after the start" */
void instant_describe(const struct trace *trace, char *buffer, size_t buffer_bytes);

#endif
