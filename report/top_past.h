/* SPDX-License-Identifier: BSD-2-Clause */
/* top_past.h -- How the heap came to be what it is, before memtrace top looked: from the history of
 * its trace. */
#ifndef MEMTRACE_TOP_PAST_H
#define MEMTRACE_TOP_PAST_H

#include "top_model.h"

/* Puts what was before the model's first reading in front of its points: of a program that runs one
 * for each interval, of one that has ended its whole run. trace is the same trace with its history;
 * one without a history adds nothing. */
bool top_past_recall(struct top_model *model, const struct trace *trace, uint64_t interval_ns,
                     struct error *error);

#endif
