/* SPDX-License-Identifier: BSD-2-Clause */
/* image.h -- The bytes of a trace: those of a file, or what is packed in it.
 *
 * A packed trace, as memtrace snapshot writes it, is unpacked only as far as it is read. */
#ifndef MEMTRACE_IMAGE_H
#define MEMTRACE_IMAGE_H

#include "error.h"
#include "packed.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image {
    int fd;
    uint64_t size_bytes;
    struct unpacking *unpacking; /* NULL: the file's bytes are the trace's */
    bool is_snapshot;
    struct snapshot_moment moment; /* of a snapshot */
};

/* fd stays the caller's, and open as long as the image. Fails if it is no regular file. */
bool image_open(struct image *image, int fd, struct error *error);
/* Asks for the size again: a file that is being written grows. */
bool image_measure(struct image *image, struct error *error);
bool image_read(struct image *image, void *buffer, uint64_t size, uint64_t offset,
                struct error *error);
/* What is packed has a checksum behind it: unpacks the rest, and is true if it is right. */
bool image_verify(struct image *image, struct error *error);
void image_close(struct image *image);

#endif
