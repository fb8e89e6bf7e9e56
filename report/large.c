/* SPDX-License-Identifier: BSD-2-Clause */
/* large.c -- Arrays that may have many megabytes, on huge pages where the kernel has them. */
#include "large.h"

#include <stdlib.h>
#include <sys/mman.h>

enum {
    HUGE_BYTES = 1 << 21,
    WORTH_BYTES = 4 * HUGE_BYTES
};

void *large_alloc(size_t size_bytes)
{
    if (size_bytes < WORTH_BYTES)
        return malloc(size_bytes ? size_bytes : 1);
    void *bytes = aligned_alloc(HUGE_BYTES, size_bytes / HUGE_BYTES * HUGE_BYTES + HUGE_BYTES);
    if (bytes) /* advice: it may be ignored */
        (void)madvise(bytes, size_bytes, MADV_HUGEPAGE);
    return bytes;
}
