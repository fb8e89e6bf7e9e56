/* SPDX-License-Identifier: BSD-2-Clause */
/* history.h -- What each call site did between one tick and the next, from the start on. */
#ifndef MEMTRACE_HISTORY_H
#define MEMTRACE_HISTORY_H

#include <stddef.h>
#include <stdint.h>

/* In a new trace, before anything else here. */
void history_begin(void);

/* The file may not grow from now on: has room enough in it, at the price of details. */
void history_make_ready(void);

/* In a forked child: what was remembered is its parent's. */
void history_after_fork(void);

/* The time of the next regular tick; UINT64_MAX: there are none. */
uint64_t history_due_ns(void);

/* The regular tick. */
void history_tick(uint64_t now_ns);

/* Calls forget, which sets all counters to zero, with a mark and ticks just before and after it;
 * the one before only if there are regular ticks. */
void history_clear(uint32_t thread, void (*forget)(void));

/* A mark, and a tick of that moment. By any thread; thread is as for marks_add. */
void history_snapshot(uint32_t thread, const char *name, size_t name_bytes);

#endif
