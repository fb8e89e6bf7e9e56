/* SPDX-License-Identifier: BSD-2-Clause */
/* page_series.h -- What a process used over time, by columns, for the page. */
#ifndef MEMTRACE_PAGE_SERIES_H
#define MEMTRACE_PAGE_SERIES_H

#include "json.h"
#include "series.h"

/* The member "points", if the recorder kept a series. */
bool page_series_write(struct json *json, const struct trace *trace, struct error *error);

#endif
