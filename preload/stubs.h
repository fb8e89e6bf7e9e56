/* SPDX-License-Identifier: BSD-2-Clause */
/* stubs.h -- What C cannot say, see stubs.S. */
#ifndef MEMTRACE_STUBS_H
#define MEMTRACE_STUBS_H

#include <stdint.h>

/* clone() with this stack; the new thread ends with the exit code that run returns. tid serves as
 * the kernel's parent's and child's thread id. Returns as the kernel does. */
long stub_clone(uint64_t flags, void *stack_top, uint32_t *tid, int (*run)(void));

/* Where a signal handler returns to. x86_64 only: elsewhere the kernel brings its own. */
void stub_sigreturn(void);

/* The replaced functions, which are called from outside only, jump to these. */
void lifecycle_before_main(void);
long interpose_syscall(long number, long a, long b, long c, long d, long e, long f);

#endif
