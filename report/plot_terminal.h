/* SPDX-License-Identifier: BSD-2-Clause */
/* plot_terminal.h -- A plot in characters: braille dots, or plain ASCII. */
#ifndef MEMTRACE_PLOT_TERMINAL_H
#define MEMTRACE_PLOT_TERMINAL_H

#include "plot.h"

#include <stdio.h>

struct terminal_size {
    size_t columns;
    size_t rows; /* of the panels together */
    bool is_ascii;
    bool has_color;
};

enum {
    TERMINAL_COLUMNS_MAX = 1000,
    TERMINAL_ROWS_MAX = 500
};

/* False when out of memory. */
bool plot_write_terminal(FILE *out, const struct plot *plot, const struct terminal_size *size);

/* Whether the locale says that UTF-8 is understood. */
bool terminal_has_utf8(void);

#endif
