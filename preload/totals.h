/* SPDX-License-Identifier: BSD-2-Clause */
/* totals.h -- What the program has live now, as the sum of what its threads have counted. */
#ifndef MEMTRACE_TOTALS_H
#define MEMTRACE_TOTALS_H

#include <stdint.h>

/* In a new trace: adds up what a forked child has inherited. */
void totals_begin(void);

/* All has been forgotten, also what was inherited. */
void totals_forget(void);

/* Live bytes. The header's figure lags behind, with one thread as far as from here to the peak. May
 * be called by any thread, without trace_lock. */
int64_t totals_live_bytes(void);

#endif
