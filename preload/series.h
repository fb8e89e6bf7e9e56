/* SPDX-License-Identifier: BSD-2-Clause */
/* series.h -- What the process used over time: points at regular intervals, from start to end. */
#ifndef MEMTRACE_SERIES_H
#define MEMTRACE_SERIES_H

#include <stdint.h>

/* In a new trace: its first point. None is kept if there is no thread for it. */
void series_begin(void);

/* The file may not grow from now on: has room enough in it, at the price of details. */
void series_make_ready(void);

/* In a forked child: this is its parent's. */
void series_after_fork(void);

/* The time of the next point; UINT64_MAX: there is none. */
uint64_t series_due_ns(void);

/* The regular point. own_threads of the process are not the program's. */
void series_tick(uint32_t own_threads);

/* A point of the end, which may turn out not to be one. */
void series_end(uint32_t own_threads);

/* No more points, since system calls may be forbidden from now on. Makes none itself. */
void series_stop(void);

#endif
