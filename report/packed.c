/* SPDX-License-Identifier: BSD-2-Clause */
/* packed.c -- Traces packed with zstd. */
#include "packed.h"

#include "../preload/trace_format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

enum {
    LEVEL = 3,
    CHUNK_BYTES = 1 << 17
};

/* What a hostile file may make of itself. Real traces shrink to a tenth, small ones to a
 * hundredth. */
#define RATIO_MAX UINT64_C(1000)
#define UNPACKED_MAX (UINT64_C(1) << 33)

/* --- packing --- */

struct packing {
    ZSTD_CCtx *context;
    uint8_t *bytes;
    size_t used;
    size_t room;
};

static bool make_room(struct packing *packing)
{
    if (packing->used < packing->room)
        return true;
    size_t room = packing->room + packing->room / 2 + CHUNK_BYTES;
    uint8_t *bytes = realloc(packing->bytes, room);
    if (!bytes)
        return false;
    packing->bytes = bytes;
    packing->room = room;
    return true;
}

static bool pump(struct packing *packing, ZSTD_inBuffer in, ZSTD_EndDirective end)
{
    size_t left;
    do {
        if (!make_room(packing))
            return false;
        ZSTD_outBuffer out = {packing->bytes, packing->room, packing->used};
        left = ZSTD_compressStream2(packing->context, &out, &in, end);
        packing->used = out.pos;
        if (ZSTD_isError(left))
            return false;
    } while (end == ZSTD_e_end ? left != 0 : in.pos < in.size);
    return true;
}

