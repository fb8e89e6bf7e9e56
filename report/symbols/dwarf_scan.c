/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_scan.c -- Decodes abbreviations and steps over DIEs with them. */
#include "dwarf_scan.h"

#include <stdlib.h>

#define SIZE_VARIES UINT8_MAX

struct scan_attribute {
    uint16_t name;
    uint16_t form;
    uint8_t size; /* SIZE_VARIES: has to be looked at */
    int64_t constant;
};

struct abbreviation {
    uint64_t code;
    uint16_t tag;
    bool has_children;
    bool is_plain; /* nothing to look at and of a known size */
    uint32_t size;
    size_t first;
    size_t count;
};

/* The size of a form's values, where it is always the same in this unit. */
static uint8_t form_size(const struct dwarf_unit *unit, uint64_t form)
{
    switch (form) {
    case DW_FORM_flag_present:
    case DW_FORM_implicit_const:
        return 0;
    case DW_FORM_data1:
    case DW_FORM_ref1:
    case DW_FORM_flag:
    case DW_FORM_strx1:
    case DW_FORM_addrx1:
        return 1;
    case DW_FORM_data2:
    case DW_FORM_ref2:
    case DW_FORM_strx2:
    case DW_FORM_addrx2:
        return 2;
    case DW_FORM_strx3:
    case DW_FORM_addrx3:
        return 3;
    case DW_FORM_data4:
    case DW_FORM_ref4:
    case DW_FORM_ref_sup4:
    case DW_FORM_strx4:
    case DW_FORM_addrx4:
        return 4;
    case DW_FORM_data8:
    case DW_FORM_ref8:
    case DW_FORM_ref_sup8:
    case DW_FORM_ref_sig8:
        return 8;
    case DW_FORM_data16:
        return 16;
    case DW_FORM_addr:
        return unit->ranges.address_bytes;
    case DW_FORM_ref_addr:
        return unit->ranges.version <= 2 ? unit->ranges.address_bytes : unit->ranges.offset_bytes;
    case DW_FORM_strp:
    case DW_FORM_line_strp:
    case DW_FORM_strp_sup:
    case DW_FORM_sec_offset:
    case DW_FORM_GNU_ref_alt:
    case DW_FORM_GNU_strp_alt:
        return unit->ranges.offset_bytes;
    default:
        return SIZE_VARIES;
    }
}

static bool is_looked_at(uint64_t name)
{
    return name == DW_AT_low_pc || name == DW_AT_high_pc || name == DW_AT_ranges ||
           name == DW_AT_sibling;
}

static bool add_attribute(struct dwarf_scan *scan, struct scan_attribute attribute)
{
    if (scan->attribute_count == scan->attribute_capacity) {
        size_t capacity = scan->attribute_capacity ? scan->attribute_capacity * 2 : 1024;
        struct scan_attribute *larger = realloc(scan->attributes, capacity * sizeof(*larger));

        if (!larger)
            return false;
        scan->attributes = larger;
        scan->attribute_capacity = capacity;
    }
    scan->attributes[scan->attribute_count++] = attribute;
    return true;
}

static bool add_abbreviation(struct dwarf_scan *scan, const struct abbreviation *abbreviation)
{
    if (scan->count == scan->capacity) {
        size_t capacity = scan->capacity ? scan->capacity * 2 : 256;
        struct abbreviation *larger = realloc(scan->abbreviations, capacity * sizeof(*larger));

        if (!larger)
            return false;
        scan->abbreviations = larger;
        scan->capacity = capacity;
    }
    scan->abbreviations[scan->count++] = *abbreviation;
    return true;
}

static bool read_abbreviation(struct dwarf_scan *scan, struct cursor *cursor, uint64_t code)
{
    struct abbreviation read = {.code = code, .is_plain = true, .first = scan->attribute_count};

    read.tag = (uint16_t)cursor_leb128(cursor);
    read.has_children = cursor_number(cursor, 1) != 0;
    for (;;) {
        uint64_t name = cursor_leb128(cursor);
        uint64_t form = cursor_leb128(cursor);
        struct scan_attribute attribute = {(uint16_t)name, (uint16_t)form,
                                           form_size(scan->unit, form), 0};

        if (form == DW_FORM_implicit_const)
            attribute.constant = cursor_signed_leb128(cursor);
        if (cursor->failed || name > UINT16_MAX || form > UINT16_MAX)
            return false;
        if (name == 0 && form == 0)
            return add_abbreviation(scan, &read);
        if (attribute.size == SIZE_VARIES || is_looked_at(name))
            read.is_plain = false;
        read.size += attribute.size;
        read.count++;
        if (!add_attribute(scan, attribute))
            return false;
    }
}

