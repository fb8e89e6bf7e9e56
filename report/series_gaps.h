/* SPDX-License-Identifier: BSD-2-Clause */
/* series_gaps.h -- What a series does not tell, in words. */
#ifndef MEMTRACE_SERIES_GAPS_H
#define MEMTRACE_SERIES_GAPS_H

#include "series.h"

/* One line; "" if there is nothing to be said. */
void series_describe_gaps(const struct series *series, char *buffer, size_t buffer_bytes);

#endif
