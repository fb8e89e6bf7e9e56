/* SPDX-License-Identifier: BSD-2-Clause */
/* usage.h -- What the process uses at the moment. */
#ifndef MEMTRACE_USAGE_H
#define MEMTRACE_USAGE_H

#include "trace_format.h"

#include <stdbool.h>

/* How much trouble is taken. */
enum usage_effort {
    USAGE_FIRST, /* the program waits to start */
    USAGE_REGULAR,
    USAGE_LAST /* or to end */
};

/* In a new trace. */
void usage_begin(void);

/* All but the point's times. own_threads of the process are not the program's. By one thread at a
 * time. */
void usage_read(struct trace_point *point, uint64_t now_ns, enum usage_effort effort,
                uint32_t own_threads);

/* CPU time of the calling thread, to tell what a reading costs. */
uint64_t usage_cpu_ns(void);

#endif
