/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_scopes.c -- Descends from a unit's DIE to another one and names what it came through. */
#include "dwarf_scopes.h"

#include <stdio.h>

#define SCOPES_MAX 64

/* Opens the unit that the DIE is in, unless it is open already. */
static bool open_unit(struct dwarf_scopes *scopes, const struct dwarf_unit *unit, Dwarf_Die die)
{
    Dwarf_Off offset = 0;
    Dwarf_Die unit_die;
    Dwarf_Error error = NULL;

    if (dwarf_CU_dieoffset_given_die(die, &offset, &error) != DW_DLV_OK)
        return false;
    /* By its number: the object of a split unit may lie where the one before it did. */
    if (scopes->is_open && scopes->object_number == unit->object->number &&
        scopes->unit_die_offset == offset)
        return true;
    dwarf_scopes_finish(scopes);
    if (dwarf_offdie_b(unit->object->debug, offset, 1, &unit_die, &error) != DW_DLV_OK)
        return false;
    scopes->unit_die_offset = offset;
    scopes->object_number = unit->object->number;
    if (unit->is_split)
        scopes->unit = *unit;
    else
        dwarf_unit_describe(&scopes->unit, unit->object, unit_die);
    scopes->is_open = dwarf_scan_open(&scopes->scan, &scopes->unit, unit_die);
    scopes->start = scopes->scan.cursor;
    dwarf_dealloc_die(unit_die);
    if (!scopes->is_open)
        dwarf_scan_close(&scopes->scan);
    return scopes->is_open;
}

void dwarf_scopes_finish(struct dwarf_scopes *scopes)
{
    if (scopes->is_open)
        dwarf_scan_close(&scopes->scan);
    scopes->is_open = false;
}

/* Collects the DIEs around the one at the offset, outermost first; returns their count. */
static size_t find_parents(struct dwarf_scan *scan, uint64_t offset, struct scanned_die *parents)
{
    struct scanned_die die;
    size_t depth = 0;

    while (dwarf_scan_next(scan, &die) && die.offset < offset) {
        if (die.tag == 0) {
            if (depth == 0)
                return 0;
            depth--;
        } else if (die.has_children && die.sibling && die.sibling <= offset) {
            dwarf_scan_skip_children(scan, &die);
        } else if (die.has_children) {
            if (depth == SCOPES_MAX)
                return 0;
            parents[depth++] = die;
        }
    }
    return die.offset == offset ? depth : 0;
}

/* A function's name may stand at the DIE which this one completes. */
static const char *name_of(const struct dwarf_unit *unit, Dwarf_Die die)
{
    const char *name = die_string(unit, die, DW_AT_name);
    struct dwarf_unit other = *unit;
    uint64_t offset;
    Dwarf_Die target;
    Dwarf_Error error = NULL;

    if (name || (!die_reference(unit->object, die, DW_AT_specification, &other.object, &offset) &&
                 !die_reference(unit->object, die, DW_AT_abstract_origin, &other.object, &offset)))
        return name;
    if (dwarf_offdie_b(other.object->debug, offset, 1, &target, &error) != DW_DLV_OK)
        return NULL;
    other.is_split = unit->is_split && other.object == unit->object;
    name = die_string(&other, target, DW_AT_name);
    dwarf_dealloc_die(target);
    return name;
}

/* The name of one scope; NULL: it has none to show. */
static const char *scope_name(const struct dwarf_unit *unit, const struct scanned_die *scope,
                              Dwarf_Die *ret_die)
{
    const char *name = NULL;
    Dwarf_Error error = NULL;

    switch (scope->tag) {
    case DW_TAG_namespace:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_subprogram:
    case DW_TAG_module:
        break;
    default:
        return NULL;
    }
    if (dwarf_offdie_b(unit->object->debug, scope->offset, 1, ret_die, &error) != DW_DLV_OK)
        return NULL;
    name = name_of(unit, *ret_die);
    if (!name && scope->tag == DW_TAG_namespace)
        return "(anonymous namespace)";
    if (!name && scope->tag != DW_TAG_subprogram)
        return "{lambda}"; /* or a class without a name, which is rarer by far */
    return name;
}

bool dwarf_scopes_qualify(struct dwarf_scopes *scopes, const struct dwarf_unit *unit, Dwarf_Die die,
                          const char *name, char *ret_qualified, size_t size)
{
    struct scanned_die parents[SCOPES_MAX];
    Dwarf_Off offset = 0;
    Dwarf_Error error = NULL;
    size_t used = 0;
    size_t count;

    if (!open_unit(scopes, unit, die) || dwarf_dieoffset(die, &offset, &error) != DW_DLV_OK)
        return false;
    scopes->scan.cursor = scopes->start;
    count = find_parents(&scopes->scan, offset, parents);
    for (size_t i = 0; i < count && used < size; i++) {
        Dwarf_Die scope_die = NULL;
        const char *scope = scope_name(&scopes->unit, &parents[i], &scope_die);

        if (scope)
            used += (size_t)snprintf(ret_qualified + used, size - used, "%s::", scope);
        if (scope_die)
            dwarf_dealloc_die(scope_die);
    }
    if (used == 0 || used >= size)
        return false;
    used += (size_t)snprintf(ret_qualified + used, size - used, "%s", name);
    return used < size;
}