struct packing *packing_create(const struct snapshot_moment *moment, uint64_t size_bytes)
{
    struct snapshot_head head = {
        .frame = SNAPSHOT_FRAME,
        .frame_bytes = sizeof head - offsetof(struct snapshot_head, magic),
        .version = SNAPSHOT_VERSION,
        .byte_order = TRACE_BYTE_ORDER,
        .moment = *moment,
    };
    struct packing *packing = calloc(1, sizeof *packing);
    if (!packing)
        return NULL;
    packing->context = ZSTD_createCCtx();
    if (!packing->context || !make_room(packing)) {
        packing_destroy(packing);
        return NULL;
    }
    ZSTD_CCtx_setParameter(packing->context, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(packing->context, ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setPledgedSrcSize(packing->context, size_bytes);
    memcpy(head.magic, SNAPSHOT_MAGIC, sizeof head.magic);
    memcpy(packing->bytes, &head, sizeof head);
    packing->used = sizeof head;
    return packing;
}

bool packing_add(struct packing *packing, const void *bytes, size_t size_bytes)
{
    return pump(packing, (ZSTD_inBuffer){bytes, size_bytes, 0}, ZSTD_e_continue);
}

void *packing_finish(struct packing *packing, size_t *ret_size_bytes)
{
    if (!pump(packing, (ZSTD_inBuffer){NULL, 0, 0}, ZSTD_e_end))
        return NULL;
    void *bytes = packing->bytes;
    *ret_size_bytes = packing->used;
    packing->bytes = NULL;
    return bytes;
}

void packing_destroy(struct packing *packing)
{
    if (!packing)
        return;
    ZSTD_freeCCtx(packing->context);
    free(packing->bytes);
    free(packing);
}

/* --- unpacking --- */

struct unpacking {
    int fd;
    uint64_t file_offset; /* of what is to be read next */
    ZSTD_DCtx *context;
    uint8_t *chunk;
    ZSTD_inBuffer in;
    uint8_t *bytes;
    uint64_t size_bytes;
    uint64_t unpacked_bytes;
    bool is_at_end; /* of the frame */
};

/* Reads up to size bytes; returns how many there are before the end of the file. */
static size_t read_up_to(int fd, void *buffer, size_t size, uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(fd, (char *)buffer + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

static bool check_head(const struct snapshot_head *head, struct error *error)
{
    if (head->byte_order != TRACE_BYTE_ORDER)
        return error_at(error, offsetof(struct snapshot_head, byte_order),
                        "a snapshot of a machine with another byte order, or damaged");
    if (head->version != SNAPSHOT_VERSION)
        return error_at(error, offsetof(struct snapshot_head, version),
                        "snapshot format %u, but this memtrace reads %u", head->version,
                        SNAPSHOT_VERSION);
    if (head->frame_bytes != sizeof *head - offsetof(struct snapshot_head, magic))
        return error_at(error, offsetof(struct snapshot_head, frame_bytes), "damaged header");
    return true;
}

static enum packed_kind kind_of(const struct snapshot_head *head, size_t size_bytes)
{
    if (size_bytes >= sizeof head->frame && head->frame == ZSTD_MAGICNUMBER)
        return PACKED_TRACE;
    if (size_bytes == sizeof *head && head->frame == SNAPSHOT_FRAME &&
        memcmp(head->magic, SNAPSHOT_MAGIC, sizeof head->magic) == 0)
        return PACKED_SNAPSHOT;
    return PACKED_NOT;
}

/* The frame says how large its content is. That is believed as far as a frame of its size could
 * hold it, and memory is used only as the content comes. */
static bool measure_frame(struct unpacking *unpacking, uint64_t frame_bytes, struct error *error)
{
    uint8_t start[32];
    size_t got = read_up_to(unpacking->fd, start, sizeof start, unpacking->file_offset);
    unsigned long long content = ZSTD_getFrameContentSize(start, got);
    if (content == ZSTD_CONTENTSIZE_UNKNOWN)
        return error_at(error, unpacking->file_offset,
                        "packed in one go, so its size is not known: unpack it with zstd -d");
    if (content == ZSTD_CONTENTSIZE_ERROR)
        return error_at(error, unpacking->file_offset, "a damaged snapshot");
    if (content > UNPACKED_MAX || content > SIZE_MAX / 2 ||
        content / RATIO_MAX > frame_bytes + 1024)
        return error_at(error, unpacking->file_offset,
                        "claims to hold %llu bytes: too much to be true", content);
    unpacking->size_bytes = content;
    return true;
}

static bool start_unpacking(struct unpacking *unpacking, struct error *error)
{
    unpacking->bytes = malloc(unpacking->size_bytes + 1);
    unpacking->chunk = malloc(CHUNK_BYTES);
    unpacking->context = ZSTD_createDCtx();
    return (unpacking->bytes && unpacking->chunk && unpacking->context) ||
           error_out_of_memory(error);
}

struct unpacking *unpacking_create(int fd, uint64_t file_bytes, enum packed_kind *ret_kind,
                                   struct snapshot_moment *ret_moment, struct error *error)
{
    struct snapshot_head head;
    size_t got = read_up_to(fd, &head, sizeof head, 0);
    *ret_kind = kind_of(&head, got);
    if (*ret_kind == PACKED_NOT || (*ret_kind == PACKED_SNAPSHOT && !check_head(&head, error)))
        return NULL;
    struct unpacking *unpacking = calloc(1, sizeof *unpacking);
    if (!unpacking) {
        error_out_of_memory(error);
        return NULL;
    }
    unpacking->fd = fd;
    if (*ret_kind == PACKED_SNAPSHOT) {
        unpacking->file_offset = sizeof head;
        *ret_moment = head.moment;
    }
    if (measure_frame(unpacking, file_bytes, error) && start_unpacking(unpacking, error))
        return unpacking;
    unpacking_destroy(unpacking);
    return NULL;
}

uint64_t unpacking_size_bytes(const struct unpacking *unpacking)
{
    return unpacking->size_bytes;
}

static bool refill(struct unpacking *unpacking, struct error *error)
{
    if (unpacking->in.pos < unpacking->in.size)
        return true;
    size_t got = read_up_to(unpacking->fd, unpacking->chunk, CHUNK_BYTES, unpacking->file_offset);
    if (got == 0)
        return error_at(error, unpacking->file_offset, "truncated");
    unpacking->file_offset += got;
    unpacking->in = (ZSTD_inBuffer){unpacking->chunk, got, 0};
    return true;
}

/* Unpacks some more. */
static bool step(struct unpacking *unpacking, struct error *error)
{
    ZSTD_outBuffer out = {unpacking->bytes, unpacking->size_bytes, unpacking->unpacked_bytes};
    if (unpacking->is_at_end)
        return error_at(error, unpacking->file_offset, "truncated");
    if (!refill(unpacking, error))
        return false;
    size_t left = ZSTD_decompressStream(unpacking->context, &out, &unpacking->in);
    unpacking->unpacked_bytes = out.pos;
    unpacking->is_at_end = left == 0;
    return !ZSTD_isError(left) || error_at(error, unpacking->file_offset, "cannot be unpacked: %s",
                                           ZSTD_getErrorName(left));
}

const uint8_t *unpacking_until(struct unpacking *unpacking, uint64_t end_bytes, struct error *error)
{
    if (end_bytes > unpacking->size_bytes) {
        error_at(error, unpacking->size_bytes, "truncated");
        return NULL;
    }
    /* The checksum comes behind the last byte. */
    while (unpacking->unpacked_bytes < end_bytes ||
           (end_bytes == unpacking->size_bytes && !unpacking->is_at_end))
        if (!step(unpacking, error))
            return NULL;
    return unpacking->bytes;
}

void unpacking_destroy(struct unpacking *unpacking)
{
    if (!unpacking)
        return;
    ZSTD_freeDCtx(unpacking->context);
    free(unpacking->chunk);
    free(unpacking->bytes);
    free(unpacking);
}
