/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_scan.h -- Runs over the DIEs of a unit and tells the tag and the code ranges of each.
 *
 * libdwarf takes apart some 5 million DIEs a second, and of a hundred DIEs in a function one is an
 * inlined call. So this finds them, 8 times as fast, and libdwarf reads those that matter. */
#ifndef MEMTRACE_SYMBOLS_DWARF_SCAN_H
#define MEMTRACE_SYMBOLS_DWARF_SCAN_H

#include "dwarf_object.h"

/* One of the few attributes that the scan looks at. */
struct scan_value {
    uint64_t value;
    uint16_t form; /* 0: the DIE has none such */
};

struct scanned_die {
    uint64_t offset; /* in .debug_info */
    uint16_t tag;    /* 0: the end of the children */
    bool has_children;
    struct scan_value low_pc;
    struct scan_value high_pc;
    struct scan_value ranges;
    uint64_t sibling; /* 0: not said */
};

struct dwarf_scan {
    const struct dwarf_unit *unit;
    struct cursor cursor; /* fails at the first DIE that makes no sense */
    uint64_t unit_offset;
    struct abbreviation *abbreviations;
    size_t count;
    size_t capacity;
    struct scan_attribute *attributes; /* of all abbreviations */
    size_t attribute_count;
    size_t attribute_capacity;
};

/* Starts behind the unit's own DIE. */
bool dwarf_scan_open(struct dwarf_scan *scan, const struct dwarf_unit *unit, Dwarf_Die unit_die);
void dwarf_scan_close(struct dwarf_scan *scan);

/* Moves to the next DIE: the first child of the last one if that has children. */
bool dwarf_scan_next(struct dwarf_scan *scan, struct scanned_die *ret_die);

/* Moves behind the children of the last DIE. */
void dwarf_scan_skip_children(struct dwarf_scan *scan, const struct scanned_die *die);

/* Visits the code ranges of the DIE. */
void dwarf_scan_ranges(const struct dwarf_scan *scan, const struct scanned_die *die,
                       range_visitor *visitor, void *argument);

#endif
