/* SPDX-License-Identifier: BSD-2-Clause */
/* grid.c -- A grid of character cells that text is put on, cut to fit and made harmless. */
#include "grid.h"

#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* --- the grid --- */

static unsigned bounded(unsigned value, unsigned limit)
{
    return value < 1 ? 1 : value > limit ? limit : value;
}

bool grid_init(struct grid *grid, unsigned rows, unsigned columns, bool is_utf8)
{
    *grid = (struct grid){
        .rows = bounded(rows, GRID_ROWS_MAX),
        .columns = bounded(columns, GRID_COLUMNS_MAX),
        .is_utf8 = is_utf8,
    };
    grid->cells = calloc((size_t)grid->rows * grid->columns, sizeof *grid->cells);
    if (!grid->cells)
        return false;
    grid_clear(grid);
    return true;
}

void grid_finish(struct grid *grid)
{
    free(grid->cells);
    *grid = (struct grid){0};
}

void grid_clear(struct grid *grid)
{
    static const struct cell blank = {.text = " "};
    for (size_t i = 0; i < (size_t)grid->rows * grid->columns; i++)
        grid->cells[i] = blank;
}

const struct cell *grid_row(const struct grid *grid, unsigned row)
{
    return &grid->cells[(size_t)row * grid->columns];
}

/* --- characters --- */

/* The next piece of a text as it is to be shown. */
struct piece {
    size_t length;    /* bytes of the text */
    unsigned columns; /* 0: a mark on the character before it */
    char shown[24];
};

static void escape(struct piece *piece, const char *text)
{
    piece->columns = 0;
    for (size_t i = 0; i < piece->length; i++)
        piece->columns +=
            (unsigned)snprintf(piece->shown + piece->columns, 5, "\\x%02x", (unsigned char)text[i]);
}

static struct piece next_piece(const struct grid *grid, const char *text, size_t size)
{
    struct piece piece = {.length = 1};
    uint32_t character = 0;
    size_t length = text_decode(text, size, &character);
    int width = length ? wcwidth((wchar_t)character) : -1;
    if (length)
        piece.length = length;
    if (length == 1 && character >= 0x20 && character < 0x7f)
        width = 1; /* whatever the locale */
    bool is_shown = length && width >= 0 && width <= 2 && !text_is_control(character) &&
                    (length == 1 || grid->is_utf8);
    if (is_shown) {
        memcpy(piece.shown, text, length);
        piece.columns = (unsigned)width;
    } else if (character == '\n' || character == '\t') {
        strcpy(piece.shown, character == '\n' ? "\\n" : "\\t");
        piece.columns = 2;
    } else {
        escape(&piece, text);
    }
    return piece;
}

unsigned grid_columns(const struct grid *grid, const char *text)
{
    unsigned columns = 0;
    for (size_t size = strlen(text); size;) {
        struct piece piece = next_piece(grid, text, size);
        columns += piece.columns;
        text += piece.length;
        size -= piece.length;
    }
    return columns;
}

/* --- writing --- */

/* Where the next character goes. */
struct pen {
    struct grid *grid;
    struct span span;
    unsigned used;
};

static struct cell *cell_at(const struct pen *pen, unsigned offset)
{
    unsigned column = pen->span.column + offset;
    if (pen->span.row >= pen->grid->rows || column >= pen->grid->columns)
        return NULL;
    return &pen->grid->cells[(size_t)pen->span.row * pen->grid->columns + column];
}

static void draw_cell(struct pen *pen, const char *text, size_t length)
{
    struct cell *cell = cell_at(pen, pen->used++);
    if (!cell)
        return;
    memcpy(cell->text, text, length);
    cell->text[length] = 0;
    cell->style = (uint8_t)pen->span.style;
}

