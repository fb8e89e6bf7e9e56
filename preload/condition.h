/* SPDX-License-Identifier: BSD-2-Clause */
/* condition.h -- When to take a snapshot without being asked: MEMTRACE_SNAPSHOT=every=10m,live+20%.
 *
 * A list with commas between:
 *     every=DURATION    regularly
 *     signal=NAME       when this signal comes: USR2, SIGUSR2, RTMIN+3 or a number
 *     live=SIZE         when live bytes rise to this; again when they have fallen below meanwhile
 *     live+N%           when they have grown by so much since the last snapshot
 *     rss=SIZE, rss+N%  the same with the resident set
 *     max=N             how many snapshots keep their own place in the history */
#ifndef MEMTRACE_CONDITION_H
#define MEMTRACE_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

enum condition_kind {
    CONDITION_EVERY,
    CONDITION_SIGNAL,
    CONDITION_LIVE,
    CONDITION_LIVE_GROWTH,
    CONDITION_RSS,
    CONDITION_RSS_GROWTH
};

struct condition {
    enum condition_kind kind;
    uint32_t text_bytes;
    const char *text; /* as it was written, not terminated: the name of its snapshots */
    uint64_t value;   /* nanoseconds, signal number, bytes or percent */
};

enum {
    CONDITIONS_MAX = 16,
    SNAPSHOTS_DEFAULT = 64,
    SNAPSHOTS_LIMIT = 1000
};

struct conditions {
    uint32_t count;
    uint32_t snapshots_max;
    struct condition list[CONDITIONS_MAX];
};

/* False, and nothing changed, when text is not such a list. Keeps pointers into text. */
bool conditions_parse(const char *text, struct conditions *conditions);

#endif
