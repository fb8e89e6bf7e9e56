/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_ranges.h -- DWARF range lists and address tables, read from the raw sections.
 *
 * Not left to libdwarf: 20210528 searches all units for each list, gives a whole list up when one
 * entry needs .debug_addr, and knows no range lists of split units. */
#ifndef MEMTRACE_SYMBOLS_DWARF_RANGES_H
#define MEMTRACE_SYMBOLS_DWARF_RANGES_H

#include "bytes.h"

/* What a unit says about how its lists are to be read. */
struct range_context {
    struct bytes ranges;    /* .debug_ranges: DWARF 2 to 4 */
    struct bytes rnglists;  /* .debug_rnglists: DWARF 5 */
    struct bytes addresses; /* .debug_addr */
    uint64_t addresses_base;
    uint64_t ranges_base; /* GNU split units: added to every offset */
    uint64_t rnglists_base;
    uint64_t low_pc; /* what a list is relative to at first */
    uint16_t version;
    uint8_t address_bytes;
    uint8_t offset_bytes;
};

/* Called for each range that is not empty; returns false to stop. */
typedef bool range_visitor(void *argument, uint64_t low, uint64_t high);

/* False when the list runs out of its section or makes no sense; what came before was visited. */
bool ranges_visit(const struct range_context *context, uint64_t offset, range_visitor *visitor,
                  void *argument);

/* The offset of list number index (DW_FORM_rnglistx). */
bool ranges_offset(const struct range_context *context, uint64_t index, uint64_t *ret_offset);

/* Entry number index of the unit's part of .debug_addr. */
bool ranges_address(const struct range_context *context, uint64_t index, uint64_t *ret_address);

/* The ranges that .debug_aranges lists for the unit at this offset of .debug_info; false: none. */
bool aranges_visit(struct bytes aranges, uint64_t unit_offset, range_visitor *visitor,
                   void *argument);

#endif
