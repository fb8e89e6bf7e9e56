/* SPDX-License-Identifier: BSD-2-Clause */
/* completeness.h -- How complete a trace is, in words. */
#ifndef MEMTRACE_COMPLETENESS_H
#define MEMTRACE_COMPLETENESS_H

#include "trace.h"

enum {
    REASONS_MAX = ANOMALY_MAX + 8,
    REASON_BYTES = 256
};

/* Why figures are less than the whole truth. None: everything was seen, exactly. */
struct completeness {
    size_t count;
    char reasons[REASONS_MAX][REASON_BYTES];
};

void completeness_init(struct completeness *completeness, const struct trace *trace);

/* How the program ended: "running", "exited", "execed" or "killed". */
const char *completeness_state(const struct trace *trace);
/* The same for people: "exited 0 after 0.21 s". */
void completeness_describe_end(const struct trace *trace, char *buffer, size_t buffer_bytes);
/* Since when figures are counted, if all that was before has been forgotten; else "". */
void completeness_describe_clear(const struct trace *trace, char *buffer, size_t buffer_bytes);
/* For how long nothing was recorded, because the program wanted so; else "". */
void completeness_describe_pauses(const struct trace *trace, char *buffer, size_t buffer_bytes);
/* How long that was. */
uint64_t completeness_paused_ns(const struct trace *trace);
/* How exact the figures at peak are; "" if they are exact. */
void completeness_describe_peak(const struct trace *trace, char *buffer, size_t buffer_bytes);
/* How much the figures of a running program belong together; "" if all are of one moment. */
void completeness_describe_reading(const struct trace *trace, char *buffer, size_t buffer_bytes);

#endif
