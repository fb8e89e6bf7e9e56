/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_split.c -- Finds and opens split DWARF, and checks that both halves have the same id.
 *
 * The DIEs and their strings are in the .dwo; addresses, line tables and (up to DWARF 4) range
 * lists stayed in the linked file. A .dwp package holds the sections of many .dwo files, with an
 * index that tells where each one's lie. */
#include "dwarf_split.h"

#include <limits.h>
#include <stdio.h>

/* Where the tables begin in sections of a .dwo: behind their own heads (32-bit DWARF 5). */
#define STR_OFFSETS_HEAD_BYTES 8
#define RNGLISTS_HEAD_BYTES 12

struct dwo_id {
    uint64_t value;
    bool is_known;
};

/* DWARF 5 has the id in the unit's head, GNU's DWARF 4 in an attribute. */
static struct dwo_id id_of(Dwarf_Die die)
{
    struct dwo_id id = {0, false};
    Dwarf_Half version, offset_bytes, address_bytes, extension_bytes;
    Dwarf_Bool is_info, is_dwo;
    Dwarf_Sig8 *signature = NULL;
    Dwarf_Off start;
    Dwarf_Unsigned length;
    Dwarf_Error error = NULL;

    if (die_unsigned(die, DW_AT_GNU_dwo_id, &id.value)) {
        id.is_known = true;
    } else if (dwarf_cu_header_basics(die, &version, &is_info, &is_dwo, &offset_bytes,
                                      &address_bytes, &extension_bytes, &signature, &start, &length,
                                      &error) == DW_DLV_OK &&
               signature) {
        memcpy(&id.value, signature, sizeof(id.value));
        id.is_known = true;
    }
    return id;
}

/* Looks for the unit with this id among those of the open object. */
static bool find_unit(struct split_unit *split, struct dwo_id wanted)
{
    Dwarf_Error error = NULL;

    for (;;) {
        Dwarf_Unsigned length, abbrev_offset, type_offset, next;
        Dwarf_Half version, address_bytes, offset_bytes, extension_bytes, type;
        Dwarf_Sig8 signature;
        struct dwo_id id;

        if (dwarf_next_cu_header_d(split->object.debug, 1, &length, &version, &abbrev_offset,
                                   &address_bytes, &offset_bytes, &extension_bytes, &signature,
                                   &type_offset, &next, &type, &error) != DW_DLV_OK)
            return false;
        if (dwarf_siblingof_b(split->object.debug, NULL, 1, &split->die, &error) != DW_DLV_OK)
            continue;
        id = id_of(split->die);
        if (id.is_known && id.value == wanted.value)
            return true;
        dwarf_dealloc_die(split->die);
        split->die = NULL;
    }
}

static void describe_split_unit(struct split_unit *split, const struct dwarf_unit *skeleton,
                                Dwarf_Die skeleton_die)
{
    struct range_context *ranges = &split->unit.ranges;
    uint64_t base = 0;

    split->unit = *skeleton;
    split->unit.object = &split->object;
    split->unit.is_split = true;
    split->unit.has_mangled = die_has_mangling_language(split->die);
    ranges->rnglists = split->object.sections[DWARF_RNGLISTS];
    ranges->rnglists_base = RNGLISTS_HEAD_BYTES;
    if (die_section_offset(skeleton_die, DW_AT_GNU_ranges_base, &base))
        ranges->ranges_base = base;
    split->unit.str_offsets_base = ranges->version >= 5 ? STR_OFFSETS_HEAD_BYTES : 0;
}

/* The sections are in place: opens them and finds the unit. */
static bool open_sections(struct split_unit *split, struct dwo_id id)
{
    if (!dwarf_object_open(&split->object))
        return false;
    if (find_unit(split, id))
        return true;
    dwarf_object_close(&split->object);
    return false;
}

static bool open_dwo(struct split_unit *split, const char *path, struct dwo_id id)
{
    if (!elf_open(&split->file, split->root, path))
        return false;
    if (elf_map(&split->file)) {
        dwarf_object_fill(&split->object, &split->file, ".dwo");
        if (open_sections(split, id))
            return true;
    }
    elf_close(&split->file);
    return false;
}

/* The column of the package's index that tells where a section's contributions lie. */
static enum dwarf_section section_of_column(uint32_t kind, unsigned version)
{
    switch (kind) {
    case 1:
        return DWARF_INFO;
    case 3:
        return DWARF_ABBREV;
    case 6:
        return DWARF_STR_OFFSETS;
    case 8:
        return version >= 5 ? DWARF_RNGLISTS : DWARF_SECTION_COUNT;
    default:
        return DWARF_SECTION_COUNT;
    }
}

struct package_index {
    struct bytes bytes;
    unsigned version;
    uint64_t columns;
    uint64_t units;
    uint64_t slots;
};

