/* SPDX-License-Identifier: BSD-2-Clause */
/* process.h -- What /proc says of processes that write traces. */
#ifndef MEMTRACE_PROCESS_H
#define MEMTRACE_PROCESS_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether process pid exists and has the file open as fd mapped: a pid alone may have passed on to
 * somebody else. Where /proc does not let us look, whether the process exists. */
bool process_has_mapped(uint32_t pid, int fd);

/* The path of the trace that process pid writes, to be freed. NULL with a reason if there is none.
 */
char *process_find_trace(uint32_t pid, struct error *error);

#endif
