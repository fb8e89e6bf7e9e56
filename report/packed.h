/* SPDX-License-Identifier: BSD-2-Clause */
/* packed.h -- Traces packed with zstd.
 *
 * A snapshot is a skippable frame of zstd's, which holds a struct snapshot_head, and then one frame
 * with a trace as in trace_format.h; so zstd -d makes a trace of it. Numbers have the byte order of
 * the machine that wrote them. */
#ifndef MEMTRACE_PACKED_H
#define MEMTRACE_PACKED_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SNAPSHOT_FRAME 0x184d2a50u /* a skippable frame begins so; its size follows */
#define SNAPSHOT_MAGIC "memtsnap"
#define SNAPSHOT_VERSION 1u

/* When the figures of a trace were read, and how much they belong together. */
struct snapshot_moment {
    uint64_t time_ns;     /* CLOCK_MONOTONIC, as everything in a trace */
    uint64_t realtime_ns; /* CLOCK_REALTIME at that moment */
    uint64_t spread_ns;   /* call sites that changed meanwhile are younger by at most this */
    uint32_t moved_sites; /* how many did */
    uint32_t is_running;  /* the program did */
    uint32_t is_peak_settled;
    uint32_t instant_kind; /* an earlier moment of the run than that: enum instant_kind, … */
    uint64_t instant_time_ns;
    uint32_t instant_mark; /* … and the rest of struct instant */
    uint32_t reserved;
};

struct snapshot_head {
    uint32_t frame; /* SNAPSHOT_FRAME */
    uint32_t frame_bytes;
    char magic[8];
    uint32_t version;
    uint32_t byte_order;
    struct snapshot_moment moment;
};

/* --- packing --- */

struct packing;

/* size_bytes: of everything that will be added. NULL when out of memory. */
struct packing *packing_create(const struct snapshot_moment *moment, uint64_t size_bytes);
/* False when out of memory. */
bool packing_add(struct packing *packing, const void *bytes, size_t size_bytes);
/* The packed bytes, once all is added, to be freed; NULL when out of memory. */
void *packing_finish(struct packing *packing, size_t *ret_size_bytes);
void packing_destroy(struct packing *packing); /* NULL will do */

/* --- unpacking --- */

enum packed_kind {
    PACKED_NOT,      /* not packed at all */
    PACKED_TRACE,    /* by zstd */
    PACKED_SNAPSHOT, /* by memtrace snapshot */
};

struct unpacking;

/* Looks at the beginning of a file of file_bytes. NULL with PACKED_NOT, or with a reason. */
struct unpacking *unpacking_create(int fd, uint64_t file_bytes, enum packed_kind *ret_kind,
                                   struct snapshot_moment *ret_moment, struct error *error);
uint64_t unpacking_size_bytes(const struct unpacking *unpacking);
/* The unpacked bytes, of which the first end_bytes are there; NULL with a reason. */
const uint8_t *unpacking_until(struct unpacking *unpacking, uint64_t end_bytes,
                               struct error *error);
void unpacking_destroy(struct unpacking *unpacking);

_Static_assert(sizeof(struct snapshot_moment) == 56, "layout");
_Static_assert(sizeof(struct snapshot_head) == 80, "layout");

#endif
