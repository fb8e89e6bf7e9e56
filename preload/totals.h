/* SPDX-License-Identifier: BSD-2-Clause */
/* totals.h -- What the program has live now, as the sum of what its threads have counted. */
#ifndef MEMTRACE_TOTALS_H
#define MEMTRACE_TOTALS_H

#include <stdbool.h>
#include <stdint.h>

/* In a new trace: adds up what a forked child has inherited. */
void totals_begin(void);

/* All is about to be forgotten, also what was inherited. With the world stopped. */
void totals_forget(void);

/* Live bytes. The header's figure lags behind, with one thread as far as from here to the peak. May
 * be called by any thread, without trace_lock. */
int64_t totals_live_bytes(void);

/* What all threads have done since the trace began, also what has been forgotten since. */
struct totals {
    bool is_known; /* false: all is being forgotten just now */
    uint64_t alloc_count;
    uint64_t alloc_bytes;
    int64_t live_bytes;
};

/* Takes no lock until threads have been folded away. */
struct totals totals_now(void);

#endif
