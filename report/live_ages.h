/* SPDX-License-Identifier: BSD-2-Clause */
/* live_ages.h -- How old the blocks are that a running process has live: what their stamps tell. */
#ifndef MEMTRACE_LIVE_AGES_H
#define MEMTRACE_LIVE_AGES_H

#include "live_table.h"
#include "trace.h"

/* A stamp tells the time of birth to within a quarter of a second. */
struct age {
    uint64_t min_ns; /* 0 also if that is not known */
    uint64_t max_ns;
};

/* At the moment of the trace, which is that of a running process. */
struct age live_age(const struct trace *trace, uint32_t stamp);

/* The blocks of a call site, or of one thread of it. The smallest ones have no stamp. */
struct live_ages {
    uint64_t stamped_count;
    uint64_t unstamped_count;
    uint64_t unstamped_bytes;
    struct age oldest;  /* of those with a stamp */
    uint64_t old_count; /* certainly older than asked for, … */
    uint64_t old_bytes;
    uint64_t oldish_count; /* … or possibly */
    uint64_t oldish_bytes;
};

void live_ages_add(struct live_ages *sum, const struct live_ages *more);

/* Reads the whole table: *ret_ages, to be freed, is per id of counters. Of two ages old_ns is the
 * greater one: a block that is at least that old is certainly old, one that may be as old as
 * oldish_ns is possibly so. */
bool live_ages_read(struct live_ages **ret_ages, const struct live_table *table,
                    const struct trace *trace, uint64_t old_ns, uint64_t oldish_ns,
                    struct error *error);

#endif
