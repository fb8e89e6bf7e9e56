/* SPDX-License-Identifier: BSD-2-Clause */
/* rss.h -- How much memory the kernel has given to the process. */
#ifndef MEMTRACE_RSS_H
#define MEMTRACE_RSS_H

#include <stdint.h>

/* The resident set, -1 when the kernel does not tell (no /proc). */
int64_t rss_bytes(void);

#endif
