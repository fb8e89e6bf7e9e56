/* SPDX-License-Identifier: BSD-2-Clause */
/* source.c -- Lines of source files, each file read once. */
#include "source.h"

#include "text.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SOURCE_MAX_BYTES = 64 << 20
};

static char *read_text(int fd, size_t size_bytes, size_t *ret_bytes)
{
    char *text = malloc(size_bytes + 1);
    size_t used = 0;
    ssize_t got = 1;
    while (text && used < size_bytes && (got = read(fd, text + used, size_bytes - used)) > 0)
        used += (size_t)got;
    if (text)
        text[used] = 0;
    *ret_bytes = used;
    return text;
}

static void split_lines(struct source_file *file, size_t text_bytes)
{
    size_t count = 1;
    for (size_t i = 0; i < text_bytes; i++)
        count += file->text[i] == '\n';
    file->lines = malloc(count * sizeof *file->lines);
    if (!file->lines)
        return;
    char *line = file->text;
    char *end = file->text + text_bytes;
    while (line < end) {
        char *newline = memchr(line, '\n', (size_t)(end - line));
        file->lines[file->line_count++] = line;
        if (!newline)
            break;
        *newline = 0;
        if (newline > line && newline[-1] == '\r')
            newline[-1] = 0;
        line = newline + 1;
    }
}

static void read_file(struct source_file *file)
{
    struct stat status;
    size_t text_bytes = 0;
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= SOURCE_MAX_BYTES) {
        file->text = read_text(fd, (size_t)status.st_size, &text_bytes);
        file->mtime_ns =
            (uint64_t)status.st_mtim.tv_sec * 1000000000 + (uint64_t)status.st_mtim.tv_nsec;
    }
    close(fd);
    if (file->text)
        split_lines(file, text_bytes);
}

const struct source_file *sources_file(struct sources *sources, const char *path)
{
    struct source_file *file = sources->files;
    while (file && strcmp(file->path, path) != 0)
        file = file->next;
    if (file)
        return file;
    file = calloc(1, sizeof *file);
    if (!file)
        return NULL;
    file->path = path;
    read_file(file);
    file->next = sources->files;
    sources->files = file;
    return file;
}

const char *sources_line(struct sources *sources, const char *path, uint32_t line)
{
    const struct source_file *file = path && line ? sources_file(sources, path) : NULL;
    return file && line <= file->line_count ? file->lines[line - 1] : NULL;
}

void sources_finish(struct sources *sources)
{
    while (sources->files) {
        struct source_file *file = sources->files;
        sources->files = file->next;
        free(file->lines);
        free(file->text);
        free(file);
    }
}

/* --- where a function begins and ends --- */

enum {
    NESTING_MAX = 64
};

enum scan_state {
    SCAN_CODE,
    SCAN_COMMENT,
    SCAN_STRING,
    SCAN_CHARACTER
};

/* An open brace, and the lines between it and the statement before. */
struct brace {
    uint32_t heading_line;
    bool is_named; /* its heading reads "name (" */
};

