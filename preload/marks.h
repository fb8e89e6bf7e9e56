/* SPDX-License-Identifier: BSD-2-Clause */
/* marks.h -- Moments that somebody named: snapshots, phases, pauses. */
#ifndef MEMTRACE_MARKS_H
#define MEMTRACE_MARKS_H

#include "trace_format.h"

#include <stddef.h>
#include <stdint.h>

/* In a new trace. */
void marks_begin(void);

/* Writes down that now is such a moment. thread: the calling one's index in SECTION_THREADS, 0 for
 * none of the program's. A name of more than 255 bytes is cut. Returns the mark's index + 1, or 0
 * when there was no room, which is counted. May be called by any thread, without trace_lock. */
uint32_t marks_add(enum trace_mark_kind kind, uint32_t thread, const char *name, size_t name_bytes);

#endif
