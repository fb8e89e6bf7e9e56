/* SPDX-License-Identifier: BSD-2-Clause */
/* canvas.h -- A grid of character cells that text is put on, cut to fit and made harmless.
 *
 * Characters take as many cells as a terminal gives them: wide ones two, combining ones none of
 * their own. Without UTF-8 all that is not ASCII is escaped. */
#ifndef MEMTRACE_CANVAS_H
#define MEMTRACE_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum canvas_style {
    STYLE_PLAIN,
    STYLE_STRONG,
    STYLE_DIM,
    STYLE_WARNING,
    STYLE_HEADING,
    STYLE_SELECTED,
    STYLE_COUNT
};

enum {
    CELL_BYTES = 14,
    CANVAS_ROWS_MAX = 1000,
    CANVAS_COLUMNS_MAX = 4096
};

struct cell {
    char text[CELL_BYTES]; /* one character with its marks; "" in the second half of a wide one */
    uint8_t style;
};

struct canvas {
    struct cell *cells; /* row by row */
    unsigned rows;
    unsigned columns;
    bool is_utf8;
};

/* An empty canvas; what a window cannot be is brought within bounds. */
bool canvas_init(struct canvas *canvas, unsigned rows, unsigned columns, bool is_utf8);
void canvas_finish(struct canvas *canvas);
void canvas_clear(struct canvas *canvas);
const struct cell *canvas_row(const struct canvas *canvas, unsigned row);

/* A place to write: what does not fit into columns from column on is cut. */
struct span {
    unsigned row;
    unsigned column;
    unsigned columns;
    enum canvas_style style;
};

/* Each returns the columns it took. Text outside of the canvas is not drawn. */
unsigned canvas_put(struct canvas *canvas, struct span span, const char *text);
/* Cut at the beginning: of a path the end says most. */
unsigned canvas_put_tail(struct canvas *canvas, struct span span, const char *text);
/* Against the right end of the span. */
unsigned canvas_put_right(struct canvas *canvas, struct span span, const char *text);
/* The columns that text would take. */
unsigned canvas_columns(const struct canvas *canvas, const char *text);

/* Gives a whole row this style. */
void canvas_tint(struct canvas *canvas, unsigned row, enum canvas_style style);

/* The first rows as plain lines. */
void canvas_print(FILE *out, const struct canvas *canvas, unsigned rows);

#endif
