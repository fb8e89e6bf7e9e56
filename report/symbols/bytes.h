/* SPDX-License-Identifier: BSD-2-Clause */
/* bytes.h -- A cursor over untrusted little-endian bytes that cannot be led outside them.
 *
 * A read beyond the end gives 0 and marks the cursor as failed; so a parser may read a whole
 * record first and ask once. */
#ifndef MEMTRACE_SYMBOLS_BYTES_H
#define MEMTRACE_SYMBOLS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data;
    size_t size;
};

struct cursor {
    const uint8_t *next;
    const uint8_t *end;
    bool failed;
};

/* The part of bytes from offset on; empty when offset lies beyond. */
static inline struct bytes bytes_from(struct bytes bytes, uint64_t offset)
{
    if (offset > bytes.size)
        return (struct bytes){NULL, 0};
    return (struct bytes){bytes.data + offset, bytes.size - (size_t)offset};
}

/* Exactly size bytes at offset, or none at all. */
static inline struct bytes bytes_at(struct bytes bytes, uint64_t offset, uint64_t size)
{
    struct bytes rest = bytes_from(bytes, offset);

    if (size > rest.size)
        return (struct bytes){NULL, 0};
    return (struct bytes){rest.data, (size_t)size};
}

/* The terminated string at offset, NULL when it would run out of the bytes. */
static inline const char *bytes_string(struct bytes bytes, uint64_t offset)
{
    struct bytes rest = bytes_from(bytes, offset);

    if (rest.size == 0 || memchr(rest.data, 0, rest.size) == NULL)
        return NULL;
    return (const char *)rest.data;
}

static inline struct cursor cursor_at(struct bytes bytes, uint64_t offset)
{
    struct bytes rest = bytes_from(bytes, offset);

    return (struct cursor){rest.data, rest.size ? rest.data + rest.size : rest.data,
                           offset > bytes.size};
}

static inline size_t cursor_left(const struct cursor *cursor)
{
    return (size_t)(cursor->end - cursor->next);
}

/* An unsigned number of 1 to 8 bytes. */
static inline uint64_t cursor_number(struct cursor *cursor, size_t size)
{
    uint64_t value = 0;

    if (cursor->failed || size > sizeof(value) || cursor_left(cursor) < size) {
        cursor->failed = true;
        return 0;
    }
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)cursor->next[i] << (8 * i);
    cursor->next += size;
    return value;
}

static inline uint64_t cursor_leb128(struct cursor *cursor)
{
    uint64_t value = 0;

    for (unsigned shift = 0; !cursor->failed; shift += 7) {
        uint64_t byte = cursor_number(cursor, 1);

        if (shift < 64)
            value |= (byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            break;
    }
    return value;
}

static inline int64_t cursor_signed_leb128(struct cursor *cursor)
{
    uint64_t value = 0;

    for (unsigned shift = 0; !cursor->failed; shift += 7) {
        uint64_t byte = cursor_number(cursor, 1);

        if (shift < 64)
            value |= (byte & 0x7f) << shift;
        if (byte & 0x80)
            continue;
        if ((byte & 0x40) && shift + 7 < 64)
            value |= UINT64_MAX << (shift + 7);
        break;
    }
    return (int64_t)value;
}

#endif
