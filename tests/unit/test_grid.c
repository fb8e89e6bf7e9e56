/* SPDX-License-Identifier: BSD-2-Clause */
/* test_grid.c -- Text in cells: wide, combined, cut, escaped, outside. */
#include "grid.h"
#include "tap.h"

#include <locale.h>
#include <stdlib.h>

enum {
    ROWS = 3,
    COLUMNS = 10
};

static struct grid grid;

/* A row as it would be printed, all blanks kept. */
static const char *row_text(unsigned row)
{
    static char text[COLUMNS * CELL_BYTES + 1];
    text[0] = 0;
    for (unsigned i = 0; i < grid.columns; i++)
        strcat(text, grid_row(&grid, row)[i].text);
    return text;
}

static void begin(bool is_utf8)
{
    grid_finish(&grid);
    if (!grid_init(&grid, ROWS, COLUMNS, is_utf8))
        exit(99);
}

static unsigned put(unsigned column, unsigned columns, const char *text)
{
    return grid_put(&grid, (struct span){.row = 1, .column = column, .columns = columns}, text);
}

static void test_plain(void)
{
    begin(true);
    tap_number(put(2, 5, "abc"), 3, "what fits takes its columns");
    tap_text(row_text(1), "  abc     ", "and is where it was put");
    tap_text(row_text(0), "          ", "and nowhere else");
    begin(true);
    tap_number(put(0, 4, "abcdef"), 4, "what is too long is cut");
    tap_text(row_text(1), "abc…      ", "and says so");
    begin(true);
    tap_number(put(0, 4, "abcd"), 4, "what just fits");
    tap_text(row_text(1), "abcd      ", "is not");
    begin(true);
    put(7, 100, "abcdef");
    tap_text(row_text(1), "       ab…", "the edge cuts as well");
    begin(true);
    tap_number(put(10, 5, "abc") + put(4000000000u, 5, "abc"), 0, "nothing beyond the edge");
    grid_put(&grid, (struct span){.row = ROWS, .columns = 5}, "abc");
    tap_text(row_text(2), "          ", "nor below the last row");
    tap_number(put(3, 0, "abc"), 0, "nothing in no columns");
}

static void test_sides(void)
{
    const struct span span = {.row = 1, .column = 1, .columns = 6};
    begin(true);
    tap_number(grid_put_right(&grid, span, "12"), 2, "against the right end");
    tap_text(row_text(1), "     12   ", "with blanks before it");
    begin(true);
    tap_number(grid_put_tail(&grid, span, "/src/demo.c"), 6, "the end of a path");
    tap_text(row_text(1), " …emo.c   ", "is kept");
    begin(true);
    grid_put_tail(&grid, span, "demo.c");
    tap_text(row_text(1), " demo.c   ", "whole if it fits");
}

static void test_wide(void)
{
    begin(true);
    tap_number(put(0, 10, "日本"), 4, "wide characters take two columns each");
    tap_text(grid_row(&grid, 1)[0].text, "日", "the first cell holds it");
    tap_text(grid_row(&grid, 1)[1].text, "", "the second nothing");
    tap_text(row_text(1), "日本      ", "and the rest is where it should be");
    begin(true);
    tap_number(put(0, 4, "日本語"), 3, "no half of one when it is cut");
    tap_text(row_text(1), "日…       ", "one and the mark");
    begin(true);
    tap_number(grid_put_tail(&grid, (struct span){.row = 1, .columns = 4}, "日本語"), 3,
               "the same at the beginning");
    begin(true);
    tap_number(put(9, 1, "日"), 1, "one that the edge would halve");
    tap_text(row_text(1), "         …", "is not drawn");
    begin(true);
    tap_number(put(0, 10, "e\xcc\x81x"), 2, "a mark takes no column");
    tap_text(grid_row(&grid, 1)[0].text, "e\xcc\x81", "but goes with its character");
    begin(true);
    tap_number(put(0, 10, "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81"), 1,
               "more marks than a cell holds");
    tap_ok(strlen(grid_row(&grid, 1)[0].text) < CELL_BYTES, "are not all kept");
    tap_number(put(0, 10, "\xcc\x81"), 0, "a mark on nothing");
}

static void test_escapes(void)
{
    begin(true);
    tap_number(put(0, 10, "a\033[2J"), 8, "control characters are escaped");
    tap_text(row_text(1), "a\\x1b[2J  ", "in hexadecimal");
    begin(true);
    put(0, 10, "a\nb\tc");
    tap_text(row_text(1), "a\\nb\\tc   ", "or with their letter");
    begin(true);
    put(0, 10, "\xc2\x9bm");
    tap_text(row_text(1), "\\xc2\\x9bm ", "those beyond ASCII too");
    begin(true);
    put(0, 10, "\xff.");
    tap_text(row_text(1), "\\xff.     ", "and what is not UTF-8");
    begin(true);
    put(0, 10,
        "\xe2\x80\xae"
        "x");
    tap_text(row_text(1), "…         ",
             "and what would turn the direction of writing, whole or not at all");
    begin(false);
    put(0, 10, "\xc3\xa4x");
    tap_text(row_text(1), "\\xc3\\xa4x ", "without UTF-8 everything that is not ASCII");
    begin(false);
    put(0, 4, "abcdef");
    tap_text(row_text(1), "abc~      ", "and the mark of a cut is ASCII");
}

static void test_print(void)
{
    char *text = NULL;
    size_t text_bytes = 0;
    begin(true);
    grid_put(&grid, (struct span){.columns = 5}, "日b");
    put(2, 5, "c");
    FILE *out = open_memstream(&text, &text_bytes);
    grid_print(out, &grid, 2);
    fclose(out);
    tap_text(text, "日b\n  c\n", "printed without blanks at the ends of lines");
    free(text);
    grid_tint(&grid, 1, STYLE_HEADING);
    grid_tint(&grid, ROWS, STYLE_HEADING);
    tap_number(grid_row(&grid, 1)[9].style, STYLE_HEADING, "a row gets a style");
    tap_number(grid_row(&grid, 2)[0].style, STYLE_PLAIN, "the others do not");
    grid_finish(&grid);
    tap_ok(grid_init(&grid, 0, 0, true) && grid.rows == 1 && grid.columns == 1,
           "no grid is smaller than a character");
}

int main(void)
{
    if (!setlocale(LC_CTYPE, "C.UTF-8")) {
        printf("1..0 # SKIP there is no locale C.UTF-8\n");
        return 0;
    }
    test_plain();
    test_sides();
    test_wide();
    test_escapes();
    test_print();
    grid_finish(&grid);
    return tap_end();
}
