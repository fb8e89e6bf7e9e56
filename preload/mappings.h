/* SPDX-License-Identifier: BSD-2-Clause */
/* mappings.h -- The memory that the program has mapped by itself: mmap, mremap, brk. */
#ifndef MEMTRACE_MAPPINGS_H
#define MEMTRACE_MAPPINGS_H

#include <stdint.h>

/* Bytes that are mapped now. Any thread, no lock. */
int64_t mappings_live_bytes(void);

#endif
