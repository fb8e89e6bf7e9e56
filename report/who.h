/* SPDX-License-Identifier: BSD-2-Clause */
/* who.h -- Who allocated the block that an address is in: its call site, thread and age. */
#ifndef MEMTRACE_WHO_H
#define MEMTRACE_WHO_H

#include "json.h"
#include "live_table.h"
#include "pool_table.h"
#include "table.h"

/* What is known of an address. */
struct who {
    uint64_t address;
    bool is_live;                      /* it is in a block */
    bool is_pool;                      /* of a custom pool */
    struct live_entry entry;           /* that block, or the nearest one before, see live_table.h */
    uint32_t node;                     /* of its call site; 0: unknown */
    const struct trace_thread *thread; /* that allocated it; NULL: one that is not known any more */
    bool has_age;
    uint64_t age_min_ns; /* 0 also if that is not known */
    uint64_t age_max_ns;
};

/* Asks the tables; a block of a pool comes before the one of the heap that it lies in. False with a
 * reason. */
bool who_find(struct who *who, const struct live_table *table, const struct pool_table *pools,
              uint64_t address, struct error *error);
/* Fills in the rest, from a trace that was read after that. */
void who_explain(struct who *who, const struct trace *trace);

/* For people: a line, and the traceback below it. */
void who_write(const struct table *table, const struct who *who, const struct stacks *stacks);
void who_write_json(struct json *json, const struct who *who, const struct stacks *stacks);

#endif
