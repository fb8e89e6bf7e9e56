/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_object.c -- Hands sections to libdwarf and reads attributes of DIEs in all their forms. */
#include "dwarf_object.h"

#include "decompress.h"

static const char *const section_names[DWARF_SECTION_COUNT] = {
    [DWARF_INFO] = ".debug_info",         [DWARF_ABBREV] = ".debug_abbrev",
    [DWARF_LINE] = ".debug_line",         [DWARF_STR] = ".debug_str",
    [DWARF_LINE_STR] = ".debug_line_str", [DWARF_STR_OFFSETS] = ".debug_str_offsets",
    [DWARF_ADDR] = ".debug_addr",         [DWARF_RANGES] = ".debug_ranges",
    [DWARF_RNGLISTS] = ".debug_rnglists", [DWARF_ARANGES] = ".debug_aranges",
};

/* What we read ourselves libdwarf need not see; it reads .debug_rnglists unasked, and crashes if
 * that makes no sense. */
static bool is_shown(unsigned index)
{
    return index == DWARF_INFO || index == DWARF_ABBREV || index == DWARF_STR ||
           index == DWARF_LINE_STR || index == DWARF_STR_OFFSETS || index == DWARF_ADDR;
}

static int get_section_info(void *object, Dwarf_Half index, Dwarf_Obj_Access_Section *section,
                            int *error)
{
    const struct dwarf_object *self = object;

    (void)error;
    memset(section, 0, sizeof(*section));
    if (index >= DWARF_SECTION_COUNT)
        return DW_DLV_NO_ENTRY;
    section->name = index ? section_names[index] : "";
    section->type = index ? 1 : 0; /* SHT_PROGBITS */
    section->size = is_shown(index) ? self->sections[index].size : 0;
    return DW_DLV_OK;
}

static Dwarf_Endianness get_byte_order(void *object)
{
    (void)object;
    return DW_OBJECT_LSB;
}

static Dwarf_Small get_length_size(void *object)
{
    (void)object;
    return 4;
}

static Dwarf_Small get_pointer_size(void *object)
{
    (void)object;
    return 8;
}

static Dwarf_Unsigned get_section_count(void *object)
{
    (void)object;
    return DWARF_SECTION_COUNT;
}

static int load_section(void *object, Dwarf_Half index, Dwarf_Small **ret_data, int *error)
{
    const struct dwarf_object *self = object;

    (void)error;
    if (!is_shown(index) || self->sections[index].size == 0)
        return DW_DLV_NO_ENTRY;
    *ret_data = (Dwarf_Small *)self->sections[index].data;
    return DW_DLV_OK;
}

static const Dwarf_Obj_Access_Methods methods = {
    .get_section_info = get_section_info,
    .get_byte_order = get_byte_order,
    .get_length_size = get_length_size,
    .get_pointer_size = get_pointer_size,
    .get_section_count = get_section_count,
    .load_section = load_section,
};

void dwarf_object_fill(struct dwarf_object *object, const struct elf_file *file, const char *suffix)
{
    for (int i = DWARF_INFO; i < DWARF_SECTION_COUNT; i++)
        object->sections[i] = debug_section(file, section_names[i] + 1, suffix);
}

bool dwarf_object_open(struct dwarf_object *object)
{
    Dwarf_Error error = NULL;

    if (object->sections[DWARF_INFO].size == 0)
        return false;
    object->access = (Dwarf_Obj_Access_Interface){object, &methods};
    dwarf_set_de_alloc_flag(0);
    return dwarf_object_init_b(&object->access, NULL, NULL, DW_GROUPNUMBER_ANY, &object->debug,
                               &error) == DW_DLV_OK;
}

void dwarf_object_close(struct dwarf_object *object)
{
    Dwarf_Error error = NULL;

    dwarf_object_finish(object->debug, &error);
    object->debug = NULL;
}

static bool find_attribute(Dwarf_Die die, Dwarf_Half name, Dwarf_Attribute *ret_attribute,
                           Dwarf_Half *ret_form)
{
    Dwarf_Error error = NULL;

    if (dwarf_attr(die, name, ret_attribute, &error) != DW_DLV_OK)
        return false;
    if (dwarf_whatform(*ret_attribute, ret_form, &error) == DW_DLV_OK)
        return true;
    dwarf_dealloc_attribute(*ret_attribute);
    return false;
}

