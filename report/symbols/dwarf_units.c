/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_units.c -- Goes through the compilation units and reads those that contain an address.
 *
 * A unit's own DIE says which code it covers. Where it does not, .debug_aranges is asked; and a
 * unit of which nothing is known is read only for addresses that nobody else claimed. */
#include "dwarf_units.h"

#include <stdlib.h>

#include "dwarf_functions.h"
#include "dwarf_lines.h"
#include "dwarf_split.h"

struct reader {
    struct debuginfo *info;
    struct dwarf_object object;
    struct dwarf_object supplement;
    struct dwarf_names names;
    struct sent_strings strings;
    struct answer_writer *writer;
    const uint64_t *addresses;
    size_t count;
    bool *is_answered;
    bool is_damaged;
    bool is_split_missing;
    uint32_t object_number; /* the last one given to an object */

    /* The addresses of the unit being read: indexes and values, sorted. */
    uint32_t *asked;
    uint64_t *asked_addresses;
    size_t asked_count;
    uint32_t *asked_for; /* of each address: the last unit it was asked for */
    uint32_t unit_number;

    /* Units without ranges, by the offset of their DIE. */
    uint64_t *unknown;
    size_t unknown_count;
    size_t unknown_capacity;
};

/* Collects unanswered addresses of a range for the current unit. */
static bool ask_range(void *argument, uint64_t low, uint64_t high)
{
    struct reader *reader = argument;
    size_t first = 0;
    size_t end = reader->count;

    if (low < reader->info->dwarf->code_start)
        return true; /* code that the linker threw away */
    while (first < end) {
        size_t middle = first + (end - first) / 2;

        if (reader->addresses[middle] < low)
            first = middle + 1;
        else
            end = middle;
    }
    for (size_t i = first; i < reader->count && reader->addresses[i] < high; i++) {
        if (reader->is_answered[i] || reader->asked_for[i] == reader->unit_number)
            continue;
        reader->asked_for[i] = reader->unit_number;
        reader->asked[reader->asked_count++] = (uint32_t)i;
    }
    return true;
}

static void begin_unit(struct reader *reader)
{
    reader->asked_count = 0;
    reader->unit_number++;
}

static int by_number(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;

    return left < right ? -1 : left > right;
}

/* Ranges may come in any order. */
static void sort_asked(struct reader *reader)
{
    qsort(reader->asked, reader->asked_count, sizeof(*reader->asked), by_number);
    for (size_t i = 0; i < reader->asked_count; i++)
        reader->asked_addresses[i] = reader->addresses[reader->asked[i]];
}

/* What one unit says of the asked addresses. */
struct answers {
    struct dwarf_functions functions;
    struct dwarf_lines lines;
    struct dwarf_line *found;
};

static void write_frames(struct reader *reader, struct answers *answers, size_t i)
{
    const struct dwarf_function *chain[ANSWER_FRAMES_MAX];
    struct answer_frame frames[ANSWER_FRAMES_MAX];
    const struct dwarf_line *line = &answers->found[i];
    size_t count = dwarf_functions_chain(&answers->functions, i, chain, ANSWER_FRAMES_MAX);

    if (count == 0 && !line->is_known)
        return;
    frames[0] = (struct answer_frame){0};
    if (line->is_known) {
        frames[0].file = dwarf_lines_file(&answers->lines, line->file);
        frames[0].line = line->line;
    }
    for (size_t depth = 0; depth < count; depth++) {
        frames[depth].function = chain[depth]->name;
        frames[depth].function_line = chain[depth]->line;
        frames[depth].is_plain =
            chain[depth]->has_plain_name && answers->functions.unit->has_mangled;
        if (depth + 1 < count)
            frames[depth + 1] = (struct answer_frame){
                .file = dwarf_lines_file(&answers->lines, chain[depth]->call_file),
                .line = chain[depth]->call_line};
    }
    answer_frames(reader->writer, reader->asked[i], frames, count ? count : 1);
    reader->is_answered[reader->asked[i]] = true;
}

/* Reads the unit's functions and lines for the asked addresses and writes their frames. */
static void read_unit(struct reader *reader, const struct dwarf_unit *unit, Dwarf_Die die)
{
    struct answers answers = {0};
    struct split_unit split;
    enum split_result split_result;
    size_t count = reader->asked_count;

    answers.functions = (struct dwarf_functions){.unit = unit,
                                                 .names = &reader->names,
                                                 .addresses = reader->asked_addresses,
                                                 .address_count = count,
                                                 .innermost = malloc(count * sizeof(uint32_t))};
    answers.found = calloc(count, sizeof(*answers.found));
    if (answers.functions.innermost && answers.found) {
        memset(answers.functions.innermost, 0xff, count * sizeof(uint32_t));
        dwarf_lines_open(&answers.lines, unit, die, &reader->strings);
        dwarf_lines_find(&answers.lines, reader->asked_addresses, count,
                         reader->info->dwarf->code_start, answers.found);
        split_result = split_unit_open(&split, reader->info, unit, die, ++reader->object_number);
        reader->is_split_missing |= split_result == SPLIT_MISSING;
        if (split_result == SPLIT_FOUND)
            answers.functions.unit = &split.unit;
        dwarf_functions_find(&answers.functions, split_result == SPLIT_FOUND ? split.die : die);
        for (size_t i = 0; i < count; i++)
            write_frames(reader, &answers, i);
        answer_flush(reader->writer);
        if (split_result == SPLIT_FOUND)
            split_unit_close(&split);
        dwarf_lines_close(&answers.lines);
        dwarf_functions_finish(&answers.functions);
    }
    free(answers.functions.innermost);
    free(answers.found);
}

