/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_lines.c -- Decodes a unit's line table once and merges it with the sorted addresses.
 *
 * A row holds from its address up to the next row's; of several rows at one address the last
 * counts. is_stmt says where a debugger should stop and does not matter here. */
#include "dwarf_lines.h"

#include <limits.h>
#include <stdlib.h>

/* Reads the value of a form in the tables of folders and files: a text, or a number. */
struct line_value {
    const char *text;
    uint64_t number;
};

static const char *text_here(struct cursor *cursor)
{
    const char *text = (const char *)cursor->next;
    const uint8_t *end = NULL;

    if (!cursor->failed && cursor_left(cursor) > 0)
        end = memchr(cursor->next, 0, cursor_left(cursor));
    if (!end) {
        cursor->failed = true;
        return "";
    }
    cursor->next = end + 1;
    return text;
}

static void skip(struct cursor *cursor, uint64_t size)
{
    if (size > cursor_left(cursor))
        cursor->failed = true;
    else
        cursor->next += size;
}

static const char *text_at(const struct dwarf_object *object, enum dwarf_section section,
                           uint64_t offset)
{
    return object ? bytes_string(object->sections[section], offset) : NULL;
}

static struct line_value read_value(const struct dwarf_lines *lines, struct cursor *cursor,
                                    uint64_t form)
{
    const struct dwarf_object *object = lines->unit->object;
    struct line_value value = {NULL, 0};

    switch (form) {
    case DW_FORM_string:
        value.text = text_here(cursor);
        break;
    case DW_FORM_line_strp:
        value.text = text_at(object, DWARF_LINE_STR, cursor_number(cursor, lines->offset_bytes));
        break;
    case DW_FORM_strp:
        value.text = text_at(object, DWARF_STR, cursor_number(cursor, lines->offset_bytes));
        break;
    case DW_FORM_strp_sup:
    case DW_FORM_GNU_strp_alt:
        value.text =
            text_at(object->supplement, DWARF_STR, cursor_number(cursor, lines->offset_bytes));
        break;
    case DW_FORM_udata:
        value.number = cursor_leb128(cursor);
        break;
    case DW_FORM_data1:
        value.number = cursor_number(cursor, 1);
        break;
    case DW_FORM_data2:
        value.number = cursor_number(cursor, 2);
        break;
    case DW_FORM_data4:
        value.number = cursor_number(cursor, 4);
        break;
    case DW_FORM_data8:
        value.number = cursor_number(cursor, 8);
        break;
    case DW_FORM_data16:
        skip(cursor, 16);
        break;
    case DW_FORM_block:
        skip(cursor, cursor_leb128(cursor));
        break;
    default:
        cursor->failed = true;
    }
    return value;
}

static void add_folder(struct dwarf_lines *lines, const char *name)
{
    if (lines->folder_count == lines->folder_capacity) {
        size_t capacity = lines->folder_capacity ? lines->folder_capacity * 2 : 32;
        const char **larger = realloc(lines->folders, capacity * sizeof(*larger));

        if (!larger)
            return;
        lines->folders = larger;
        lines->folder_capacity = capacity;
    }
    lines->folders[lines->folder_count++] = name;
}

static void add_file(struct dwarf_lines *lines, const char *name, uint64_t folder)
{
    if (lines->file_count == lines->file_capacity) {
        size_t capacity = lines->file_capacity ? lines->file_capacity * 2 : 64;
        struct line_file *larger = realloc(lines->files, capacity * sizeof(*larger));

        if (!larger)
            return;
        lines->files = larger;
        lines->file_capacity = capacity;
    }
    lines->files[lines->file_count++] = (struct line_file){.name = name, .folder = folder};
}

/* Up to DWARF 4 folder 0 is where the compiler ran and there is no file 0. */
static void read_old_tables(struct dwarf_lines *lines, struct cursor *cursor)
{
    const char *name;

    add_folder(lines, NULL);
    while (*(name = text_here(cursor)) && !cursor->failed)
        add_folder(lines, name);
    add_file(lines, NULL, 0);
    while (*(name = text_here(cursor)) && !cursor->failed) {
        add_file(lines, name, cursor_leb128(cursor));
        cursor_leb128(cursor); /* modification time */
        cursor_leb128(cursor); /* size */
    }
}

