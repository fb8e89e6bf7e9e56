/* SPDX-License-Identifier: BSD-2-Clause */
/* residence.h -- What the resident memory of a running process is made of.
 *
 * The kernel tells of each mapping how much of it is resident, and of each page whether it is; the
 * recorder's table tells which bytes of it are blocks that are live. The process goes on meanwhile:
 * what changed in between is the unexplained rest. */
#ifndef MEMTRACE_RESIDENCE_H
#define MEMTRACE_RESIDENCE_H

#include "live_table.h"

#include <stdbool.h>
#include <stdint.h>

struct residence {
    int64_t rss_bytes; /* of the whole process; what the sum of all kinds lacks of it is not
                          explained */
    int64_t bytes[RESIDENCE_COUNT]; /* by enum residence_kind */
    int64_t absent_live_bytes;      /* of live blocks: never touched, or swapped out */
    bool knows_blocks;              /* false: the heap is among RESIDENCE_ANONYMOUS */
};

/* table NULL: the recorder's is of no use, since it does not know all blocks. trace_inode is that
 * of the trace it writes. Fails with a reason. */
bool residence_read(struct residence *residence, uint32_t pid, const struct live_table *table,
                    uint64_t trace_inode, struct error *error);

int64_t residence_unexplained(const struct residence *residence);

#endif
