/* SPDX-License-Identifier: BSD-2-Clause */
/* terminal.h -- How an output may look: its width, and whether colours are welcome. */
#ifndef MEMTRACE_TERMINAL_H
#define MEMTRACE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum color_when {
    COLOR_AUTO,
    COLOR_ALWAYS,
    COLOR_NEVER
};

struct style {
    size_t columns; /* SIZE_MAX: nobody's window, do not cut */
    const char *strong;
    const char *dim;
    const char *warning;
    const char *plain;
};

struct style terminal_style(FILE *out, enum color_when when);
bool terminal_parse_color(const char *text, enum color_when *ret_when);

#endif
