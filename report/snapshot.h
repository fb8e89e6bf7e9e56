/* SPDX-License-Identifier: BSD-2-Clause */
/* snapshot.h -- A trace as it is at one moment, in a small file of its own. */
#ifndef MEMTRACE_SNAPSHOT_H
#define MEMTRACE_SNAPSHOT_H

#include "trace.h"

/* A snapshot that was written. */
struct snapshot {
    char *path;
    size_t size_bytes;
};

/* Writes a file for us only, and never into one that exists or through a link. output NULL:
 * PROGRAM.PID.TIME.snapshot.memtrace, in the current directory or, if it is one, in output; a
 * number is added to the name when it is taken. number, if not 0, is added to output. */
bool snapshot_write(struct snapshot *snapshot, const struct trace *trace, const char *output,
                    uint64_t number, struct error *error);
void snapshot_finish(struct snapshot *snapshot);

#endif
