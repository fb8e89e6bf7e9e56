/* SPDX-License-Identifier: BSD-2-Clause */
/* output.h -- A file that appears under its name when it is complete, and not before. */
#ifndef MEMTRACE_OUTPUT_H
#define MEMTRACE_OUTPUT_H

#include "error.h"

#include <stdbool.h>
#include <stdio.h>

enum compression {
    COMPRESSION_NONE,
    COMPRESSION_GZIP,
    COMPRESSION_ZSTD
};

struct output {
    FILE *file;         /* to write to */
    FILE *sink;         /* what file is compressed into, or the same */
    char *path;         /* NULL: stdout */
    char *partial_path; /* until it is complete; NULL: written in place */
};

/* path "-" is stdout. A file that exists is replaced in the end; what is not a regular file, as a
 * FIFO or /dev/stdout, is written to as it is. */
bool output_open(struct output *output, const char *path, enum compression compression,
                 struct error *error);
/* Everything has been written: gives the file its name. On failure it is gone, as if never begun.
 */
bool output_commit(struct output *output, struct error *error);
/* Leaves nothing behind. */
void output_abandon(struct output *output);

/* What the end of a path asks for: .gz or .zst. */
enum compression output_compression(const char *path);

#endif