/* dwarf_formudata() refuses DW_FORM_implicit_const, which gcc uses for most call lines. */
bool die_unsigned(Dwarf_Die die, Dwarf_Half attribute, uint64_t *ret_value)
{
    Dwarf_Attribute found;
    Dwarf_Half form;
    Dwarf_Unsigned value = 0;
    Dwarf_Signed signed_value = 0;
    Dwarf_Error error = NULL;
    bool ok;

    if (!find_attribute(die, attribute, &found, &form))
        return false;
    if (form == DW_FORM_implicit_const || form == DW_FORM_sdata) {
        ok = dwarf_formsdata(found, &signed_value, &error) == DW_DLV_OK && signed_value >= 0;
        value = (Dwarf_Unsigned)signed_value;
    } else {
        ok = dwarf_formudata(found, &value, &error) == DW_DLV_OK;
    }
    dwarf_dealloc_attribute(found);
    *ret_value = value;
    return ok;
}

/* Where a reference leads, and the form it was written in. */
static bool follow_reference(Dwarf_Die die, Dwarf_Half attribute, Dwarf_Half *ret_form,
                             uint64_t *ret_offset)
{
    Dwarf_Attribute found;
    Dwarf_Off offset = 0;
    Dwarf_Error error = NULL;
    bool ok;

    if (!find_attribute(die, attribute, &found, ret_form))
        return false;
    ok = dwarf_global_formref(found, &offset, &error) == DW_DLV_OK;
    dwarf_dealloc_attribute(found);
    *ret_offset = offset;
    return ok;
}

bool die_section_offset(Dwarf_Die die, Dwarf_Half attribute, uint64_t *ret_offset)
{
    Dwarf_Half form;

    return follow_reference(die, attribute, &form, ret_offset);
}

bool die_address(const struct dwarf_unit *unit, Dwarf_Die die, Dwarf_Half attribute,
                 uint64_t *ret_address)
{
    Dwarf_Attribute found;
    Dwarf_Half form;
    Dwarf_Unsigned index = 0;
    Dwarf_Addr address = 0;
    Dwarf_Error error = NULL;
    bool ok;

    if (!find_attribute(die, attribute, &found, &form))
        return false;
    if (dwarf_addr_form_is_indexed(form))
        ok = dwarf_get_debug_addr_index(found, &index, &error) == DW_DLV_OK &&
             ranges_address(&unit->ranges, index, ret_address);
    else {
        ok = dwarf_formaddr(found, &address, &error) == DW_DLV_OK;
        *ret_address = address;
    }
    dwarf_dealloc_attribute(found);
    return ok;
}

static bool is_string_index(Dwarf_Half form)
{
    return form == DW_FORM_strx || form == DW_FORM_GNU_str_index ||
           (form >= DW_FORM_strx1 && form <= DW_FORM_strx4);
}

static const char *indexed_string(const struct dwarf_unit *unit, Dwarf_Attribute attribute)
{
    struct bytes offsets = unit->object->sections[DWARF_STR_OFFSETS];
    unsigned offset_bytes = unit->ranges.offset_bytes;
    Dwarf_Unsigned index = 0;
    Dwarf_Error error = NULL;
    struct cursor cursor;
    uint64_t offset;

    if (dwarf_get_debug_str_index(attribute, &index, &error) != DW_DLV_OK || index > offsets.size)
        return NULL;
    cursor = cursor_at(offsets, unit->str_offsets_base + index * offset_bytes);
    offset = cursor_number(&cursor, offset_bytes);
    return cursor.failed ? NULL : bytes_string(unit->object->sections[DWARF_STR], offset);
}

static const char *supplement_string(const struct dwarf_unit *unit, Dwarf_Attribute attribute)
{
    Dwarf_Off offset = 0;
    Dwarf_Error error = NULL;

    if (!unit->object->supplement || dwarf_global_formref(attribute, &offset, &error) != DW_DLV_OK)
        return NULL;
    return bytes_string(unit->object->supplement->sections[DWARF_STR], offset);
}

const char *die_string(const struct dwarf_unit *unit, Dwarf_Die die, Dwarf_Half attribute)
{
    Dwarf_Attribute found;
    Dwarf_Half form;
    char *own = NULL;
    const char *text;
    Dwarf_Error error = NULL;

    if (!find_attribute(die, attribute, &found, &form))
        return NULL;
    if (unit->is_split && is_string_index(form))
        text = indexed_string(unit, found);
    else if (form == DW_FORM_GNU_strp_alt || form == DW_FORM_strp_sup)
        text = supplement_string(unit, found);
    else
        text = dwarf_formstring(found, &own, &error) == DW_DLV_OK ? own : NULL;
    dwarf_dealloc_attribute(found);
    return text;
}

