/* SPDX-License-Identifier: BSD-2-Clause */
/* image.c -- The bytes of a trace: those of a file, or what is packed in it. */
#include "image.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool check_kind(int fd, uint64_t *ret_file_bytes, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return error_set(error, "%s", strerror(errno));
    if (S_ISDIR(status.st_mode))
        return error_set(error, "a directory, not a trace");
    if (!S_ISREG(status.st_mode))
        return error_set(error, "not a regular file");
    if (status.st_size == 0)
        return error_set(error, "an empty file, not a trace");
    *ret_file_bytes = (uint64_t)status.st_size;
    return true;
}

bool image_open(struct image *image, int fd, struct error *error)
{
    enum packed_kind kind;
    *image = (struct image){.fd = fd};
    if (!check_kind(fd, &image->size_bytes, error))
        return false;
    image->unpacking = unpacking_create(fd, image->size_bytes, &kind, &image->moment, error);
    image->is_snapshot = kind == PACKED_SNAPSHOT;
    if (image->unpacking)
        image->size_bytes = unpacking_size_bytes(image->unpacking);
    return image->unpacking || kind == PACKED_NOT;
}

bool image_measure(struct image *image, struct error *error)
{
    return image->unpacking || check_kind(image->fd, &image->size_bytes, error);
}

static bool read_file(int fd, char *next, uint64_t size, uint64_t offset, struct error *error)
{
    while (size) {
        ssize_t got = pread(fd, next, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_at(error, offset, "cannot be read: %s", strerror(errno));
        if (got == 0)
            return error_at(error, offset, "truncated");
        next += got;
        offset += (uint64_t)got;
        size -= (uint64_t)got;
    }
    return true;
}

bool image_read(struct image *image, void *buffer, uint64_t size, uint64_t offset,
                struct error *error)
{
    if (!image->unpacking)
        return read_file(image->fd, buffer, size, offset, error);
    if (size > image->size_bytes || offset > image->size_bytes - size)
        return error_at(error, image->size_bytes, "truncated");
    const uint8_t *bytes = unpacking_until(image->unpacking, offset + size, error);
    if (bytes)
        memcpy(buffer, bytes + offset, size);
    return bytes != NULL;
}

bool image_verify(struct image *image, struct error *error)
{
    return !image->unpacking || unpacking_until(image->unpacking, image->size_bytes, error);
}

void image_close(struct image *image)
{
    unpacking_destroy(image->unpacking);
    image->unpacking = NULL;
}