static bool read_package_head(struct package_index *index)
{
    struct cursor cursor = cursor_at(index->bytes, 0);

    index->version = (unsigned)cursor_number(&cursor, 4) & 0xffff;
    index->columns = cursor_number(&cursor, 4);
    index->units = cursor_number(&cursor, 4);
    index->slots = cursor_number(&cursor, 4);
    return !cursor.failed && (index->version == 2 || index->version == 5) && index->columns < 64 &&
           index->slots <= index->bytes.size / 12 && index->units <= index->slots;
}

/* The row of the unit with this id, counted from 1; 0: not in the package. */
static uint64_t find_row(const struct package_index *index, uint64_t id)
{
    struct cursor ids = cursor_at(index->bytes, 16);
    struct cursor rows = cursor_at(index->bytes, 16 + index->slots * 8);

    for (uint64_t slot = 0; slot < index->slots; slot++) {
        uint64_t slot_id = cursor_number(&ids, 8);
        uint64_t row = cursor_number(&rows, 4);

        if (row && slot_id == id && row <= index->units)
            return row;
    }
    return 0;
}

/* Narrows the object's sections to what the given row of the index says. */
static bool narrow_sections(struct dwarf_object *object, const struct package_index *index,
                            uint64_t row)
{
    uint64_t table = 16 + index->slots * 12;
    struct cursor kinds = cursor_at(index->bytes, table);
    struct cursor offsets = cursor_at(index->bytes, table + row * index->columns * 4);
    struct cursor sizes =
        cursor_at(index->bytes, table + (index->units + row) * index->columns * 4);

    for (uint64_t i = 0; i < index->columns; i++) {
        enum dwarf_section section =
            section_of_column((uint32_t)cursor_number(&kinds, 4), index->version);
        uint64_t offset = cursor_number(&offsets, 4);
        uint64_t size = cursor_number(&sizes, 4);

        if (section != DWARF_SECTION_COUNT)
            object->sections[section] = bytes_at(object->sections[section], offset, size);
    }
    return !kinds.failed && !offsets.failed && !sizes.failed;
}

static bool open_from_package(struct split_unit *split, const char *path, struct dwo_id id)
{
    struct package_index index = {0};
    uint64_t row;

    if (!elf_open(&split->file, split->root, path))
        return false;
    if (elf_map(&split->file)) {
        const struct elf_section *section = elf_find_section(&split->file, ".debug_cu_index");

        if (section)
            index.bytes = elf_section_bytes(&split->file, section);
        dwarf_object_fill(&split->object, &split->file, ".dwo");
        row = read_package_head(&index) ? find_row(&index, id.value) : 0;
        if (row && narrow_sections(&split->object, &index, row) && open_sections(split, id))
            return true;
    }
    elf_close(&split->file);
    return false;
}

static int folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? (int)(slash - path) : 0;
}

/* Where compilers put .dwo files, or where people move them: beside the program. */
static bool find_dwo(struct split_unit *split, const struct debuginfo *info, const char *name,
                     const char *compile_folder, struct dwo_id id)
{
    const char *program = info->module.path ? info->module.path : info->dwarf->path;
    const char *slash = strrchr(name, '/');
    char path[PATH_MAX];

    split->root = info->module.path ? info->module.root : info->dwarf->root;
    if (name[0] == '/') {
        if (open_dwo(split, name, id))
            return true;
    } else if (compile_folder) {
        snprintf(path, sizeof(path), "%s/%s", compile_folder, name);
        if (open_dwo(split, path, id))
            return true;
    }
    snprintf(path, sizeof(path), "%.*s/%s", folder_length(program), program, name);
    if (open_dwo(split, path, id))
        return true;
    snprintf(path, sizeof(path), "%.*s/%s", folder_length(program), program,
             slash ? slash + 1 : name);
    if (open_dwo(split, path, id))
        return true;
    snprintf(path, sizeof(path), "%s.dwp", program);
    return open_from_package(split, path, id);
}

enum split_result split_unit_open(struct split_unit *split, const struct debuginfo *info,
                                  const struct dwarf_unit *skeleton, Dwarf_Die skeleton_die,
                                  uint32_t object_number)
{
    const char *name = die_string(skeleton, skeleton_die, DW_AT_dwo_name);
    struct dwo_id id;

    memset(split, 0, sizeof(*split));
    split->file.fd = -1;
    split->object.number = object_number;
    if (!name)
        name = die_string(skeleton, skeleton_die, DW_AT_GNU_dwo_name);
    if (!name)
        return NOT_SPLIT;
    id = id_of(skeleton_die);
    if (!id.is_known ||
        !find_dwo(split, info, name, die_string(skeleton, skeleton_die, DW_AT_comp_dir), id))
        return SPLIT_MISSING;
    describe_split_unit(split, skeleton, skeleton_die);
    return SPLIT_FOUND;
}

void split_unit_close(struct split_unit *split)
{
    dwarf_dealloc_die(split->die);
    dwarf_object_close(&split->object);
    elf_close(&split->file);
}
