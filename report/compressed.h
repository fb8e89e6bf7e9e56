/* SPDX-License-Identifier: BSD-2-Clause */
/* compressed.h -- A stream that compresses what is written to it into another one. */
#ifndef MEMTRACE_COMPRESSED_H
#define MEMTRACE_COMPRESSED_H

#include <stdbool.h>
#include <stdio.h>

/* gzip, or zstd; closing it ends the compressed data and leaves sink open. NULL with errno. */
FILE *compressed_open(FILE *sink, bool is_zstd);

#endif
