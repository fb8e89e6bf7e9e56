/* SPDX-License-Identifier: BSD-2-Clause */
/* tracemalloc.h -- Our frames as Python's tracemalloc would know them: a file's name and a line.
 *
 * What has no line has line 0, as there; in place of the file stands the best that is known:
 * "libfoo.so(function)", else "libfoo.so+0x1136", with the library's whole path. */
#ifndef MEMTRACE_TRACEMALLOC_H
#define MEMTRACE_TRACEMALLOC_H

#include "frame.h"

/* To be freed, NULL when out of memory. UTF-8: other bytes have become U+FFFD. */
char *tracemalloc_file(const struct frame *frame);
uint32_t tracemalloc_line(const struct frame *frame);

#endif
