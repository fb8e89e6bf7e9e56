/* SPDX-License-Identifier: BSD-2-Clause */
/* error.c -- What went wrong, in words, and where in the file. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>

bool error_set(struct error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    error->offset = ERROR_NO_OFFSET;
    return false;
}

bool error_at(struct error *error, uint64_t offset, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    error->offset = offset;
    return false;
}

bool error_out_of_memory(struct error *error)
{
    return error_set(error, "out of memory");
}
