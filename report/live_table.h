/* SPDX-License-Identifier: BSD-2-Clause */
/* live_table.h -- The blocks that a running process has live, read from the recorder's table in its
 * memory.
 *
 * The process goes on meanwhile: what is found was so at some instant. Its memory may say anything;
 * time is bounded whatever it says. */
#ifndef MEMTRACE_LIVE_TABLE_H
#define MEMTRACE_LIVE_TABLE_H

#include "../preload/trace_format.h"
#include "error.h"

#include <stdbool.h>
#include <stdint.h>

struct live_table {
    int memory_fd; /* as of process_open_memory */
    uint64_t map_address;
    uint64_t reach_bytes; /* no block is larger than this */
    uint64_t leaves_max;  /* to be visited, each for 1 MiB of addresses */
};

struct live_entry {
    uint64_t address;
    uint64_t size_bytes;
    uint32_t counters; /* index into SECTION_COUNTERS */
    uint32_t stamp;
    bool has_stamp;
};

enum live_answer {
    LIVE_FAILED,  /* the memory cannot be read */
    LIVE_INSIDE,  /* entry is the block that the address is in */
    LIVE_OUTSIDE, /* it is in none; entry is the nearest one before it, if its counters are not 0 */
};

enum live_answer live_table_find(const struct live_table *table, uint64_t address,
                                 struct live_entry *entry, struct error *error);

/* Shows all blocks there are, one after the other. */
typedef void live_visitor(void *context, const struct live_entry *entry);
bool live_table_visit(const struct live_table *table, live_visitor *visit, void *context,
                      struct error *error);

#endif