/* One of the two tables of DWARF 5: a description of the columns, then the entries. */
static void read_new_table(struct dwarf_lines *lines, struct cursor *cursor, bool is_files)
{
    unsigned column_count = (unsigned)cursor_number(cursor, 1);
    uint64_t kinds[256], forms[256];
    uint64_t count;

    for (unsigned i = 0; i < column_count; i++) {
        kinds[i] = cursor_leb128(cursor);
        forms[i] = cursor_leb128(cursor);
    }
    count = column_count ? cursor_leb128(cursor) : 0;
    for (uint64_t entry = 0; entry < count && !cursor->failed; entry++) {
        const char *name = NULL;
        uint64_t folder = 0;

        for (unsigned i = 0; i < column_count; i++) {
            struct line_value value = read_value(lines, cursor, forms[i]);

            if (kinds[i] == DW_LNCT_path)
                name = value.text;
            else if (kinds[i] == DW_LNCT_directory_index)
                folder = value.number;
        }
        if (is_files)
            add_file(lines, name, folder);
        else
            add_folder(lines, name);
    }
}

/* Reads what stands before the tables of names; returns where the program starts. */
static const uint8_t *read_head(struct dwarf_lines *lines, struct cursor *cursor)
{
    uint64_t length = cursor_number(cursor, 4);
    uint64_t head_bytes;
    const uint8_t *program;

    lines->offset_bytes = length == 0xffffffff ? 8 : 4;
    if (lines->offset_bytes == 8)
        length = cursor_number(cursor, 8);
    if (cursor->failed || length > cursor_left(cursor))
        cursor->failed = true;
    else
        cursor->end = cursor->next + length;
    lines->version = (unsigned)cursor_number(cursor, 2);
    if (lines->version >= 5) {
        lines->address_bytes = (unsigned)cursor_number(cursor, 1);
        cursor_number(cursor, 1); /* size of a segment selector */
    }
    head_bytes = cursor_number(cursor, lines->offset_bytes);
    if (cursor->failed || head_bytes > cursor_left(cursor))
        cursor->failed = true;
    program = cursor->failed ? cursor->end : cursor->next + head_bytes;
    lines->instruction_bytes = (unsigned)cursor_number(cursor, 1);
    if (lines->version >= 4)
        cursor_number(cursor, 1); /* operations per instruction: 1 on our machines */
    cursor_number(cursor, 1);     /* default of is_stmt */
    lines->line_base = (int8_t)cursor_number(cursor, 1);
    lines->line_range = (unsigned)cursor_number(cursor, 1);
    lines->opcode_base = (unsigned)cursor_number(cursor, 1);
    lines->operand_counts = cursor->next;
    skip(cursor, lines->opcode_base ? lines->opcode_base - 1 : 0);
    return program;
}

void dwarf_lines_open(struct dwarf_lines *lines, const struct dwarf_unit *unit, Dwarf_Die unit_die,
                      struct sent_strings *strings)
{
    struct cursor cursor;
    const uint8_t *program;
    uint64_t offset = 0;

    *lines = (struct dwarf_lines){.unit = unit,
                                  .strings = strings,
                                  .address_bytes = unit->ranges.address_bytes,
                                  .program = {.failed = true}};
    lines->compile_folder = die_string(unit, unit_die, DW_AT_comp_dir);
    if (!die_section_offset(unit_die, DW_AT_stmt_list, &offset))
        return;
    cursor = cursor_at(unit->object->sections[DWARF_LINE], offset);
    program = read_head(lines, &cursor);
    if (cursor.failed || lines->version < 2 || lines->version > 5 || lines->line_range == 0 ||
        lines->opcode_base == 0)
        return;
    lines->program = (struct cursor){program, cursor.end, false};
    if (lines->version < 5) {
        read_old_tables(lines, &cursor);
    } else {
        read_new_table(lines, &cursor, false);
        read_new_table(lines, &cursor, true);
    }
}

