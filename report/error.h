/* SPDX-License-Identifier: BSD-2-Clause */
/* error.h -- What went wrong, in words, and where in the file. */
#ifndef MEMTRACE_ERROR_H
#define MEMTRACE_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#define ERROR_NO_OFFSET UINT64_MAX

struct error {
    char text[240];
    uint64_t offset; /* in the file at hand, or ERROR_NO_OFFSET */
};

/* Fill error and return false, so that a function can end with them. */
bool error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool error_at(struct error *error, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool error_out_of_memory(struct error *error);

#endif
