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

/* The process that knows itself as pid and has the file open as fd mapped, by the number it has
 * here: one in a container has two. 0: there is none. */
uint32_t process_that_maps(uint32_t pid, int fd);

/* What is "/" to process pid ("/proc/PID/root"), to be freed. NULL: the same as to us, or we may
 * not go there. */
char *process_root(uint32_t pid);

/* What a process takes at the moment; -1: not known. Begins as {0}. */
struct process_usage {
    int64_t rss_bytes;
    int64_t thread_count; /* without the recorder's own */

    uint32_t recorder_tid; /* 0: none was found */
    int64_t search_count;  /* among so many threads, in so many tries */
    int search_tries;
};

void process_read_usage(uint32_t pid, struct process_usage *usage);

/* The path of the trace that process pid writes, to be freed. NULL with a reason if there is none.
 */
char *process_find_trace(uint32_t pid, struct error *error);

/* A descriptor to read the memory of process pid by. -1 with a reason. */
int process_open_memory(uint32_t pid, struct error *error);

#endif
