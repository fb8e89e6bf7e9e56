/* SPDX-License-Identifier: BSD-2-Clause */
/* smaps.h -- The mappings of the process, and how much of each is resident. */
#ifndef MEMTRACE_SMAPS_H
#define MEMTRACE_SMAPS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SMAPS_NAME_BYTES = 16
};

struct mapping {
    uint64_t start;
    uint64_t end;
    uint64_t inode; /* 0: there is no file */
    int64_t rss_bytes;
    bool is_writable;
    bool is_shared;
    bool is_kept_from_dumps;
    char name[SMAPS_NAME_BYTES]; /* the beginning of the path, "" if there is none */
};

/* Shows them all by rising address. False if the kernel does not tell. The kernel looks at every
 * page for it. By one thread at a time. */
bool smaps_visit(void (*visit)(const struct mapping *mapping, void *data), void *data);

#endif
