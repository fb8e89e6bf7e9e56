/* SPDX-License-Identifier: BSD-2-Clause */
/* on_cpu.h -- Which threads are on a CPU just now. */
#ifndef MEMTRACE_ON_CPU_H
#define MEMTRACE_ON_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* By a thread's CPU clock, which has just been read: whether it has gone on since. */
bool on_cpu_is_running(uint32_t tid, uint64_t clock_ns);

struct on_cpu_state {
    uint64_t cpu;     /* that it runs on, or ran on last */
    bool is_runnable; /* neither asleep nor stopped */
};

/* False: the thread has ended. */
bool on_cpu_look(uint32_t tid, struct on_cpu_state *ret_state);

/* When a thread that does not run did so last, by the CPU's clock; 0: not every kernel says so. */
uint64_t on_cpu_until_ns(uint32_t tid);

#endif
