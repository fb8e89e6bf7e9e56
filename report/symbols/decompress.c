/* SPDX-License-Identifier: BSD-2-Clause */
/* decompress.c -- Reads zlib and zstd compressed debug sections, and xz compressed symbol tables.
 *
 * libdwarf reads zlib only; and the size that a section claims is checked here first. */
#include "decompress.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#ifdef HAVE_LZMA
#include <lzma.h>
#endif

#ifndef ELFCOMPRESS_ZSTD
#define ELFCOMPRESS_ZSTD 2
#endif

/* zlib cannot do better than 1032 to 1. */
#define ZLIB_RATIO_MAX 1040
#define XZ_BYTES_MAX (256u << 20)

static struct bytes inflate_zlib(struct bytes compressed, uint64_t size)
{
    uint8_t *out;
    z_stream stream = {.next_in = (Bytef *)compressed.data, .avail_in = (uInt)compressed.size};
    bool is_whole = false;

    if (size / ZLIB_RATIO_MAX > compressed.size || compressed.size > UINT32_MAX ||
        size > UINT32_MAX)
        return (struct bytes){NULL, 0};
    out = malloc((size_t)size + 1);
    if (out && inflateInit(&stream) == Z_OK) {
        stream.next_out = out;
        stream.avail_out = (uInt)size;
        is_whole = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_out == 0;
        inflateEnd(&stream);
    }
    if (is_whole)
        return (struct bytes){out, (size_t)size};
    free(out);
    return (struct bytes){NULL, 0};
}

static struct bytes inflate_zstd(struct bytes compressed, uint64_t size)
{
    uint8_t *out = size <= UINT32_MAX ? malloc((size_t)size + 1) : NULL;

    if (out && ZSTD_decompress(out, (size_t)size, compressed.data, compressed.size) == size)
        return (struct bytes){out, (size_t)size};
    free(out);
    return (struct bytes){NULL, 0};
}

/* A section with SHF_COMPRESSED starts with its kind and its real size. */
static struct bytes decompress_section(struct bytes raw)
{
    struct cursor cursor = cursor_at(raw, 0);
    uint64_t kind = cursor_number(&cursor, 4);
    uint64_t size;

    cursor_number(&cursor, 4);
    size = cursor_number(&cursor, 8);
    raw = bytes_from(raw, sizeof(Elf64_Chdr));
    if (cursor.failed || raw.size == 0)
        return (struct bytes){NULL, 0};
    if (kind == ELFCOMPRESS_ZLIB)
        return inflate_zlib(raw, size);
    if (kind == ELFCOMPRESS_ZSTD)
        return inflate_zstd(raw, size);
    return (struct bytes){NULL, 0};
}

/* The older way: the name says .zdebug, the contents "ZLIB" and the size, big-endian. */
static struct bytes decompress_zdebug(struct bytes raw)
{
    uint64_t size = 0;

    if (raw.size < 12 || memcmp(raw.data, "ZLIB", 4) != 0)
        return raw;
    for (size_t i = 4; i < 12; i++)
        size = size << 8 | raw.data[i];
    return inflate_zlib(bytes_from(raw, 12), size);
}

struct bytes debug_section(const struct elf_file *file, const char *name, const char *suffix)
{
    char full[64];
    const struct elf_section *section;

    snprintf(full, sizeof(full), ".%s%s", name, suffix);
    section = elf_find_section(file, full);
    if (section) {
        struct bytes raw = elf_section_bytes(file, section);

        return section->flags & SHF_COMPRESSED ? decompress_section(raw) : raw;
    }
    snprintf(full, sizeof(full), ".z%s%s", name, suffix);
    section = elf_find_section(file, full);
    return section ? decompress_zdebug(elf_section_bytes(file, section)) : (struct bytes){NULL, 0};
}

struct bytes decompress_xz(struct bytes compressed)
{
#ifdef HAVE_LZMA
    lzma_stream stream = LZMA_STREAM_INIT;
    size_t capacity = compressed.size * 8 + 4096;
    uint8_t *out = capacity <= XZ_BYTES_MAX ? malloc(capacity) : NULL;

    if (!out || lzma_stream_decoder(&stream, XZ_BYTES_MAX, 0) != LZMA_OK)
        return (struct bytes){NULL, 0};
    stream.next_in = compressed.data;
    stream.avail_in = compressed.size;
    for (;;) {
        lzma_ret result;
        uint8_t *larger;

        stream.next_out = out + stream.total_out;
        stream.avail_out = capacity - stream.total_out;
        result = lzma_code(&stream, LZMA_FINISH);
        if (result == LZMA_STREAM_END)
            return (struct bytes){out, (size_t)stream.total_out};
        if (result != LZMA_OK || stream.avail_out > 0 || capacity > XZ_BYTES_MAX / 2)
            return (struct bytes){NULL, 0};
        capacity *= 2;
        larger = realloc(out, capacity);
        if (!larger)
            return (struct bytes){NULL, 0};
        out = larger;
    }
#else
    (void)compressed;
    return (struct bytes){NULL, 0};
#endif
}
