/* SPDX-License-Identifier: BSD-2-Clause */
/* pool_table.h -- The blocks that a running process's own allocators have handed out, read from the
 * recorder's table in its memory.
 *
 * As with live_table.h, the process goes on meanwhile. */
#ifndef MEMTRACE_POOL_TABLE_H
#define MEMTRACE_POOL_TABLE_H

#include "live_table.h"

struct pool_table {
    int memory_fd;    /* as of process_open_memory */
    uint64_t address; /* of struct pool_shard[POOL_SHARDS]; 0: there is none */
};

/* The smallest block that an address is in; its counters are 0 if there is none. False when the
 * memory cannot be read. */
bool pool_table_find(const struct pool_table *table, uint64_t address, struct live_entry *entry,
                     struct error *error);

#endif