struct scan {
    const struct source_file *file;
    const char *name;
    enum scan_state state;
    uint32_t line;
    uint32_t heading_line; /* of what comes now; 0: nothing since the last statement */
    bool is_named;
    size_t depth;
    struct brace braces[NESTING_MAX];
    uint32_t wanted_line;
    uint32_t first, last; /* the outermost so far that fits; it closes last */
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Whether the name stands at this place, alone and before a parenthesis. */
static bool is_name_at(const char *name, const char *line, size_t at)
{
    size_t length = strlen(name);
    if (!length || strncmp(line + at, name, length) != 0 || (at && is_word(line[at - 1])))
        return false;
    at += length;
    at += strspn(line + at, " \t");
    return line[at] == '(' || line[at] == '<';
}

static void open_brace(struct scan *scan)
{
    if (scan->depth < NESTING_MAX)
        scan->braces[scan->depth] =
            (struct brace){scan->heading_line ? scan->heading_line : scan->line, scan->is_named};
    scan->depth++;
    scan->heading_line = 0;
    scan->is_named = false;
}

static void close_brace(struct scan *scan)
{
    if (scan->depth)
        scan->depth--;
    if (scan->depth < NESTING_MAX) {
        const struct brace *brace = &scan->braces[scan->depth];
        if (brace->is_named && brace->heading_line <= scan->wanted_line &&
            scan->line >= scan->wanted_line) {
            scan->first = brace->heading_line;
            scan->last = scan->line;
        }
    }
    scan->heading_line = 0;
    scan->is_named = false;
}

static void scan_code(struct scan *scan, const char *line, size_t at)
{
    char c = line[at];
    if (c == '{') {
        open_brace(scan);
    } else if (c == '}') {
        close_brace(scan);
    } else if (c == ';') {
        scan->heading_line = 0;
        scan->is_named = false;
    } else if (c == '"') {
        scan->state = SCAN_STRING;
    } else if (c == '\'' && !(at && is_word(line[at - 1])) && strchr(line + at + 1, '\'')) {
        scan->state = SCAN_CHARACTER; /* not 1'000, not a Rust lifetime */
    } else if (!isspace((unsigned char)c)) {
        if (!scan->heading_line)
            scan->heading_line = scan->line;
        if (is_name_at(scan->name, line, at))
            scan->is_named = true;
    }
}

/* Returns how many characters were looked at. */
static size_t scan_character(struct scan *scan, const char *line, size_t at)
{
    char c = line[at];
    if (scan->state == SCAN_COMMENT) {
        if (c != '*' || line[at + 1] != '/')
            return 1;
        scan->state = SCAN_CODE;
        return 2;
    }
    if (scan->state != SCAN_CODE) {
        if (c == '\\' && line[at + 1])
            return 2;
        if (c == (scan->state == SCAN_STRING ? '"' : '\''))
            scan->state = SCAN_CODE;
        return 1;
    }
    if (c == '/' && line[at + 1] == '/')
        return strlen(line + at);
    if (c == '/' && line[at + 1] == '*') {
        scan->state = SCAN_COMMENT;
        return 2;
    }
    scan_code(scan, line, at);
    return 1;
}

static void scan_line(struct scan *scan, const char *line)
{
    if (scan->state == SCAN_CODE && line[strspn(line, " \t")] == '#')
        return; /* a directive; or an attribute of Rust */
    for (size_t at = 0; line[at];)
        at += scan_character(scan, line, at);
    if (scan->state == SCAN_CHARACTER || scan->state == SCAN_STRING)
        scan->state = SCAN_CODE;
}

bool source_function_lines(const struct source_file *file, const char *name, uint32_t line,
                           uint32_t *ret_first, uint32_t *ret_last)
{
    struct scan scan = {.file = file, .name = name, .wanted_line = line};
    for (uint32_t i = 0; i < file->line_count; i++) {
        scan.line = i + 1;
        scan_line(&scan, file->lines[i]);
    }
    *ret_first = scan.first;
    *ret_last = scan.last;
    return scan.last != 0;
}

void source_span(const struct source_file *file, const char *function, uint32_t *first,
                 uint32_t *last)
{
    char name[512];
    const char *shortened = text_short_function(function, name, sizeof name);
    const char *colon = strrchr(shortened, ':');
    uint32_t found_first, found_last;
    if (!source_function_lines(file, colon ? colon + 1 : shortened, *first, &found_first,
                               &found_last))
        return;
    *first = found_first < *first ? found_first : *first;
    *last = found_last > *last ? found_last : *last;
}

/* --- writing --- */

enum {
    TAB_COLUMNS = 8
};

void source_write(FILE *out, const char *line, size_t columns)
{
    char expanded[4096];
    size_t used = 0;
    for (; *line && used + TAB_COLUMNS + 1 < sizeof expanded; line++) {
        if (*line != '\t') {
            expanded[used++] = *line;
            continue;
        }
        do
            expanded[used++] = ' ';
        while (used % TAB_COLUMNS);
    }
    expanded[used] = 0;
    text_write_cut(out, expanded, columns);
}
