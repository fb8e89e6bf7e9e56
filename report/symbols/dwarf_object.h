/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_object.h -- One set of DWARF sections opened with libdwarf, and safe ways to ask it.
 *
 * libdwarf is given sections that we found, bounded and decompressed, never a file. It runs only
 * in sandboxed children: 20210528 can be made to crash by bad input, and it is made faster here
 * by not letting it remember what it allocated. Only dwarf_*.c include this header, and nothing
 * else includes libdwarf. */
#ifndef MEMTRACE_SYMBOLS_DWARF_OBJECT_H
#define MEMTRACE_SYMBOLS_DWARF_OBJECT_H

#include <libdwarf/libdwarf.h>

#include <libdwarf/dwarf.h>

#include "dwarf_ranges.h"
#include "elf_file.h"

enum dwarf_section {
    DWARF_INFO = 1, /* libdwarf wants nothing in section 0 */
    DWARF_ABBREV,
    DWARF_LINE,
    DWARF_STR,
    DWARF_LINE_STR,
    DWARF_STR_OFFSETS,
    DWARF_ADDR,
    DWARF_RANGES,
    DWARF_RNGLISTS,
    DWARF_ARANGES,
    DWARF_SECTION_COUNT
};

struct dwarf_object {
    struct bytes sections[DWARF_SECTION_COUNT];
    Dwarf_Debug debug;
    Dwarf_Obj_Access_Interface access;
    struct dwarf_object *supplement; /* dwz's common file, or NULL */
    uint32_t number;                 /* tells offsets in different objects apart */
};

/* A unit, as far as reading its DIEs needs to know. */
struct dwarf_unit {
    struct dwarf_object *object;
    struct range_context ranges;
    uint64_t str_offsets_base;
    bool is_split;    /* its strings and addresses are found by us: libdwarf lacks the skeleton */
    bool has_mangled; /* its language mangles names */
};

/* Takes the sections of a mapped file, with the suffix ".dwo" those of its split units. */
void dwarf_object_fill(struct dwarf_object *object, const struct elf_file *file,
                       const char *suffix);
bool dwarf_object_open(struct dwarf_object *object);
void dwarf_object_close(struct dwarf_object *object);

/* Reads from the unit's DIE how the rest of it is to be read. */
void dwarf_unit_describe(struct dwarf_unit *unit, struct dwarf_object *object, Dwarf_Die unit_die);

/* Attributes. Each returns false when the DIE has none such or it makes no sense. */
bool die_unsigned(Dwarf_Die die, Dwarf_Half attribute, uint64_t *ret_value);
bool die_section_offset(Dwarf_Die die, Dwarf_Half attribute, uint64_t *ret_offset);
bool die_address(const struct dwarf_unit *unit, Dwarf_Die die, Dwarf_Half attribute,
                 uint64_t *ret_address);
const char *die_string(const struct dwarf_unit *unit, Dwarf_Die die, Dwarf_Half attribute);

/* Where the DIE is that an attribute refers to: in which object, at which offset. */
bool die_reference(struct dwarf_object *object, Dwarf_Die die, Dwarf_Half attribute,
                   struct dwarf_object **ret_object, uint64_t *ret_offset);

/* Whether the unit's DIE names a language whose compilers mangle names. */
bool die_has_mangling_language(Dwarf_Die unit_die);

/* Visits the code ranges of a DIE; false when it has none. */
bool die_ranges(const struct dwarf_unit *unit, Dwarf_Die die, range_visitor *visitor,
                void *argument);

#endif
