/* SPDX-License-Identifier: BSD-2-Clause */
/* looks.h -- What the resident memory of a process was made of, at the moments at which the
 * recorder looked. */
#ifndef MEMTRACE_LOOKS_H
#define MEMTRACE_LOOKS_H

#include "residence.h"
#include "trace.h"

struct look {
    uint64_t time_ns; /* from the start of the process */
    struct residence residence;
};

struct looks {
    struct look *items; /* by time */
    size_t count;
};

/* Those that are whole and make sense. */
bool looks_init(struct looks *looks, const struct trace *trace, struct error *error);
void looks_finish(struct looks *looks);

/* The one with the largest RSS, and the latest one; NULL if there is none. */
const struct look *looks_largest(const struct looks *looks);
const struct look *looks_latest(const struct looks *looks);

#endif
