/* SPDX-License-Identifier: BSD-2-Clause */
/* mappings.c -- The memory that the program has mapped by itself: mmap, mremap, brk. */
#include "mappings.h"

static int64_t live_bytes;

int64_t mappings_live_bytes(void)
{
    return __atomic_load_n(&live_bytes, __ATOMIC_RELAXED);
}
