/* SPDX-License-Identifier: BSD-2-Clause */
/* page_sources.c -- The lines of source that go into the page.
 *
 * Short files go in whole, of long ones the surroundings of what is called there. */
#include "page_sources.h"

#include "source.h"

#include <stdlib.h>
#include <string.h>

enum {
    WHOLE_LINES_MAX = 4000, /* a file with so many goes in whole */
    AROUND_LINES = 30,
    LINE_BYTES_MAX = 1000,
    TOTAL_BYTES_MAX = 16 << 20
};

struct page_line_of {
    const char *file;
    uint32_t line;
};

/* --- what is of interest --- */

static int compare_lines(const void *a, const void *b)
{
    const struct page_line_of *left = a;
    const struct page_line_of *right = b;
    int order = left->file == right->file ? 0 : strcmp(left->file, right->file);
    return order ? order : (left->line > right->line) - (left->line < right->line);
}

/* Many nodes have the same line. */
static void drop_doubles(struct page_sources *sources)
{
    size_t kept = 0;
    if (!sources->count)
        return;
    qsort(sources->lines, sources->count, sizeof *sources->lines, compare_lines);
    for (size_t i = 1; i < sources->count; i++)
        if (compare_lines(&sources->lines[kept], &sources->lines[i]) != 0)
            sources->lines[++kept] = sources->lines[i];
    sources->count = kept + 1;
}

static bool make_room(struct page_sources *sources)
{
    if (sources->count < sources->room)
        return true;
    drop_doubles(sources);
    if (sources->count < sources->room / 2)
        return true;
    size_t wanted = sources->room ? sources->room * 2 : 1024;
    struct page_line_of *lines = realloc(sources->lines, wanted * sizeof *lines);
    if (!lines)
        return false;
    sources->lines = lines;
    sources->room = wanted;
    return true;
}

bool page_sources_add(struct page_sources *sources, const struct call_tree *tree)
{
    for (uint32_t i = 1; i < tree->node_count; i++) {
        const struct frame *frame = call_tree_frame(tree, i);
        if (!frame->file || !frame->line)
            continue;
        if (!make_room(sources))
            return false;
        sources->lines[sources->count++] = (struct page_line_of){frame->file, frame->line};
    }
    return true;
}

/* --- writing --- */

/* Very long lines are not written by people. */
static bool write_line(struct json *json, const char *text, size_t *left_bytes)
{
    size_t size = strnlen(text, LINE_BYTES_MAX);
    char *line = strndup(text, size);
    if (!line)
        return false;
    json_string(json, line);
    free(line);
    *left_bytes -= size < *left_bytes ? size : *left_bytes;
    return true;
}

/* A piece: the number of its first line, then its lines. */
static bool write_piece(struct json *json, const struct source_file *file, uint32_t first,
                        uint32_t last, size_t *left_bytes)
{
    bool is_ok = true;
    json_open_array(json);
    json_unsigned(json, first);
    for (uint32_t line = first; is_ok && line <= last; line++)
        is_ok = write_line(json, file->lines[line - 1], left_bytes);
    json_close_array(json);
    return is_ok;
}

static uint32_t piece_end(const struct source_file *file, uint32_t line)
{
    return line < file->line_count - AROUND_LINES ? line + AROUND_LINES : file->line_count;
}

/* The pieces around lines, which are in order. */
static bool write_pieces(struct json *json, const struct source_file *file,
                         const struct page_line_of *lines, size_t count, size_t *left_bytes)
{
    if (file->line_count <= WHOLE_LINES_MAX)
        return write_piece(json, file, 1, file->line_count, left_bytes);
    for (size_t i = 0; i < count && lines[i].line <= file->line_count;) {
        uint32_t first = lines[i].line > AROUND_LINES ? lines[i].line - AROUND_LINES : 1;
        uint32_t last = piece_end(file, lines[i].line);
        while (++i < count && lines[i].line <= file->line_count &&
               lines[i].line <= last + AROUND_LINES)
            last = piece_end(file, lines[i].line);
        if (!write_piece(json, file, first, last, left_bytes))
            return false;
    }
    return true;
}

static bool write_file(struct json *json, struct sources *sources, const struct page_line_of *lines,
                       size_t count, size_t *left_bytes)
{
    const struct source_file *file = sources_file(sources, lines[0].file);
    if (!file)
        return false;
    if (!file->text || !file->line_count)
        return true;
    json_open_object(json);
    json_member_string(json, "file", lines[0].file);
    json_name(json, "pieces");
    json_open_array(json);
    bool is_ok = write_pieces(json, file, lines, count, left_bytes);
    json_close_array(json);
    json_close_object(json);
    return is_ok;
}

bool page_sources_write(struct json *json, struct page_sources *page)
{
    size_t left_bytes = TOTAL_BYTES_MAX;
    bool is_ok = true;
    drop_doubles(page);
    json_name(json, "sources");
    json_open_array(json);
    for (size_t i = 0, end; is_ok && left_bytes && i < page->count; i = end) {
        struct sources sources = {0}; /* one file at a time */
        for (end = i; end < page->count && page->lines[end].file == page->lines[i].file;)
            end++;
        is_ok = write_file(json, &sources, page->lines + i, end - i, &left_bytes);
        sources_finish(&sources);
    }
    json_close_array(json);
    return is_ok;
}

void page_sources_finish(struct page_sources *sources)
{
    free(sources->lines);
    *sources = (struct page_sources){0};
}
