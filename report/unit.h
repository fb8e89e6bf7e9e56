/* SPDX-License-Identifier: BSD-2-Clause */
/* unit.h -- What numbers of a plot are counted in, and how they are written. */
#ifndef MEMTRACE_UNIT_H
#define MEMTRACE_UNIT_H

#include "text.h"

enum unit {
    UNIT_BYTES,
    UNIT_BYTES_PER_SECOND,
    UNIT_COUNT,
    UNIT_PER_SECOND,
    UNIT_CPUS, /* seconds of CPU time per second */
    UNIT_COUNT_OF
};

/* Whether steps are powers of two, with KiB and MiB. */
bool unit_is_binary(enum unit unit);
/* 41.6 MiB, 12.0 KiB/s, 1,204, 3.4k/s, 1.2 CPUs: for people to read. */
struct number_text unit_text(enum unit unit, double value);
/* What is written beside a whole axis, as "faults" are counted by the name of the line; "" for
 * sizes, whose every number has its unit. */
const char *unit_suffix(enum unit unit);

#endif
