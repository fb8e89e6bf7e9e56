/* SPDX-License-Identifier: BSD-2-Clause */
/* loader.h -- What the dynamic loader knows of an address, asked without its lock. */
#ifndef MEMTRACE_LOADER_H
#define MEMTRACE_LOADER_H

#include <stdbool.h>
#include <stdint.h>

struct link_map;

struct loaded_object {
    uint64_t start; /* of all its segments, end exclusive; there may be holes */
    uint64_t end;
    const struct link_map *link_map;
    const uint8_t *elf_header;   /* NULL when it is not where it usually is */
    const uint8_t *eh_frame_hdr; /* PT_GNU_EH_FRAME, NULL if the file has none */
    uint64_t tables_start;       /* of the segment that holds the unwind tables */
    uint64_t tables_end;
};

/* The executable's program headers, from the auxiliary vector. Call once at start. */
void loader_init(uint64_t program_headers, uint64_t count);

/* False when address is no code of a loaded object, or glibc is older than 2.35. */
bool loader_find(uint64_t address, struct loaded_object *ret_object);

#endif
