/* SPDX-License-Identifier: BSD-2-Clause */
/* base64.h -- A stream that writes what is written to it as base64 into another one. */
#ifndef MEMTRACE_BASE64_H
#define MEMTRACE_BASE64_H

#include <stdio.h>

/* Closing it writes the last group and leaves sink open. NULL with errno. */
FILE *base64_open(FILE *sink);

#endif
