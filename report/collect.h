/* SPDX-License-Identifier: BSD-2-Clause */
/* collect.h -- Reads the counters of a program that runs, so that they belong together.
 *
 * All counters are read twice. A counter only ever rises: what is the same both times was so in
 * between, so all call sites that did not change are exact at one and the same moment, the one
 * between the two readings. The few that changed are read again, each by itself and as quickly as
 * possible, and are younger than that moment by less than spread_ns. A site's frees are never ahead
 * of its allocations: where its threads could not be read at one moment and it seems so, the frees
 * of an earlier reading are taken. */
#ifndef MEMTRACE_COLLECT_H
#define MEMTRACE_COLLECT_H

#include "../preload/trace_format.h"
#include "error.h"
#include "packed.h"

#include <stdbool.h>
#include <stdint.h>

struct collection {
    struct trace_header *header;             /* gets the figures of the peak */
    const struct trace_owner *owners;        /* one for each of the counters */
    const struct trace_inherited *inherited; /* of the first inherited_count of them */
    struct trace_counters *counters;         /* gets them */
    struct trace_thread *threads;            /* gets them */
    uint32_t inherited_count;
    uint32_t counters_count;
    uint32_t thread_count;
    uint32_t node_count;
    struct snapshot_moment moment; /* when it was, and how well it went */
};

/* Reads from the file that the program writes, of which file_bytes are there. The header's extents
 * have been checked, and hold that many counters and threads. */
bool collect(struct collection *collection, int fd, uint64_t file_bytes, struct error *error);

#endif
