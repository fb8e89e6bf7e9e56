/* SPDX-License-Identifier: BSD-2-Clause */
/* growth.h -- How much growth is too much: memtrace diff --fail-above.
 *
 * It fails if the whole, or any one line, grew by more than the limit: a line that grows is not
 * excused by another one that shrinks. What filters and suppressions drop is not part of either. */
#ifndef MEMTRACE_GROWTH_H
#define MEMTRACE_GROWTH_H

#include "compare.h"
#include "text.h"

enum growth_unit {
    GROWTH_BYTES,
    GROWTH_PERCENT, /* of the bytes that there were before in all */
    GROWTH_BLOCKS
};

struct growth_limit {
    enum growth_unit unit;
    double number;
};

/* 1M, 512K, 1048576: bytes; 10%; 100blocks. */
bool growth_limit_parse(struct growth_limit *limit, const char *text);

struct growth {
    struct growth_limit limit;
    double total;    /* in the unit of the limit */
    bool is_failed;  /* the whole grew too much, or a line did */
    uint32_t *items; /* of the comparison, the causes, those that grew most first: the lines that
                        are too much, or if none is by itself, all that grew */
    uint32_t item_count;
};

bool growth_init(struct growth *growth, const struct comparison *comparison,
                 const struct growth_limit *limit, struct error *error);
void growth_finish(struct growth *growth);

/* "+1.5 MiB", "+12.5%", "+300 blocks": that many of the limit's unit. */
struct number_text growth_text(enum growth_unit unit, double number, bool with_sign);

#endif
