/* SPDX-License-Identifier: BSD-2-Clause */
/* large.h -- Arrays that may have many megabytes, on huge pages where the kernel has them.
 *
 * Most of what it costs to read a large trace is the kernel's work of handing out its memory, page
 * by page. */
#ifndef MEMTRACE_LARGE_H
#define MEMTRACE_LARGE_H

#include <stddef.h>

/* To be freed with free(); its contents are undefined. NULL when out of memory. */
void *large_alloc(size_t size_bytes);

#endif
