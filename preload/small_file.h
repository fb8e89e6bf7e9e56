/* SPDX-License-Identifier: BSD-2-Clause */
/* small_file.h -- One of the kernel's small files, read in one go. */
#ifndef MEMTRACE_SMALL_FILE_H
#define MEMTRACE_SMALL_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* As much of it as there is room for, with a zero behind it. False: it is not there, empty, or not
 * for us. */
bool small_file_read(const char *path, char *buffer, size_t capacity);

#endif
