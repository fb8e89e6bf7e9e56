/* SPDX-License-Identifier: BSD-2-Clause */
/* page_times.h -- What the page says of the samplers, and of the threads that they saw. */
#ifndef MEMTRACE_PAGE_TIMES_H
#define MEMTRACE_PAGE_TIMES_H

#include "json.h"
#include "trace.h"

#include <stdbool.h>

/* The members "cpu" and "wall", each if there was such a sampler, and "threads"; false when out of
 * memory. Before any times_show. */
bool page_times_write(struct json *json, const struct trace *trace);

#endif