static bool read_abbreviations(struct dwarf_scan *scan, uint64_t offset)
{
    struct cursor cursor = cursor_at(scan->unit->object->sections[DWARF_ABBREV], offset);
    uint64_t code;

    while ((code = cursor_leb128(&cursor)) != 0)
        if (!read_abbreviation(scan, &cursor, code))
            return false;
    return !cursor.failed;
}

/* Compilers number them 1, 2, 3, … */
static const struct abbreviation *find_abbreviation(const struct dwarf_scan *scan, uint64_t code)
{
    if (code - 1 < scan->count && scan->abbreviations[code - 1].code == code)
        return &scan->abbreviations[code - 1];
    for (size_t i = 0; i < scan->count; i++)
        if (scan->abbreviations[i].code == code)
            return &scan->abbreviations[i];
    return NULL;
}

static void skip(struct cursor *cursor, uint64_t size)
{
    if (size > cursor_left(cursor))
        cursor->failed = true;
    else
        cursor->next += size;
}

static void skip_string(struct cursor *cursor)
{
    const uint8_t *end = NULL;

    if (cursor_left(cursor) > 0)
        end = memchr(cursor->next, 0, cursor_left(cursor));
    if (end)
        cursor->next = end + 1;
    else
        cursor->failed = true;
}

/* Reads a number where the form is one, and steps over anything else. */
static uint64_t read_form(const struct dwarf_scan *scan, struct cursor *cursor, uint64_t form)
{
    uint8_t size = form_size(scan->unit, form);

    if (size <= 8)
        return cursor_number(cursor, size);
    switch (form) {
    case DW_FORM_udata:
    case DW_FORM_sdata:
    case DW_FORM_ref_udata:
    case DW_FORM_strx:
    case DW_FORM_addrx:
    case DW_FORM_loclistx:
    case DW_FORM_rnglistx:
    case DW_FORM_GNU_addr_index:
    case DW_FORM_GNU_str_index:
        return cursor_leb128(cursor);
    case DW_FORM_data16:
        skip(cursor, 16);
        break;
    case DW_FORM_string:
        skip_string(cursor);
        break;
    case DW_FORM_block1:
        skip(cursor, cursor_number(cursor, 1));
        break;
    case DW_FORM_block2:
        skip(cursor, cursor_number(cursor, 2));
        break;
    case DW_FORM_block4:
        skip(cursor, cursor_number(cursor, 4));
        break;
    case DW_FORM_block:
    case DW_FORM_exprloc:
        skip(cursor, cursor_leb128(cursor));
        break;
    default:
        cursor->failed = true;
    }
    return 0;
}

static void read_attributes(struct dwarf_scan *scan, const struct abbreviation *abbreviation,
                            struct scanned_die *die)
{
    const struct scan_attribute *attribute = scan->attributes + abbreviation->first;

    for (size_t i = 0; i < abbreviation->count && !scan->cursor.failed; i++, attribute++) {
        struct scan_value value = {0, attribute->form};

        if (attribute->form == DW_FORM_indirect)
            value.form = (uint16_t)cursor_leb128(&scan->cursor);
        if (attribute->size != SIZE_VARIES && !is_looked_at(attribute->name)) {
            skip(&scan->cursor, attribute->size);
            continue;
        }
        value.value = read_form(scan, &scan->cursor, value.form);
        if (value.form == DW_FORM_implicit_const)
            value.value = (uint64_t)attribute->constant;
        if (attribute->name == DW_AT_low_pc)
            die->low_pc = value;
        else if (attribute->name == DW_AT_high_pc)
            die->high_pc = value;
        else if (attribute->name == DW_AT_ranges)
            die->ranges = value;
        else if (attribute->name == DW_AT_sibling && value.form != DW_FORM_ref_addr)
            die->sibling = scan->unit_offset + value.value;
    }
}

static uint64_t offset_here(const struct dwarf_scan *scan)
{
    return (uint64_t)(scan->cursor.next - scan->unit->object->sections[DWARF_INFO].data);
}

bool dwarf_scan_next(struct dwarf_scan *scan, struct scanned_die *ret_die)
{
    const struct abbreviation *abbreviation;
    uint64_t code;

    *ret_die = (struct scanned_die){.offset = offset_here(scan)};
    if (cursor_left(&scan->cursor) == 0)
        return false;
    code = cursor_leb128(&scan->cursor);
    if (code == 0)
        return !scan->cursor.failed;
    abbreviation = find_abbreviation(scan, code);
    if (!abbreviation) {
        scan->cursor.failed = true;
        return false;
    }
    ret_die->tag = abbreviation->tag;
    ret_die->has_children = abbreviation->has_children;
    if (abbreviation->is_plain)
        skip(&scan->cursor, abbreviation->size);
    else
        read_attributes(scan, abbreviation, ret_die);
    return !scan->cursor.failed;
}

