/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_ranges.c -- Decodes .debug_ranges, .debug_rnglists and .debug_addr. */
#include "dwarf_ranges.h"

#include <libdwarf/dwarf.h>

bool ranges_address(const struct range_context *context, uint64_t index, uint64_t *ret_address)
{
    struct cursor cursor;

    if (index > context->addresses.size)
        return false;
    cursor =
        cursor_at(context->addresses, context->addresses_base + index * context->address_bytes);
    *ret_address = cursor_number(&cursor, context->address_bytes);
    return !cursor.failed;
}

bool ranges_offset(const struct range_context *context, uint64_t index, uint64_t *ret_offset)
{
    struct cursor cursor;

    if (index > context->rnglists.size)
        return false;
    cursor = cursor_at(context->rnglists, context->rnglists_base + index * context->offset_bytes);
    *ret_offset = context->rnglists_base + cursor_number(&cursor, context->offset_bytes);
    return !cursor.failed;
}

/* Pairs of addresses; the pair of zeros ends the list, a low of all ones sets a new base. */
static bool visit_pairs(const struct range_context *context, uint64_t offset,
                        range_visitor *visitor, void *argument)
{
    struct cursor cursor = cursor_at(context->ranges, context->ranges_base + offset);
    uint64_t ones = UINT64_MAX >> (64 - 8 * context->address_bytes);
    uint64_t base = context->low_pc;

    for (;;) {
        uint64_t low = cursor_number(&cursor, context->address_bytes);
        uint64_t high = cursor_number(&cursor, context->address_bytes);

        if (cursor.failed)
            return false;
        if (low == 0 && high == 0)
            return true;
        if (low == ones)
            base = high;
        else if (low < high && !visitor(argument, base + low, base + high))
            return true;
    }
}

struct rnglist_entry {
    unsigned kind;
    bool is_range;
    uint64_t low;
    uint64_t high;
};

/* Reads one entry; an index that leads nowhere makes an empty range. */
static void read_entry(const struct range_context *context, struct cursor *cursor, uint64_t base,
                       struct rnglist_entry *entry)
{
    *entry = (struct rnglist_entry){.kind = (unsigned)cursor_number(cursor, 1)};
    switch (entry->kind) {
    case DW_RLE_base_addressx:
        ranges_address(context, cursor_leb128(cursor), &entry->low);
        break;
    case DW_RLE_base_address:
        entry->low = cursor_number(cursor, context->address_bytes);
        break;
    case DW_RLE_startx_endx:
        ranges_address(context, cursor_leb128(cursor), &entry->low);
        ranges_address(context, cursor_leb128(cursor), &entry->high);
        break;
    case DW_RLE_startx_length:
        if (ranges_address(context, cursor_leb128(cursor), &entry->low))
            entry->high = entry->low;
        entry->high += cursor_leb128(cursor);
        break;
    case DW_RLE_offset_pair:
        entry->low = base + cursor_leb128(cursor);
        entry->high = base + cursor_leb128(cursor);
        break;
    case DW_RLE_start_end:
        entry->low = cursor_number(cursor, context->address_bytes);
        entry->high = cursor_number(cursor, context->address_bytes);
        break;
    case DW_RLE_start_length:
        entry->low = cursor_number(cursor, context->address_bytes);
        entry->high = entry->low + cursor_leb128(cursor);
        break;
    case DW_RLE_end_of_list:
        return;
    default:
        cursor->failed = true;
    }
    entry->is_range = entry->kind != DW_RLE_base_addressx && entry->kind != DW_RLE_base_address;
}

static bool visit_entries(const struct range_context *context, uint64_t offset,
                          range_visitor *visitor, void *argument)
{
    struct cursor cursor = cursor_at(context->rnglists, offset);
    uint64_t base = context->low_pc;

    for (;;) {
        struct rnglist_entry entry;

        read_entry(context, &cursor, base, &entry);
        if (cursor.failed)
            return false;
        if (entry.kind == DW_RLE_end_of_list)
            return true;
        if (!entry.is_range)
            base = entry.low;
        else if (entry.low < entry.high && !visitor(argument, entry.low, entry.high))
            return true;
    }
}

bool ranges_visit(const struct range_context *context, uint64_t offset, range_visitor *visitor,
                  void *argument)
{
    if (context->address_bytes == 0 || context->address_bytes > 8)
        return false;
    if (context->version >= 5)
        return visit_entries(context, offset, visitor, argument);
    return visit_pairs(context, offset, visitor, argument);
}

struct arange_set {
    uint64_t end; /* offset behind it */
    uint64_t unit_offset;
    unsigned address_bytes;
};

/* Reads the head of a set and moves to its first pair, which is aligned to its own size. */
static bool read_arange_set(struct bytes aranges, uint64_t start, struct cursor *cursor,
                            struct arange_set *set)
{
    unsigned offset_bytes = 4;
    uint64_t length, used, pair;

    *cursor = cursor_at(aranges, start);
    length = cursor_number(cursor, 4);
    if (length == 0xffffffff) {
        offset_bytes = 8;
        length = cursor_number(cursor, 8);
    }
    if (cursor->failed || length > cursor_left(cursor))
        return false;
    set->end = (uint64_t)(cursor->next - aranges.data) + length;
    cursor_number(cursor, 2);
    set->unit_offset = cursor_number(cursor, offset_bytes);
    set->address_bytes = (unsigned)cursor_number(cursor, 1);
    cursor_number(cursor, 1);
    pair = 2 * (uint64_t)set->address_bytes;
    if (cursor->failed || set->address_bytes == 0 || set->address_bytes > 8)
        return false;
    used = (uint64_t)(cursor->next - aranges.data) - start;
    *cursor = cursor_at(aranges, start + (used + pair - 1) / pair * pair);
    return true;
}

bool aranges_visit(struct bytes aranges, uint64_t unit_offset, range_visitor *visitor,
                   void *argument)
{
    struct cursor cursor;
    struct arange_set set;
    bool found = false;

    for (uint64_t start = 0; start < aranges.size; start = set.end) {
        if (!read_arange_set(aranges, start, &cursor, &set))
            return found;
        while (set.unit_offset == unit_offset && !cursor.failed &&
               cursor.next < aranges.data + set.end) {
            uint64_t low = cursor_number(&cursor, set.address_bytes);
            uint64_t size = cursor_number(&cursor, set.address_bytes);

            if (size > 0 && low + size > low) {
                found = true;
                visitor(argument, low, low + size);
            }
        }
    }
    return found;
}
