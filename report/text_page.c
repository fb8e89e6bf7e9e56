/* SPDX-License-Identifier: BSD-2-Clause */
/* text_page.c -- Lines of text to scroll through. */
#include "text_page.h"

#include <stdarg.h>
#include <stdlib.h>

void text_page_add(struct text_page *page, enum cell_style style, char *text, char *aside)
{
    if (page->count == page->room) {
        uint32_t wanted = page->room ? page->room * 2 : 64;
        struct page_line *lines = realloc(page->lines, wanted * sizeof *lines);
        if (!lines) {
            free(text);
            free(aside);
            return;
        }
        page->lines = lines;
        page->room = wanted;
    }
    page->lines[page->count++] = (struct page_line){text, aside, style};
}

void text_page_format(struct text_page *page, enum cell_style style, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    text_page_add(page, style, text, NULL);
}

void text_page_finish(struct text_page *page)
{
    for (uint32_t i = 0; i < page->count; i++) {
        free(page->lines[i].text);
        free(page->lines[i].aside);
    }
    free(page->lines);
    *page = (struct text_page){0};
}

/* So that what is beside the lines begins in one column. */
static unsigned aside_column(const struct text_page *page, const struct grid *grid)
{
    unsigned widest = 0;
    for (uint32_t i = 0; i < page->count; i++) {
        const struct page_line *line = &page->lines[i];
        unsigned columns = line->aside && line->text ? grid_columns(grid, line->text) : 0;
        if (columns > widest && columns <= grid->columns / 2)
            widest = columns;
    }
    return widest + 4;
}

void text_page_draw(const struct text_page *page, uint32_t first, struct grid *grid, unsigned top,
                    unsigned bottom)
{
    unsigned column = aside_column(page, grid);
    for (uint32_t i = first; i < page->count && top < bottom; i++, top++) {
        const struct page_line *line = &page->lines[i];
        struct span span = {top, 0, grid->columns, line->style};
        unsigned used = grid_put(grid, span, line->text ? line->text : "");
        span.column = used + 2 > column ? used + 2 : column;
        span.style = STYLE_DIM;
        if (line->aside && span.column < grid->columns)
            grid_put(grid, span, line->aside);
    }
}