static bool jump_to_sibling(struct dwarf_scan *scan, const struct scanned_die *die)
{
    uint64_t here = offset_here(scan);

    if (die->sibling < here || die->sibling - here > cursor_left(&scan->cursor) ||
        die->sibling == scan->unit_offset)
        return false;
    scan->cursor.next += die->sibling - here;
    return true;
}

void dwarf_scan_skip_children(struct dwarf_scan *scan, const struct scanned_die *die)
{
    struct scanned_die skipped;
    size_t depth = 1;

    if (!die->has_children || jump_to_sibling(scan, die))
        return;
    while (depth > 0 && dwarf_scan_next(scan, &skipped)) {
        if (skipped.tag == 0)
            depth--;
        else if (skipped.has_children && !jump_to_sibling(scan, &skipped))
            depth++;
    }
}

static bool is_address_index(uint16_t form)
{
    return form == DW_FORM_addrx || form == DW_FORM_GNU_addr_index ||
           (form >= DW_FORM_addrx1 && form <= DW_FORM_addrx4);
}

static bool address_of(const struct dwarf_scan *scan, const struct scan_value *value,
                       uint64_t *ret_address)
{
    *ret_address = value->value;
    if (is_address_index(value->form))
        return ranges_address(&scan->unit->ranges, value->value, ret_address);
    return value->form == DW_FORM_addr;
}

void dwarf_scan_ranges(const struct dwarf_scan *scan, const struct scanned_die *die,
                       range_visitor *visitor, void *argument)
{
    const struct range_context *context = &scan->unit->ranges;
    uint64_t low, high;

    if (die->low_pc.form && die->high_pc.form) {
        if (!address_of(scan, &die->low_pc, &low))
            return;
        if (!address_of(scan, &die->high_pc, &high))
            high = low + die->high_pc.value;
        if (low < high)
            visitor(argument, low, high);
    } else if (die->ranges.form) {
        uint64_t offset = die->ranges.value;

        if (die->ranges.form != DW_FORM_rnglistx || ranges_offset(context, offset, &offset))
            ranges_visit(context, offset, visitor, argument);
    }
}

/* Where the unit at the given offset has its abbreviations; narrows the cursor to the unit. */
static uint64_t read_unit_head(const struct dwarf_unit *unit, uint64_t offset,
                               struct cursor *cursor)
{
    uint64_t length;
    unsigned version;

    *cursor = cursor_at(unit->object->sections[DWARF_INFO], offset);
    length = cursor_number(cursor, 4);
    if (length == 0xffffffff)
        length = cursor_number(cursor, 8);
    if (cursor->failed || length > cursor_left(cursor)) {
        cursor->failed = true;
        return 0;
    }
    cursor->end = cursor->next + length;
    version = (unsigned)cursor_number(cursor, 2);
    if (version >= 5)
        cursor_number(cursor, 2); /* kind of unit, size of addresses */
    return cursor_number(cursor, unit->ranges.offset_bytes);
}

bool dwarf_scan_open(struct dwarf_scan *scan, const struct dwarf_unit *unit, Dwarf_Die unit_die)
{
    Dwarf_Off own = 0, start = 0, length = 0;
    Dwarf_Error error = NULL;
    struct scanned_die unit_itself;
    uint64_t abbreviations;

    *scan = (struct dwarf_scan){.unit = unit};
    if (dwarf_die_CU_offset_range(unit_die, &start, &length, &error) != DW_DLV_OK ||
        dwarf_dieoffset(unit_die, &own, &error) != DW_DLV_OK)
        return false;
    abbreviations = read_unit_head(unit, start, &scan->cursor);
    if (scan->cursor.failed || own < start || own - offset_here(scan) > cursor_left(&scan->cursor))
        return false;
    scan->unit_offset = start;
    scan->cursor.next = unit->object->sections[DWARF_INFO].data + own;
    return read_abbreviations(scan, abbreviations) && dwarf_scan_next(scan, &unit_itself) &&
           unit_itself.has_children;
}

void dwarf_scan_close(struct dwarf_scan *scan)
{
    free(scan->abbreviations);
    free(scan->attributes);
    memset(scan, 0, sizeof(*scan));
}
