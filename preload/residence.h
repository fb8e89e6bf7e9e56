/* SPDX-License-Identifier: BSD-2-Clause */
/* residence.h -- What the resident memory of the process is made of. */
#ifndef MEMTRACE_RESIDENCE_H
#define MEMTRACE_RESIDENCE_H

#include "trace_format.h"

#include <stdbool.h>

/* Fills in all but the times, the whole and the cost. False if the kernel does not tell. By one
 * thread at a time. */
bool residence_read(struct trace_residence *residence);

#endif
