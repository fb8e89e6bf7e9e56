/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_functions.c -- Walks the DIEs of one unit for the functions that contain its addresses.
 *
 * Most DIEs are skipped: types, and functions without one of the addresses. Should an address
 * remain without a function then, a second walk skips nothing, since a compiler may hide code in
 * a class, or one function in another of which it is no part.
 *
 * A DIE met later overrides one met earlier, which makes the innermost inlined call win and
 * agrees with llvm-symbolizer where compilers let ranges overlap. */
#include "dwarf_functions.h"

#include <stdlib.h>

#include "dwarf_scan.h"

#define DEPTH_MAX 512

struct walk {
    struct dwarf_functions *functions;
    struct dwarf_scan scan;
    bool is_thorough;
    unsigned depth;
};

/* What one DIE's ranges contain of the addresses. */
struct claim {
    struct dwarf_functions *functions;
    uint32_t function; /* to be charged; NO_FUNCTION: only count */
    size_t found;
};

static size_t first_at_or_behind(const struct dwarf_functions *functions, uint64_t address)
{
    size_t low = 0;
    size_t high = functions->address_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (functions->addresses[middle] < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool claim_range(void *argument, uint64_t low, uint64_t high)
{
    struct claim *claim = argument;
    const struct dwarf_functions *functions = claim->functions;

    for (size_t i = first_at_or_behind(functions, low);
         i < functions->address_count && functions->addresses[i] < high; i++) {
        claim->functions->innermost[i] = claim->function;
        claim->found++;
    }
    return true;
}

static bool add_function(struct dwarf_functions *functions, uint32_t *ret_function)
{
    if (functions->count == functions->capacity) {
        uint32_t capacity = functions->capacity ? functions->capacity * 2 : 64;
        struct dwarf_function *larger =
            realloc(functions->functions, capacity * sizeof(*functions->functions));

        if (!larger)
            return false;
        functions->functions = larger;
        functions->capacity = capacity;
    }
    *ret_function = functions->count++;
    return true;
}

/* Charges the addresses in the DIE's ranges to a new function and returns their count. */
static size_t claim_function(struct walk *walk, const struct scanned_die *die, uint32_t caller,
                             uint32_t *ret_function)
{
    struct dwarf_functions *functions = walk->functions;
    struct claim claim = {.functions = functions};

    if (!add_function(functions, &claim.function))
        return 0;
    functions->functions[claim.function] =
        (struct dwarf_function){.die_offset = die->offset, .caller = caller};
    dwarf_scan_ranges(&walk->scan, die, claim_range, &claim);
    *ret_function = claim.function;
    return claim.found;
}

static void visit_children(struct walk *walk, const struct scanned_die *parent, uint32_t caller);

static bool holds_functions(uint16_t tag)
{
    return tag == DW_TAG_namespace || tag == DW_TAG_module;
}

static bool is_inside_functions(uint16_t tag)
{
    return tag == DW_TAG_lexical_block || tag == DW_TAG_try_block || tag == DW_TAG_catch_block ||
           tag == DW_TAG_with_stmt;
}

/* A function without any of the addresses is forgotten again, unless one was found inside. */
static void visit_function(struct walk *walk, const struct scanned_die *die, uint32_t caller,
                           bool may_skip)
{
    struct dwarf_functions *functions = walk->functions;
    uint32_t function = NO_FUNCTION;
    size_t found = claim_function(walk, die, caller, &function);

    if (function == NO_FUNCTION || (found == 0 && may_skip))
        dwarf_scan_skip_children(&walk->scan, die);
    else
        visit_children(walk, die, function);
    if (function != NO_FUNCTION && found == 0 && functions->count == function + 1)
        functions->count--;
}

/* caller: the function that the DIE stands in, NO_FUNCTION outside all. */
static void visit(struct walk *walk, const struct scanned_die *die, uint32_t caller)
{
    if (die->tag == DW_TAG_subprogram)
        visit_function(walk, die, NO_FUNCTION, !walk->is_thorough);
    else if (die->tag == DW_TAG_inlined_subroutine)
        visit_function(walk, die, caller, false);
    else if (walk->is_thorough ||
             (caller == NO_FUNCTION ? holds_functions(die->tag) : is_inside_functions(die->tag)))
        visit_children(walk, die, caller);
    else
        dwarf_scan_skip_children(&walk->scan, die);
}

static void visit_siblings(struct walk *walk, uint32_t caller)
{
    struct scanned_die die;

    while (dwarf_scan_next(&walk->scan, &die) && die.tag != 0)
        visit(walk, &die, caller);
}

static void visit_children(struct walk *walk, const struct scanned_die *parent, uint32_t caller)
{
    if (!parent->has_children)
        return;
    if (walk->depth >= DEPTH_MAX) {
        dwarf_scan_skip_children(&walk->scan, parent);
        return;
    }
    walk->depth++;
    visit_siblings(walk, caller);
    walk->depth--;
}

static bool is_address_left(const struct dwarf_functions *functions)
{
    for (size_t i = 0; i < functions->address_count; i++)
        if (functions->innermost[i] == NO_FUNCTION)
            return true;
    return false;
}

static void walk_unit(struct dwarf_functions *functions, Dwarf_Die unit_die, bool is_thorough)
{
    struct walk walk = {.functions = functions, .is_thorough = is_thorough};

    if (dwarf_scan_open(&walk.scan, functions->unit, unit_die))
        visit_siblings(&walk, NO_FUNCTION);
    dwarf_scan_close(&walk.scan);
}

void dwarf_functions_find(struct dwarf_functions *functions, Dwarf_Die unit_die)
{
    walk_unit(functions, unit_die, false);
    if (is_address_left(functions))
        walk_unit(functions, unit_die, true);
}

static void describe(struct dwarf_functions *functions, struct dwarf_function *function)
{
    uint64_t file = 0;
    uint64_t line = 0;
    struct function_name name;
    Dwarf_Die die;
    Dwarf_Error error = NULL;

    function->is_described = true;
    if (dwarf_offdie_b(functions->unit->object->debug, function->die_offset, 1, &die, &error) !=
        DW_DLV_OK)
        return;
    if (function->caller != NO_FUNCTION) {
        die_unsigned(die, DW_AT_call_file, &file);
        die_unsigned(die, DW_AT_call_line, &line);
    }
    function->call_file = file > UINT32_MAX ? 0 : (uint32_t)file;
    function->call_line = line > UINT32_MAX ? 0 : (uint32_t)line;
    name = dwarf_function_name(functions->names, functions->unit, die);
    function->name = name.number;
    function->line = name.line;
    function->has_plain_name = !name.is_linkage;
    dwarf_dealloc_die(die);
}

size_t dwarf_functions_chain(struct dwarf_functions *functions, size_t address_index,
                             const struct dwarf_function **ret_chain, size_t max)
{
    uint32_t next = functions->innermost[address_index];
    size_t count = 0;

    while (next != NO_FUNCTION && count < max) {
        struct dwarf_function *function = &functions->functions[next];

        if (!function->is_described)
            describe(functions, function);
        ret_chain[count++] = function;
        next = function->caller;
    }
    return count;
}

void dwarf_functions_finish(struct dwarf_functions *functions)
{
    free(functions->functions);
    functions->functions = NULL;
    functions->count = functions->capacity = 0;
}
