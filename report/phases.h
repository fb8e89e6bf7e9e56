/* SPDX-License-Identifier: BSD-2-Clause */
/* phases.h -- The phases of a run: from memtrace_phase_begin() to its memtrace_phase_end(). */
#ifndef MEMTRACE_PHASES_H
#define MEMTRACE_PHASES_H

#include "trace.h"

struct phase {
    const char *name;  /* the trace's */
    uint64_t begin_ns; /* since the start */
    uint64_t end_ns;
    uint32_t thread;
    uint32_t level; /* within so many others of its thread */
};

struct phases {
    struct phase *items; /* in the order of their begin */
    size_t count;
};

/* One that was not ended lasts until the end; an end without a beginning is left out. False when
 * out of memory. */
bool phases_init(struct phases *phases, const struct trace *trace);
void phases_finish(struct phases *phases);

#endif
