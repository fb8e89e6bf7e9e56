/* SPDX-License-Identifier: BSD-2-Clause */
/* clock.h -- Time without libc: the kernel's vDSO when there is one, else a system call. */
#ifndef MEMTRACE_CLOCK_H
#define MEMTRACE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Finds the vDSO's clock in its ELF image; address 0: none. Call once at start. */
void clock_init(uint64_t vdso_address);

uint64_t clock_monotonic_ns(void);
uint64_t clock_realtime_ns(void);

/* Keeps what it is now, for when it can be read no more. */
void clock_remember(void);

/* The CPU's counter, which the vDSO reads, is not for us any more. */
void clock_ask_kernel(void);

/* The kernel's number for the CPU clock of a thread of this process. */
int clock_of_thread(uint32_t tid);

/* CPU time that a thread of this process has used. False: it has ended. */
bool clock_thread_cpu_ns(uint32_t tid, uint64_t *ret_ns);

/* That all of them have used. */
uint64_t clock_process_cpu_ns(void);

#endif
