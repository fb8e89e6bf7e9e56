/* SPDX-License-Identifier: BSD-2-Clause */
/* source.h -- Lines of source files, each file read once.
 *
 * Paths come out of debug information: only regular files are opened, and none larger than a limit.
 */
#ifndef MEMTRACE_SOURCE_H
#define MEMTRACE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct source_file {
    const char *path;
    char *text;   /* NULL: not at hand */
    char **lines; /* [0] is line 1, without its end */
    uint32_t line_count;
    uint64_t mtime_ns;
    struct source_file *next;
};

struct sources {
    struct source_file *files;
};

void sources_finish(struct sources *sources);

/* path must stay valid until sources_finish. Never NULL unless out of memory. */
const struct source_file *sources_file(struct sources *sources, const char *path);
/* One line, or NULL. */
const char *sources_line(struct sources *sources, const char *path, uint32_t line);

/* The lines of the body that surrounds line and belongs to a function of that name, heading
 * included. A guess from braces, for languages that have them; false if there is no telling. */
bool source_function_lines(const struct source_file *file, const char *name, uint32_t line,
                           uint32_t *ret_first, uint32_t *ret_last);

/* Widens the span from first to last, lines of a function of that name, to all of it, from its
 * heading to its closing brace, if there is telling. */
void source_span(const struct source_file *file, const char *function, uint32_t *first,
                 uint32_t *last);

/* A line with its tabs expanded, escaped, cut to so many columns. */
void source_write(FILE *out, const char *line, size_t columns);

#endif
