/* SPDX-License-Identifier: BSD-2-Clause */
/* function_extents.c -- Where functions begin and end, by .eh_frame_hdr and .eh_frame.
 *
 * Formats: Linux Standard Base 5.0, "Exception Frames". Linkers write the search table in one
 * encoding, and compilers the places of code in another one, relative to themselves, in four bytes
 * each: what is written otherwise is left out, and an entry is believed only if both say the same
 * of where the function begins. */
#include "function_extents.h"

#include <stdlib.h>

struct function_extent {
    uint64_t start;
    uint64_t end;
};

enum {
    HDR_VERSION = 1,
    HDR_BYTES = 12,           /* with the usual encodings */
    HDR_FRAME_POINTER = 0x1b, /* four bytes, relative to itself */
    HDR_COUNT = 0x03,         /* four bytes */
    HDR_TABLE = 0x3b,         /* four bytes each, relative to the header */
    HDR_ENTRY_BYTES = 8,
    FDE_START = 8, /* after its length and the distance to its CIE */
    FDE_HEAD_BYTES = 16
};

/* A section's bytes, and where they are when the program runs. */
struct placed {
    uint8_t *data; /* owned */
    struct bytes bytes;
    uint64_t address;
};

static bool read_section(const struct elf_file *file, const char *name, struct placed *placed)
{
    const struct elf_section *section = elf_find_section(file, name);

    *placed = (struct placed){.data = section ? elf_read_section(file, section) : NULL};
    if (!placed->data)
        return false;
    placed->bytes = (struct bytes){placed->data, (size_t)section->size_bytes};
    placed->address = section->address;
    return true;
}

static uint64_t relative(uint64_t base, uint64_t number)
{
    return base + (uint64_t)(int64_t)(int32_t)(uint32_t)number;
}

/* The end of the function whose FDE is at address; 0: it does not begin at start, or is written in
 * another way. */
static uint64_t end_of(const struct placed *frames, uint64_t address, uint64_t start)
{
    struct bytes head = {NULL, 0};

    if (address >= frames->address)
        head = bytes_at(frames->bytes, address - frames->address, FDE_HEAD_BYTES);
    struct cursor cursor = cursor_at(head, FDE_START);
    uint64_t begin = relative(address + FDE_START, cursor_number(&cursor, 4));
    uint64_t size_bytes = cursor_number(&cursor, 4);

    return cursor.failed || begin != start ? 0 : start + size_bytes;
}

static bool is_readable_table(struct cursor *cursor, size_t bytes, uint64_t *ret_count)
{
    uint64_t version = cursor_number(cursor, 1);
    uint64_t frame_pointer = cursor_number(cursor, 1);
    uint64_t count = cursor_number(cursor, 1);
    uint64_t table = cursor_number(cursor, 1);

    cursor_number(cursor, 4);
    *ret_count = cursor_number(cursor, 4);
    return !cursor->failed && version == HDR_VERSION && frame_pointer == HDR_FRAME_POINTER &&
           count == HDR_COUNT && table == HDR_TABLE &&
           *ret_count <= (bytes - HDR_BYTES) / HDR_ENTRY_BYTES;
}

static int by_start(const void *a, const void *b)
{
    const struct function_extent *left = a;
    const struct function_extent *right = b;

    return left->start < right->start ? -1 : left->start > right->start;
}

static bool read_table(struct function_extents *extents, const struct placed *header,
                       const struct placed *frames)
{
    struct cursor cursor = cursor_at(header->bytes, 0);
    uint64_t count;

    if (!is_readable_table(&cursor, header->bytes.size, &count))
        return false;
    extents->items = calloc((size_t)count + 1, sizeof(*extents->items));
    for (uint64_t i = 0; extents->items && i < count; i++) {
        uint64_t start = relative(header->address, cursor_number(&cursor, 4));
        uint64_t entry = relative(header->address, cursor_number(&cursor, 4));
        uint64_t end = end_of(frames, entry, start);

        if (end > start)
            extents->items[extents->count++] = (struct function_extent){start, end};
    }
    if (extents->items)
        qsort(extents->items, extents->count, sizeof(*extents->items), by_start);
    return extents->items;
}

bool function_extents_read(struct function_extents *extents, const struct elf_file *file)
{
    struct placed header;
    struct placed frames = {0};

    *extents = (struct function_extents){0};
    bool is_ok = read_section(file, ".eh_frame_hdr", &header) &&
                 read_section(file, ".eh_frame", &frames) && read_table(extents, &header, &frames);
    free(header.data);
    free(frames.data);
    return is_ok;
}

void function_extents_finish(struct function_extents *extents)
{
    free(extents->items);
    *extents = (struct function_extents){0};
}

uint64_t function_extents_find(const struct function_extents *extents, uint64_t address)
{
    size_t low = 0;
    size_t high = extents->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (extents->items[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low && address < extents->items[low - 1].end ? extents->items[low - 1].start : 0;
}
