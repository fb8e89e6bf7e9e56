/* SPDX-License-Identifier: BSD-2-Clause */
/* rss.h -- How much memory the kernel has given to the process.
 *
 * All of these are -1 when the kernel does not tell: no /proc, or not allowed to look. */
#ifndef MEMTRACE_RSS_H
#define MEMTRACE_RSS_H

#include <stdint.h>

/* The resident set. */
int64_t rss_bytes(void);

/* The following by one thread at a time. The largest it has been since the program was executed, or
 * forked: */
int64_t rss_peak_bytes(void);

/* With shared pages divided among those who share them, and without shared pages. The kernel looks
 * at every page for it. */
struct rss_shares {
    int64_t pss_bytes;
    int64_t uss_bytes;
};

struct rss_shares rss_shares(void);

#endif
