/* SPDX-License-Identifier: BSD-2-Clause */
/* page.h -- The page that memtrace html writes: a template, and one trace or two in it.
 *
 * The template comes from viewer/; it is all that a browser needs. The traces are gzipped JSON in
 * base64, so no name in them can be taken for markup. */
#ifndef MEMTRACE_PAGE_H
#define MEMTRACE_PAGE_H

#include "page_data.h"

#include <stdio.h>

/* Why this tool has no page, or NULL. */
const char *page_missing(void);

/* Two traces: the old one first. */
bool page_write(FILE *out, const struct page_trace *traces, size_t count, struct error *error);

#endif