bool die_reference(struct dwarf_object *object, Dwarf_Die die, Dwarf_Half attribute,
                   struct dwarf_object **ret_object, uint64_t *ret_offset)
{
    Dwarf_Half form;

    if (!follow_reference(die, attribute, &form, ret_offset))
        return false;
    *ret_object = form == DW_FORM_GNU_ref_alt ? object->supplement : object;
    return *ret_object != NULL;
}

/* DW_AT_high_pc is an address, or a number to be added to DW_AT_low_pc. */
static bool high_pc(const struct dwarf_unit *unit, Dwarf_Die die, uint64_t low, uint64_t *ret_high)
{
    Dwarf_Addr high = 0;
    Dwarf_Half form = 0;
    enum Dwarf_Form_Class kind = DW_FORM_CLASS_UNKNOWN;
    Dwarf_Error error = NULL;

    if (die_address(unit, die, DW_AT_high_pc, ret_high))
        return true;
    if (dwarf_highpc_b(die, &high, &form, &kind, &error) != DW_DLV_OK)
        return false;
    *ret_high = kind == DW_FORM_CLASS_CONSTANT ? low + high : high;
    return true;
}

static bool ranges_attribute(const struct dwarf_unit *unit, Dwarf_Die die, uint64_t *ret_offset)
{
    Dwarf_Attribute found;
    Dwarf_Half form;
    Dwarf_Unsigned index = 0;
    Dwarf_Off offset = 0;
    Dwarf_Error error = NULL;
    bool ok;

    if (!find_attribute(die, DW_AT_ranges, &found, &form))
        return false;
    if (form == DW_FORM_rnglistx) {
        ok = dwarf_formudata(found, &index, &error) == DW_DLV_OK &&
             ranges_offset(&unit->ranges, index, ret_offset);
    } else {
        ok = dwarf_global_formref(found, &offset, &error) == DW_DLV_OK;
        *ret_offset = offset;
    }
    dwarf_dealloc_attribute(found);
    return ok;
}

bool die_ranges(const struct dwarf_unit *unit, Dwarf_Die die, range_visitor *visitor,
                void *argument)
{
    uint64_t low, high, offset;

    if (die_address(unit, die, DW_AT_low_pc, &low) && high_pc(unit, die, low, &high)) {
        if (low < high)
            visitor(argument, low, high);
        return true;
    }
    if (!ranges_attribute(unit, die, &offset))
        return false;
    ranges_visit(&unit->ranges, offset, visitor, argument);
    return true;
}

/* C is the one great language that does not. */
bool die_has_mangling_language(Dwarf_Die die)
{
    uint64_t language = 0;

    if (!die_unsigned(die, DW_AT_language, &language))
        return false;
    return language != DW_LANG_C89 && language != DW_LANG_C && language != DW_LANG_C99 &&
           language != DW_LANG_C11 && language != DW_LANG_Mips_Assembler;
}

void dwarf_unit_describe(struct dwarf_unit *unit, struct dwarf_object *object, Dwarf_Die die)
{
    uint64_t base = 0;
    Dwarf_Half version = 0, offset_bytes = 0, address_bytes = 8;
    Dwarf_Error error = NULL;

    memset(unit, 0, sizeof(*unit));
    unit->object = object;
    unit->ranges.ranges = object->sections[DWARF_RANGES];
    unit->ranges.rnglists = object->sections[DWARF_RNGLISTS];
    unit->ranges.addresses = object->sections[DWARF_ADDR];
    dwarf_get_version_of_die(die, &version, &offset_bytes);
    dwarf_get_die_address_size(die, &address_bytes, &error);
    unit->ranges.version = version;
    unit->ranges.offset_bytes = (uint8_t)offset_bytes;
    unit->ranges.address_bytes = (uint8_t)address_bytes;
    if (die_section_offset(die, DW_AT_addr_base, &base) ||
        die_section_offset(die, DW_AT_GNU_addr_base, &base))
        unit->ranges.addresses_base = base;
    if (die_section_offset(die, DW_AT_rnglists_base, &base))
        unit->ranges.rnglists_base = base;
    die_address(unit, die, DW_AT_low_pc, &unit->ranges.low_pc);
    unit->has_mangled = die_has_mangling_language(die);
}
