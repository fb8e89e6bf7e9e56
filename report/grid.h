/* SPDX-License-Identifier: BSD-2-Clause */
/* grid.h -- A grid of character cells that text is put on, cut to fit and made harmless.
 *
 * Characters take as many cells as a terminal gives them: wide ones two, combining ones none of
 * their own. Without UTF-8 all that is not ASCII is escaped. */
#ifndef MEMTRACE_GRID_H
#define MEMTRACE_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum cell_style {
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
    GRID_ROWS_MAX = 1000,
    GRID_COLUMNS_MAX = 4096
};

struct cell {
    char text[CELL_BYTES]; /* one character with its marks; "" in the second half of a wide one */
    uint8_t style;
};

struct grid {
    struct cell *cells; /* row by row */
    unsigned rows;
    unsigned columns;
    bool is_utf8;
};

/* An empty grid; what a window cannot be is brought within bounds. */
bool grid_init(struct grid *grid, unsigned rows, unsigned columns, bool is_utf8);
void grid_finish(struct grid *grid);
void grid_clear(struct grid *grid);
const struct cell *grid_row(const struct grid *grid, unsigned row);

/* A place to write: what does not fit into columns from column on is cut. */
struct span {
    unsigned row;
    unsigned column;
    unsigned columns;
    enum cell_style style;
};

/* Each returns the columns it took. Text outside of the grid is not drawn. */
unsigned grid_put(struct grid *grid, struct span span, const char *text);
/* Cut at the beginning: of a path the end says most. */
unsigned grid_put_tail(struct grid *grid, struct span span, const char *text);
/* Against the right end of the span. */
unsigned grid_put_right(struct grid *grid, struct span span, const char *text);
/* The columns that text would take. */
unsigned grid_columns(const struct grid *grid, const char *text);

/* Gives a whole row this style. */
void grid_tint(struct grid *grid, unsigned row, enum cell_style style);

/* The first rows as plain lines. */
void grid_print(FILE *out, const struct grid *grid, unsigned rows);

#endif
