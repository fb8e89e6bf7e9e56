/* SPDX-License-Identifier: BSD-2-Clause */
/* looks.h -- When to look what the resident memory is made of, and which looks to keep.
 *
 * All by one thread at a time. */
#ifndef MEMTRACE_LOOKS_H
#define MEMTRACE_LOOKS_H

#include "trace_format.h"

/* In a new trace. */
void looks_begin(void);

/* A point of the series has just been made; the program may be about to end. */
void looks_tick(const struct trace_point *point);
void looks_end(const struct trace_point *point);

#endif