void dwarf_lines_close(struct dwarf_lines *lines)
{
    free(lines->folders);
    free(lines->files);
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

struct row {
    uint64_t address;
    uint64_t file;
    uint64_t line;
};

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

static void merge_row(struct merge *merge, const struct row *row, bool ends_sequence)
{
    if (!merge->in_sequence) {
        merge->skips_sequence = row->address < merge->code_start;
        merge->next = first_at_or_behind(merge->addresses, merge->count, row->address);
    } else if (!merge->skips_sequence) {
        for (; merge->next < merge->count && merge->addresses[merge->next] < row->address;
             merge->next++) {
            struct dwarf_line *line = &merge->lines[merge->next];

            if (!line->is_known)
                *line =
                    (struct dwarf_line){(uint32_t)merge->row.file, (uint32_t)merge->row.line, true};
        }
    }
    merge->row = *row;
    merge->in_sequence = !ends_sequence;
}

/* Returns true at the end of a sequence. */
static bool run_extended(struct dwarf_lines *lines, struct cursor *cursor, struct row *row,
                         struct merge *merge)
{
    uint64_t length = cursor_leb128(cursor);
    const uint8_t *end;
    unsigned opcode;

    if (cursor->failed || length == 0 || length > cursor_left(cursor)) {
        cursor->failed = true;
        return false;
    }
    end = cursor->next + length;
    opcode = (unsigned)cursor_number(cursor, 1);
    if (opcode == DW_LNE_end_sequence)
        merge_row(merge, row, true);
    else if (opcode == DW_LNE_set_address && length - 1 <= 8)
        row->address = cursor_number(cursor, (size_t)length - 1);
    else if (opcode == DW_LNE_define_file && lines->version < 5) {
        const char *name = text_here(cursor);

        add_file(lines, name, cursor_leb128(cursor));
    }
    if (!cursor->failed)
        cursor->next = end;
    return opcode == DW_LNE_end_sequence;
}

static void run_standard(const struct dwarf_lines *lines, struct cursor *cursor, unsigned opcode,
                         struct row *row, struct merge *merge)
{
    switch (opcode) {
    case DW_LNS_copy:
        merge_row(merge, row, false);
        break;
    case DW_LNS_advance_pc:
        row->address += cursor_leb128(cursor) * lines->instruction_bytes;
        break;
    case DW_LNS_advance_line:
        row->line = (uint32_t)(row->line + cursor_signed_leb128(cursor));
        break;
    case DW_LNS_set_file:
        row->file = cursor_leb128(cursor);
        break;
    case DW_LNS_const_add_pc:
        row->address +=
            (uint64_t)((255 - lines->opcode_base) / lines->line_range) * lines->instruction_bytes;
        break;
    case DW_LNS_fixed_advance_pc:
        row->address += cursor_number(cursor, 2);
        break;
    default:
        for (unsigned i = 0; i < lines->operand_counts[opcode - 1]; i++)
            cursor_leb128(cursor);
    }
}

static void run_special(const struct dwarf_lines *lines, unsigned opcode, struct row *row,
                        struct merge *merge)
{
    unsigned adjusted = opcode - lines->opcode_base;

    row->address += (uint64_t)(adjusted / lines->line_range) * lines->instruction_bytes;
    row->line =
        (uint32_t)((int64_t)row->line + lines->line_base + (int)(adjusted % lines->line_range));
    merge_row(merge, row, false);
}

void dwarf_lines_find(struct dwarf_lines *lines, const uint64_t *addresses, size_t count,
                      uint64_t code_start, struct dwarf_line *ret_lines)
{
    static const struct row first = {.file = 1, .line = 1};
    struct merge merge = {
        .addresses = addresses, .count = count, .code_start = code_start, .lines = ret_lines};
    struct cursor cursor = lines->program;
    struct row row = first;

    while (!cursor.failed && cursor_left(&cursor) > 0) {
        unsigned opcode = *cursor.next++;

        if (opcode >= lines->opcode_base)
            run_special(lines, opcode, &row, &merge);
        else if (opcode > 0)
            run_standard(lines, &cursor, opcode, &row, &merge);
        else if (run_extended(lines, &cursor, &row, &merge))
            row = first;
    }
}

/* Appends part to the path and takes ".", ".." and double slashes out, so that a header has one
 * name no matter from which folder it was included. */
static void append(char *path, size_t size, const char *part)
{
    size_t used = strlen(path);

    if (used == 0 && part[0] == '/')
        path[used++] = '/';
    path[used] = 0;
    while (*part) {
        size_t length = strcspn(part, "/");
        char *slash = strrchr(path, '/');
        const char *last = slash ? slash + 1 : path;
        bool is_up = length == 2 && part[0] == '.' && part[1] == '.';

        if (is_up && used > 0 && strcmp(last, "..") != 0)
            used = !slash ? 0 : slash == path ? 1 : (size_t)(slash - path);
        else if (length > 0 && !(length == 1 && part[0] == '.') && used + length + 2 <= size) {
            if (used > 0 && path[used - 1] != '/')
                path[used++] = '/';
            memcpy(path + used, part, length);
            used += length;
        }
        path[used] = 0;
        part += length;
        part += *part == '/';
    }
}

static uint32_t send_file(const struct dwarf_lines *lines, const struct line_file *file)
{
    const char *folder = file->folder < lines->folder_count ? lines->folders[file->folder] : NULL;
    char path[PATH_MAX] = "";

    if (!file->name || !*file->name)
        return 0;
    if (file->name[0] != '/') {
        if ((!folder || folder[0] != '/') && lines->compile_folder)
            append(path, sizeof(path), lines->compile_folder);
        append(path, sizeof(path), folder ? folder : "");
    }
    append(path, sizeof(path), file->name);
    return send_string(lines->strings, path);
}

uint32_t dwarf_lines_file(struct dwarf_lines *lines, uint32_t file)
{
    struct line_file *known;

    if (file >= lines->file_count)
        return 0;
    known = &lines->files[file];
    if (known->sent == 0)
        known->sent = 1 + send_file(lines, known);
    return known->sent - 1;
}