static void remember_unknown(struct reader *reader, Dwarf_Die die)
{
    Dwarf_Off offset = 0;
    Dwarf_Error error = NULL;

    if (reader->unknown_count == reader->unknown_capacity) {
        size_t capacity = reader->unknown_capacity ? reader->unknown_capacity * 2 : 64;
        uint64_t *larger = realloc(reader->unknown, capacity * sizeof(*larger));

        if (!larger)
            return;
        reader->unknown = larger;
        reader->unknown_capacity = capacity;
    }
    if (dwarf_dieoffset(die, &offset, &error) == DW_DLV_OK)
        reader->unknown[reader->unknown_count++] = offset;
}

static bool is_compile_unit(Dwarf_Die die)
{
    Dwarf_Half tag = 0;
    Dwarf_Error error = NULL;

    return dwarf_tag(die, &tag, &error) == DW_DLV_OK &&
           (tag == DW_TAG_compile_unit || tag == DW_TAG_skeleton_unit);
}

static bool ask_aranges(struct reader *reader, Dwarf_Die die)
{
    Dwarf_Off unit = 0, length = 0;
    Dwarf_Error error = NULL;

    return dwarf_die_CU_offset_range(die, &unit, &length, &error) == DW_DLV_OK &&
           aranges_visit(reader->object.sections[DWARF_ARANGES], unit, ask_range, reader);
}

static void consider_unit(struct reader *reader, Dwarf_Die die)
{
    struct dwarf_unit unit;

    if (!is_compile_unit(die))
        return;
    dwarf_unit_describe(&unit, &reader->object, die);
    begin_unit(reader);
    if (!die_ranges(&unit, die, ask_range, reader) && !ask_aranges(reader, die)) {
        remember_unknown(reader, die);
        return;
    }
    if (reader->asked_count > 0) {
        sort_asked(reader);
        read_unit(reader, &unit, die);
    }
}

static void read_units(struct reader *reader)
{
    Dwarf_Debug debug = reader->object.debug;
    Dwarf_Error error = NULL;

    for (;;) {
        Dwarf_Unsigned length, abbrev_offset, type_offset, next;
        Dwarf_Half version, address_bytes, offset_bytes, extension_bytes, type;
        Dwarf_Sig8 signature;
        Dwarf_Die die;
        int result = dwarf_next_cu_header_d(debug, 1, &length, &version, &abbrev_offset,
                                            &address_bytes, &offset_bytes, &extension_bytes,
                                            &signature, &type_offset, &next, &type, &error);

        if (result != DW_DLV_OK) {
            reader->is_damaged |= result == DW_DLV_ERROR;
            return;
        }
        if (dwarf_siblingof_b(debug, NULL, 1, &die, &error) != DW_DLV_OK) {
            reader->is_damaged = true;
            continue;
        }
        consider_unit(reader, die);
        dwarf_dealloc_die(die);
    }
}

/* Asks for everything of which nobody knows anything. */
static void read_unknown_unit(struct reader *reader, uint64_t offset)
{
    struct dwarf_unit unit;
    Dwarf_Die die;
    Dwarf_Error error = NULL;

    begin_unit(reader);
    ask_range(reader, reader->info->dwarf->code_start, UINT64_MAX);
    if (reader->asked_count == 0 ||
        dwarf_offdie_b(reader->object.debug, offset, 1, &die, &error) != DW_DLV_OK)
        return;
    sort_asked(reader);
    dwarf_unit_describe(&unit, &reader->object, die);
    read_unit(reader, &unit, die);
    dwarf_dealloc_die(die);
}

static bool open_objects(struct reader *reader)
{
    struct debuginfo *info = reader->info;
    struct elf_file *file = info->dwarf == &info->debug ? &info->debug : &info->module;

    if (!elf_map(file))
        return false;
    dwarf_object_fill(&reader->object, file, "");
    if (!dwarf_object_open(&reader->object))
        return false;
    if (info->supplement.path && elf_map(&info->supplement)) {
        reader->supplement.number = ++reader->object_number;
        dwarf_object_fill(&reader->supplement, &info->supplement, "");
        if (dwarf_object_open(&reader->supplement))
            reader->object.supplement = &reader->supplement;
    }
    return true;
}

static void answer_all(struct reader *reader)
{
    if (open_objects(reader)) {
        read_units(reader);
        for (size_t i = 0; i < reader->unknown_count; i++)
            read_unknown_unit(reader, reader->unknown[i]);
    } else {
        reader->is_damaged = true;
    }
    if (reader->is_damaged)
        answer_note(reader->writer, NOTE_DAMAGED);
    if (reader->info->supplement_is_missing)
        answer_note(reader->writer, NOTE_SUPPLEMENT_MISSING);
    if (reader->is_split_missing)
        answer_note(reader->writer, NOTE_SPLIT_MISSING);
    answer_note(reader->writer, NOTE_COMPLETE);
    answer_flush(reader->writer);
}

void dwarf_answer(struct debuginfo *info, const uint64_t *addresses, size_t count,
                  struct answer_writer *writer)
{
    struct reader reader = {.info = info, .addresses = addresses, .count = count, .writer = writer};

    reader.is_answered = calloc(count, sizeof(*reader.is_answered));
    reader.asked = calloc(count, sizeof(*reader.asked));
    reader.asked_addresses = calloc(count, sizeof(*reader.asked_addresses));
    reader.asked_for = calloc(count, sizeof(*reader.asked_for));
    reader.strings.writer = writer;
    reader.names.strings = &reader.strings;
    if (reader.is_answered && reader.asked && reader.asked_addresses && reader.asked_for)
        answer_all(&reader);
    free(reader.is_answered);
    free(reader.asked);
    free(reader.asked_addresses);
    free(reader.asked_for);
    free(reader.unknown);
    dwarf_names_finish(&reader.names);
    string_pool_finish(&reader.strings.pool);
}
