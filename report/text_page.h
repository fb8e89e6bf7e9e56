/* SPDX-License-Identifier: BSD-2-Clause */
/* text_page.h -- Lines of text to scroll through. */
#ifndef MEMTRACE_TEXT_PAGE_H
#define MEMTRACE_TEXT_PAGE_H

#include "grid.h"

struct page_line {
    char *text;
    char *aside; /* dim, to the right of the text, or NULL */
    enum cell_style style;
};

/* Begins as {0}. */
struct text_page {
    struct page_line *lines;
    uint32_t count;
    uint32_t room;
};

/* Takes both texts, which will be freed; text NULL (out of memory) is an empty line. */
void text_page_add(struct text_page *page, enum cell_style style, char *text, char *aside);
void text_page_format(struct text_page *page, enum cell_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void text_page_finish(struct text_page *page);

/* Draws the lines from first on into the rows of the grid from top to bottom (exclusive). */
void text_page_draw(const struct text_page *page, uint32_t first, struct grid *grid, unsigned top,
                    unsigned bottom);

#endif