/* Marks go to the cell of the character they belong to, as many as it holds. */
static void draw_mark(struct pen *pen, const struct piece *piece)
{
    struct cell *cell = pen->used ? cell_at(pen, pen->used - 1) : NULL;
    if (cell && !cell->text[0] && pen->used > 1)
        cell = cell_at(pen, pen->used - 2);
    if (cell && strlen(cell->text) + piece->length < CELL_BYTES)
        strcat(cell->text, piece->shown);
}

static void draw_piece(struct pen *pen, const struct piece *piece)
{
    if (piece->columns == 0) {
        draw_mark(pen, piece);
    } else if (piece->columns == 2 && piece->shown[0] != '\\') {
        draw_cell(pen, piece->shown, piece->length);
        draw_cell(pen, "", 0);
    } else if (piece->columns == 1) {
        draw_cell(pen, piece->shown, piece->length);
    } else {
        for (unsigned i = 0; i < piece->columns; i++)
            draw_cell(pen, piece->shown + i, 1);
    }
}

static void draw_ellipsis(struct pen *pen)
{
    static const char ellipsis[] = "\xe2\x80\xa6";
    if (pen->grid->is_utf8)
        draw_cell(pen, ellipsis, sizeof ellipsis - 1);
    else
        draw_cell(pen, "~", 1);
}

/* As many columns as there are between the span's start and the edge. */
static struct pen pen_at(struct grid *grid, struct span span)
{
    unsigned left = span.column < grid->columns ? grid->columns - span.column : 0;
    if (span.columns > left)
        span.columns = left;
    return (struct pen){.grid = grid, .span = span};
}

unsigned grid_put(struct grid *grid, struct span span, const char *text)
{
    struct pen pen = pen_at(grid, span);
    bool fits = grid_columns(grid, text) <= pen.span.columns;
    unsigned limit = fits ? pen.span.columns : pen.span.columns - (pen.span.columns > 0);
    for (size_t size = strlen(text); size;) {
        struct piece piece = next_piece(grid, text, size);
        if (pen.used + piece.columns > limit)
            break;
        draw_piece(&pen, &piece);
        text += piece.length;
        size -= piece.length;
    }
    if (!fits && pen.span.columns)
        draw_ellipsis(&pen);
    return pen.used;
}

unsigned grid_put_tail(struct grid *grid, struct span span, const char *text)
{
    struct pen pen = pen_at(grid, span);
    unsigned total = grid_columns(grid, text);
    if (total <= pen.span.columns || !pen.span.columns)
        return grid_put(grid, span, text);
    size_t size = strlen(text);
    while (size && total > pen.span.columns - 1) {
        struct piece piece = next_piece(grid, text, size);
        total -= piece.columns;
        text += piece.length;
        size -= piece.length;
    }
    draw_ellipsis(&pen);
    span.column++;
    span.columns = pen.span.columns - 1;
    return 1 + grid_put(grid, span, text);
}

unsigned grid_put_right(struct grid *grid, struct span span, const char *text)
{
    unsigned columns = grid_columns(grid, text);
    if (columns < span.columns) {
        span.column += span.columns - columns;
        span.columns = columns;
    }
    return grid_put(grid, span, text);
}

void grid_tint(struct grid *grid, unsigned row, enum cell_style style)
{
    for (unsigned i = 0; row < grid->rows && i < grid->columns; i++)
        grid->cells[(size_t)row * grid->columns + i].style = (uint8_t)style;
}

/* --- without a terminal --- */

static unsigned used_columns(const struct grid *grid, unsigned row)
{
    const struct cell *cells = grid_row(grid, row);
    unsigned columns = grid->columns;
    while (columns && strcmp(cells[columns - 1].text, " ") == 0)
        columns--;
    return columns;
}

void grid_print(FILE *out, const struct grid *grid, unsigned rows)
{
    for (unsigned row = 0; row < rows && row < grid->rows; row++) {
        const struct cell *cells = grid_row(grid, row);
        unsigned columns = used_columns(grid, row);
        for (unsigned i = 0; i < columns; i++)
            fputs(cells[i].text, out);
        fputc('\n', out);
    }
}
