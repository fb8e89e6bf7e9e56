/* SPDX-License-Identifier: BSD-2-Clause */
/* quantity.h -- What can be plotted over time, and its value at each point of a series. */
#ifndef MEMTRACE_QUANTITY_H
#define MEMTRACE_QUANTITY_H

#include "series.h"
#include "unit.h"

enum quantity {
    QUANTITY_RSS,
    QUANTITY_LIVE,
    QUANTITY_PSS,
    QUANTITY_USS,
    QUANTITY_MAPPED,
    QUANTITY_OVERHEAD, /* resident, but not live in the heap */
    QUANTITY_CGROUP,
    QUANTITY_LIMIT, /* of the same */
    QUANTITY_THREADS,
    QUANTITY_RATE, /* bytes allocated per second */
    QUANTITY_CALLS,
    QUANTITY_FAULTS,
    QUANTITY_MAJOR_FAULTS,
    QUANTITY_CPU,
    QUANTITY_COUNT
};

const char *quantity_word(enum quantity quantity);   /* of the command line */
const char *quantity_label(enum quantity quantity);  /* of a plot */
const char *quantity_about(enum quantity quantity);  /* one line */
const char *quantity_remedy(enum quantity quantity); /* "", or why it may not be known */
enum unit quantity_unit(enum quantity quantity);
bool quantity_from_word(const char *word, enum quantity *ret_quantity);

/* Whether it is the difference between two points rather than something read at one. */
bool quantity_is_rate(enum quantity quantity);

/* False if it is not known. before is the point before, which only rates need. */
bool quantity_at(enum quantity quantity, const struct trace_point *before,
                 const struct trace_point *point, double *ret_min, double *ret_max);

#endif
