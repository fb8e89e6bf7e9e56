/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_lines.h -- The line table of one unit: addresses to lines, and the names of its files.
 *
 * Read from the raw section. libdwarf 20210528 starts each DWARF 5 sequence at file 0 instead of
 * 1, which names the wrong file up to the first DW_LNS_set_file (28 of 10000 addresses of
 * libpython3.11), and it allocates every row. */
#ifndef MEMTRACE_SYMBOLS_DWARF_LINES_H
#define MEMTRACE_SYMBOLS_DWARF_LINES_H

#include "dwarf_names.h"

struct dwarf_line {
    uint32_t file; /* as the table numbers it */
    uint32_t line;
    bool is_known;
};

struct line_file {
    const char *name;
    uint64_t folder;
    uint32_t sent; /* 1 + the number of the string; 0: not sent yet */
};

struct dwarf_lines {
    const struct dwarf_unit *unit;
    struct sent_strings *strings;
    const char *compile_folder; /* where the compiler ran, NULL: unknown */
    struct cursor program;      /* failed: there is none */
    unsigned version;
    unsigned offset_bytes;
    unsigned address_bytes;
    unsigned instruction_bytes; /* the smallest instruction's */
    int line_base;
    unsigned line_range;
    unsigned opcode_base;
    const uint8_t *operand_counts; /* of the standard opcodes, from number 1 on */

    /* Indexed as the table does: from 0 in DWARF 5, from 1 before. */
    const char **folders;
    size_t folder_count;
    size_t folder_capacity;
    struct line_file *files;
    size_t file_count;
    size_t file_capacity;
};

/* Reads the table's head; compile_folder is the unit's DW_AT_comp_dir. */
void dwarf_lines_open(struct dwarf_lines *lines, const struct dwarf_unit *unit, Dwarf_Die unit_die,
                      struct sent_strings *strings);

/* Fills in ret_lines[] for the sorted addresses. Sequences that start below code_start belong to
 * functions which the linker threw away. */
void dwarf_lines_find(struct dwarf_lines *lines, const uint64_t *addresses, size_t count,
                      uint64_t code_start, struct dwarf_line *ret_lines);

/* The number of the string with the file's path, 0 when the table has no such file. */
uint32_t dwarf_lines_file(struct dwarf_lines *lines, uint32_t file);
void dwarf_lines_close(struct dwarf_lines *lines);

#endif
