/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_lines.h -- The line table of one unit: addresses to lines, and the names of its files. */
#ifndef MEMTRACE_SYMBOLS_DWARF_LINES_H
#define MEMTRACE_SYMBOLS_DWARF_LINES_H

#include "dwarf_names.h"

struct dwarf_line {
    uint32_t file; /* as the table numbers it */
    uint32_t line;
    bool is_known;
};

struct dwarf_lines {
    Dwarf_Line_Context context; /* NULL: the unit has no line table */
    struct sent_strings *strings;
    const char *folder;   /* where the compiler ran, NULL: unknown */
    uint32_t *file_names; /* 1 + the number of the string; 0: not asked for yet */
    uint32_t first_file;
    uint32_t file_count;
    Dwarf_Unsigned version;
};

void dwarf_lines_open(struct dwarf_lines *lines, Dwarf_Die unit_die, const char *folder,
                      struct sent_strings *strings);

/* Fills in ret_lines[] for the sorted addresses. Sequences that start below code_start belong to
 * functions which the linker threw away. */
void dwarf_lines_find(struct dwarf_lines *lines, const uint64_t *addresses, size_t count,
                      uint64_t code_start, struct dwarf_line *ret_lines);

/* The number of the string with the file's absolute path, 0 when the table has no such file. */
uint32_t dwarf_lines_file(struct dwarf_lines *lines, uint32_t file);
void dwarf_lines_close(struct dwarf_lines *lines);

#endif
