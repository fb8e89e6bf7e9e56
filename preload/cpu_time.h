/* SPDX-License-Identifier: BSD-2-Clause */
/* cpu_time.h -- The CPU time that samples have to account for. */
#ifndef MEMTRACE_CPU_TIME_H
#define MEMTRACE_CPU_TIME_H

#include <stdint.h>

/* Counts from now on. */
void cpu_time_begin(void);

/* The recorder's thread, whose time is none of the program's; in place of the one before, which has
 * ended. */
void cpu_time_leave_out(uint32_t tid);

/* Of all these. */
uint64_t cpu_time_left_out_ns(void);

/* Of the program since then. */
uint64_t cpu_time_ns(void);

#endif
