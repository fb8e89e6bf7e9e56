/* SPDX-License-Identifier: BSD-2-Clause */
/* find.h -- Which trace is meant, and which traces there are. */
#ifndef MEMTRACE_FIND_H
#define MEMTRACE_FIND_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What the header of a trace file says of it. */
struct trace_entry {
    char *path;
    char *program;
    uint32_t pid;
    uint32_t parent_pid;
    bool is_running;
    bool is_snapshot;
    uint64_t snapshot_realtime_ns; /* when it was taken */
    uint64_t start_realtime_ns;
    uint64_t start_time_ns;
    uint64_t size_bytes; /* on disk */
};

struct trace_list {
    /* Newest first; snapshots behind the trace of their program. */
    struct trace_entry *entries;
    size_t count;
};

/* Whether a file is named as traces are: *.memtrace, or *.memtrace.N, which the recorder uses when
 * a name is taken. */
bool trace_is_name(const char *name);

/* The readable traces in a directory. With any_name false only those that are named as traces are;
 * a file last changed before since_s is not looked at. */
bool trace_list_init(struct trace_list *list, const char *directory, bool any_name, time_t since_s,
                     struct error *error);
void trace_list_finish(struct trace_list *list);

/* The path of the trace that operand names: a file, the pid of a running process, or (NULL) the
 * newest trace in the current directory, which is no snapshot unless there is nothing else. To be
 * freed; NULL with a reason. */
char *find_trace(const char *operand, struct error *error);

#endif
