/* SPDX-License-Identifier: BSD-2-Clause */
/* slowdown.h -- How much slower is too much: memtrace diff --cpu --fail-above.
 *
 * It fails if the whole, or any one line, became slower by more than the limit, and the samples can
 * tell that it did: what chance may have brought forth is no reason. */
#ifndef MEMTRACE_SLOWDOWN_H
#define MEMTRACE_SLOWDOWN_H

#include "diff_times.h"

struct slowdown_limit {
    bool is_percent; /* of the time that there was before in all; else nanoseconds */
    double number;
};

/* 5%, 200ms, 1.5s. */
bool slowdown_limit_parse(struct slowdown_limit *limit, const char *text);
/* The same as text. */
struct number_text slowdown_limit_text(const struct slowdown_limit *limit);

struct slowdown {
    struct slowdown_limit limit;
    struct time_change whole;
    bool is_failed;
    bool is_whole_failed;
    uint32_t *items; /* of the comparison: the lines that are too much, the slowest first */
    uint32_t item_count;
};

bool slowdown_init(struct slowdown *slowdown, const struct comparison *comparison,
                   const struct slowdown_limit *limit, struct error *error);
void slowdown_finish(struct slowdown *slowdown);

#endif
