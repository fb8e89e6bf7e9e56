/* SPDX-License-Identifier: BSD-2-Clause */
/* budget.h -- A sampler's account of itself: where all of the CPU time went, sampled or not, and
 * how it was sampled. */
#ifndef MEMTRACE_BUDGET_H
#define MEMTRACE_BUDGET_H

#include "json.h"
#include "terminal.h"
#include "times.h"

#include <stdio.h>

/* The samplers of one kind, added up. */
struct budget {
    struct trace_sampler sum; /* the rest of it is the last one's */
    uint32_t sampler_count;
    bool is_running;
    int64_t unexplained_ns; /* CPU time that is in none of the entries; less than 0: too many are */
};

void budget_init(struct budget *budget, const struct trace *trace, enum times_kind kind);
/* A few lines; nothing if there was no sampler. */
void budget_write(FILE *out, const struct budget *budget, const struct style *style);
/* The member "cpu" or "wall" of the object at hand. */
void budget_write_json(struct json *json, const struct budget *budget, const struct times *whole,
                       enum times_kind kind);

#endif
