/* SPDX-License-Identifier: BSD-2-Clause */
/* sections.h -- The sections of a trace file, read so that they belong together.
 *
 * Nothing the header says is believed before it was compared with what is there. Of a program that
 * runs, sections grow and counters change while they are read: see collect.h. What the sections
 * hold is checked by trace.c. */
#ifndef MEMTRACE_SECTIONS_H
#define MEMTRACE_SECTIONS_H

#include "../preload/trace_format.h"
#include "error.h"
#include "nodes.h"
#include "packed.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sections {
    struct trace_header header;
    uint64_t file_bytes; /* of what is unpacked, if it is a snapshot */
    /* Of SECTION_HISTORY and SECTION_SERIES the active half alone; SECTION_NODES is in nodes. */
    void *bytes[SECTION_COUNT];
    struct nodes nodes;
    uint64_t size_bytes[SECTION_COUNT]; /* whole elements */
    struct snapshot_moment moment;      /* of the reading, or of the snapshot */
    bool is_snapshot;
    uint32_t pid; /* of the process that has the file mapped, as it is known here; 0: none has */
};

/* Reads all of them. Fails with a reason, and leaves nothing to finish. */
bool sections_init(struct sections *sections, int fd, struct error *error);
/* How things stand now, without history, series and marks. */
bool sections_init_now(struct sections *sections, int fd, struct error *error);
/* Only the header and some sections, a bit for each. */
bool sections_init_some(struct sections *sections, int fd, unsigned wanted, struct error *error);
void sections_finish(struct sections *sections);

uint32_t sections_count(const struct sections *sections, enum trace_section section);
/* The place of a byte of a section in the file, for messages; or ERROR_NO_OFFSET. */
uint64_t sections_position(const struct sections *sections, enum trace_section section,
                           uint64_t offset);

#endif
