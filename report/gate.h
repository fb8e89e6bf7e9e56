/* SPDX-License-Identifier: BSD-2-Clause */
/* gate.h -- Limits that a run has to keep: for tests that are to fail when memory grows. */
#ifndef MEMTRACE_GATE_H
#define MEMTRACE_GATE_H

#include "statistics.h"
#include "terminal.h"

#include <stdio.h>

enum gate_kind {
    GATE_PEAK,   /* bytes when most was live */
    GATE_LIVE,   /* bytes at the end; with 0 no block may be left, not even an empty one */
    GATE_ALLOCS, /* allocations in all */
    GATE_COUNT
};

struct gates {
    bool is_set[GATE_COUNT];
    uint64_t limits[GATE_COUNT];
    struct filters filters;            /* only what they keep counts */
    struct suppressions *suppressions; /* of what is live; NULL: none */
};

/* How a trace did at one gate. */
struct gate_verdict {
    bool is_judged; /* false: there is no such gate, or it says nothing here */
    bool is_failed;
    uint64_t limit;
    struct amount amount;
    struct statistics lines; /* if it failed: by line, the largest first */
};

/* How a trace did. */
struct judgement {
    const struct trace *trace;
    struct gate_verdict verdicts[GATE_COUNT];
    struct stacks stacks;
    bool has_stacks;
    bool is_failed;
};

/* "64M", "0"; "100000" of GATE_ALLOCS. False if that is no limit. */
bool gates_set(struct gates *gates, enum gate_kind kind, const char *value);
bool gates_are_set(const struct gates *gates);
/* "max-peak", … */
const char *gate_name(enum gate_kind kind);

/* A program that became another one leaves nothing behind, so GATE_LIVE does not judge it. Counts
 * what was suppressed. */
bool judgement_init(struct judgement *judgement, const struct trace *trace,
                    const struct gates *gates, struct error *error);
void judgement_finish(struct judgement *judgement);

/* A line for each gate that judged, or for those that failed, and below it the lines that are to
 * blame. name is what the program is called. */
void judgement_write(FILE *out, struct judgement *judgement, const char *name, bool is_brief,
                     const struct style *style);

#endif
