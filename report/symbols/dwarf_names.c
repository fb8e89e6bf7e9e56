/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_names.c -- Follows DW_AT_abstract_origin and DW_AT_specification to a function's name.
 *
 * A chain may lead to another unit (LTO) and from there into dwz's supplement. Chains are cut
 * after a few steps: bad input could make them circular. */
#include "dwarf_names.h"

#include <stdlib.h>

#define CHAIN_MAX 16
#define QUALIFIED_BYTES_MAX 4096

struct name_slot {
    uint64_t offset;
    uint32_t object; /* 1 + its number; 0: the slot is free */
    struct function_name name;
};

uint32_t send_string(struct sent_strings *strings, const char *text)
{
    uint32_t known = strings->pool.count;
    size_t size = text ? strlen(text) : 0;
    uint32_t number;

    if (size == 0)
        return 0;
    if (size > ANSWER_STRING_MAX)
        size = ANSWER_STRING_MAX;
    number = string_pool_add(&strings->pool, text, size);
    if (number > known)
        answer_string(strings->writer, text, size);
    return number;
}

static struct name_slot *find_slot(const struct dwarf_names *names, uint32_t object,
                                   uint64_t offset)
{
    size_t slot = (size_t)((offset * 0x9e3779b97f4a7c15u) >> 32) & (names->slot_count - 1);

    while (names->slots[slot].object &&
           (names->slots[slot].object != object + 1 || names->slots[slot].offset != offset))
        slot = (slot + 1) & (names->slot_count - 1);
    return &names->slots[slot];
}

static bool make_room(struct dwarf_names *names)
{
    struct dwarf_names larger = *names;

    if (names->count * 2 < names->slot_count)
        return true;
    larger.slot_count = names->slot_count ? names->slot_count * 2 : 1024;
    larger.slots = calloc(larger.slot_count, sizeof(*larger.slots));
    if (!larger.slots)
        return false;
    for (size_t i = 0; i < names->slot_count; i++) {
        const struct name_slot *old = &names->slots[i];

        if (old->object)
            *find_slot(&larger, old->object - 1, old->offset) = *old;
    }
    free(names->slots);
    *names = larger;
    return true;
}

void dwarf_names_finish(struct dwarf_names *names)
{
    free(names->slots);
    dwarf_scopes_finish(&names->scopes);
    names->slots = NULL;
    names->slot_count = names->count = 0;
}

/* The name that the DIE itself carries. */
static struct function_name own_name(struct dwarf_names *names, const struct dwarf_unit *unit,
                                     Dwarf_Die die)
{
    const char *text = die_string(unit, die, DW_AT_linkage_name);
    char qualified[QUALIFIED_BYTES_MAX];
    uint64_t line = 0;

    die_unsigned(die, DW_AT_decl_line, &line);
    if (line > UINT32_MAX)
        line = 0;

    if (!text)
        text = die_string(unit, die, DW_AT_MIPS_linkage_name);
    if (text)
        return (struct function_name){send_string(names->strings, text), true, (uint32_t)line};
    text = die_string(unit, die, DW_AT_name);
    if (text && unit->has_mangled &&
        dwarf_scopes_qualify(&names->scopes, unit, die, text, qualified, sizeof(qualified)))
        text = qualified;
    return (struct function_name){send_string(names->strings, text), false, (uint32_t)line};
}

static struct function_name name_along_chain(struct dwarf_names *names,
                                             const struct dwarf_unit *unit, Dwarf_Die die,
                                             unsigned steps);

static void remember(struct dwarf_names *names, uint32_t object, uint64_t offset,
                     struct function_name name)
{
    struct name_slot *slot;

    if (!make_room(names))
        return;
    slot = find_slot(names, object, offset);
    names->count += slot->object == 0;
    *slot = (struct name_slot){offset, object + 1, name};
}

/* The name at the DIE that the given attribute refers to. */
static struct function_name referred_name(struct dwarf_names *names, const struct dwarf_unit *unit,
                                          Dwarf_Die die, Dwarf_Half attribute, unsigned steps)
{
    struct dwarf_unit other = *unit;
    struct function_name name = {0, false, 0};
    const struct name_slot *known;
    uint64_t offset = 0;
    Dwarf_Die target;
    Dwarf_Error error = NULL;

    if (!die_reference(unit->object, die, attribute, &other.object, &offset) || !make_room(names))
        return name;
    known = find_slot(names, other.object->number, offset);
    if (known->object)
        return known->name;
    if (dwarf_offdie_b(other.object->debug, offset, 1, &target, &error) != DW_DLV_OK)
        return name;
    other.is_split = unit->is_split && other.object == unit->object;
    name = name_along_chain(names, &other, target, steps + 1);
    dwarf_dealloc_die(target);
    remember(names, other.object->number, offset, name);
    return name;
}

/* A definition says where it is; what it refers to may be a declaration elsewhere. */
static struct function_name name_along_chain(struct dwarf_names *names,
                                             const struct dwarf_unit *unit, Dwarf_Die die,
                                             unsigned steps)
{
    static const Dwarf_Half references[] = {DW_AT_abstract_origin, DW_AT_specification};
    struct function_name name = own_name(names, unit, die);

    for (size_t i = 0; i < 2 && !name.is_linkage && steps < CHAIN_MAX; i++) {
        struct function_name referred = referred_name(names, unit, die, references[i], steps);

        uint32_t line = name.line ? name.line : referred.line;

        if (referred.number && (referred.is_linkage || !name.number))
            name = referred;
        name.line = line;
    }
    return name;
}

struct function_name dwarf_function_name(struct dwarf_names *names, const struct dwarf_unit *unit,
                                         Dwarf_Die die)
{
    return name_along_chain(names, unit, die, 0);
}
