/* SPDX-License-Identifier: BSD-2-Clause */
/* ticker.h -- The one thread of ours in the program: it keeps time, history and triggers going. */
#ifndef MEMTRACE_TICKER_H
#define MEMTRACE_TICKER_H

#include <stdbool.h>
#include <stdint.h>

/* For a new trace; nothing with MEMTRACE_THREAD=0. */
void ticker_start(void);

/* Ends the thread, and returns when it is gone from the process, so that what the caller does next
 * finds the program alone. True if that was done: then ticker_resume is to be called after it.
 * These may be called from several threads at once, and do nothing in children of any kind. */
bool ticker_pause(void);
void ticker_resume(void);

/* True in a vfork child, where all of this is its parent's. */
bool ticker_is_others(void);

/* How many of the process's threads are ours. */
uint32_t ticker_thread_count(void);

/* Instead of ticker_resume: system calls may be forbidden from now on. */
void ticker_end(void);

/* A thread is about to end by itself, without exit_group. */
void ticker_note_exit(int exit_code);

/* In a forked child: the thread is its parent's. */
void ticker_after_fork(void);

#endif
