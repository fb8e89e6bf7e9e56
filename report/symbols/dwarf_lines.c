/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_lines.c -- Reads a unit's line table once and merges it with the sorted addresses.
 *
 * A row holds from its address up to the next row's; of several rows at one address the last
 * counts. is_stmt says where a debugger should stop and does not matter here. */
#include "dwarf_lines.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define FILES_MAX (1u << 20)

struct row {
    uint64_t address;
    uint32_t file;
    uint32_t line;
    bool ends_sequence;
};

static bool read_row(Dwarf_Line line, struct row *row)
{
    Dwarf_Addr address = 0;
    Dwarf_Unsigned number = 0;
    Dwarf_Unsigned file = 0;
    Dwarf_Bool ends = 0;
    Dwarf_Error error = NULL;

    if (dwarf_lineaddr(line, &address, &error) != DW_DLV_OK ||
        dwarf_lineendsequence(line, &ends, &error) != DW_DLV_OK ||
        dwarf_lineno(line, &number, &error) != DW_DLV_OK ||
        dwarf_line_srcfileno(line, &file, &error) != DW_DLV_OK)
        return false;
    *row = (struct row){address, (uint32_t)file, (uint32_t)number, ends != 0};
    return true;
}

void dwarf_lines_open(struct dwarf_lines *lines, Dwarf_Die unit_die, const char *folder,
                      struct sent_strings *strings)
{
    Dwarf_Small table_count = 0;
    Dwarf_Signed first = 0, count = 0, end = 0;
    Dwarf_Error error = NULL;

    memset(lines, 0, sizeof(*lines));
    lines->strings = strings;
    lines->folder = folder;
    if (dwarf_srclines_b(unit_die, &lines->version, &table_count, &lines->context, &error) !=
        DW_DLV_OK) {
        lines->context = NULL;
        return;
    }
    if (dwarf_srclines_files_indexes(lines->context, &first, &count, &end, &error) != DW_DLV_OK ||
        first < 0 || end <= first || end - first > FILES_MAX)
        return;
    lines->file_names = calloc((size_t)(end - first), sizeof(*lines->file_names));
    lines->first_file = (uint32_t)first;
    lines->file_count = lines->file_names ? (uint32_t)(end - first) : 0;
}

void dwarf_lines_close(struct dwarf_lines *lines)
{
    if (lines->context)
        dwarf_srclines_dealloc_b(lines->context);
    free(lines->file_names);
    memset(lines, 0, sizeof(*lines));
}

static size_t first_at_or_behind(const uint64_t *addresses, size_t count, uint64_t address)
{
    size_t low = 0;

    while (low < count) {
        size_t middle = low + (count - low) / 2;

        if (addresses[middle] < address)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

/* The merge of one sequence after the other with the addresses. */
struct merge {
    const uint64_t *addresses;
    size_t count;
    size_t next; /* the first address not below the current row */
    uint64_t code_start;
    struct dwarf_line *lines;
    struct row row; /* the current one */
    bool in_sequence;
    bool skips_sequence;
};

static void merge_row(struct merge *merge, const struct row *row)
{
    if (!merge->in_sequence) {
        merge->skips_sequence = row->address < merge->code_start;
        merge->next = first_at_or_behind(merge->addresses, merge->count, row->address);
    } else if (!merge->skips_sequence) {
        for (; merge->next < merge->count && merge->addresses[merge->next] < row->address;
             merge->next++) {
            struct dwarf_line *line = &merge->lines[merge->next];

            if (!line->is_known)
                *line = (struct dwarf_line){merge->row.file, merge->row.line, true};
        }
    }
    merge->row = *row;
    merge->in_sequence = !row->ends_sequence;
}

void dwarf_lines_find(struct dwarf_lines *lines, const uint64_t *addresses, size_t count,
                      uint64_t code_start, struct dwarf_line *ret_lines)
{
    struct merge merge = {
        .addresses = addresses, .count = count, .code_start = code_start, .lines = ret_lines};
    Dwarf_Line *rows = NULL;
    Dwarf_Signed row_count = 0;
    Dwarf_Error error = NULL;

    if (!lines->context ||
        dwarf_srclines_from_linecontext(lines->context, &rows, &row_count, &error) != DW_DLV_OK)
        return;
    for (Dwarf_Signed i = 0; i < row_count; i++) {
        struct row row;

        if (read_row(rows[i], &row))
            merge_row(&merge, &row);
    }
}

/* Appends "/part" to the path, taking ".", ".." and double slashes out. So that a header has one
 * name, no matter from which folder it was included. */
static void append(char *path, size_t size, const char *part)
{
    size_t used = strlen(path);

    while (*part) {
        size_t length = strcspn(part, "/");

        if (length == 2 && part[0] == '.' && part[1] == '.') {
            char *slash = strrchr(path, '/');

            used = slash ? (size_t)(slash - path) : 0;
        } else if (length > 0 && !(length == 1 && part[0] == '.') && used + length + 2 <= size) {
            path[used] = '/';
            memcpy(path + used + 1, part, length);
            used += length + 1;
        }
        path[used] = 0;
        part += length;
        part += *part == '/';
    }
}

/* The folder in the table that a file belongs to; from DWARF 5 on number 0 is listed as well. */
static const char *folder_of(const struct dwarf_lines *lines, Dwarf_Unsigned index)
{
    const char *folder = NULL;
    Dwarf_Error error = NULL;

    if ((lines->version < 5 && index == 0) || index > FILES_MAX ||
        dwarf_srclines_include_dir_data(lines->context, (Dwarf_Signed)index, &folder, &error) !=
            DW_DLV_OK)
        return NULL;
    return folder;
}

static uint32_t make_file_name(const struct dwarf_lines *lines, uint32_t file)
{
    const char *name = NULL;
    const char *folder;
    Dwarf_Unsigned folder_index = 0;
    Dwarf_Error error = NULL;
    char path[PATH_MAX] = "";

    if (dwarf_srclines_files_data_b(lines->context, file, &name, &folder_index, NULL, NULL, NULL,
                                    &error) != DW_DLV_OK ||
        !name || !*name)
        return 0;
    folder = name[0] == '/' ? NULL : folder_of(lines, folder_index);
    /* Something like <built-in> in no folder stays what it is. */
    if (name[0] != '/' && (!folder || folder[0] != '/') &&
        (!lines->folder || lines->folder[0] != '/')) {
        snprintf(path, sizeof(path), "%s%s%s", folder ? folder : "", folder ? "/" : "", name);
        return send_string(lines->strings, path);
    }
    if (name[0] != '/') {
        if (!folder || folder[0] != '/')
            append(path, sizeof(path), lines->folder);
        append(path, sizeof(path), folder ? folder : "");
    }
    append(path, sizeof(path), name);
    return send_string(lines->strings, path);
}

uint32_t dwarf_lines_file(struct dwarf_lines *lines, uint32_t file)
{
    uint32_t *known;

    if (file < lines->first_file || file - lines->first_file >= lines->file_count)
        return 0;
    known = &lines->file_names[file - lines->first_file];
    if (*known == 0)
        *known = 1 + make_file_name(lines, file);
    return *known - 1;
}
