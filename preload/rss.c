/* SPDX-License-Identifier: BSD-2-Clause */
/* rss.c -- How much memory the kernel has given to the process. */
#include "rss.h"

#include "sys.h"
#include "text.h"

#include <fcntl.h>

enum {
    RSS_PAGE_BYTES = 4096
};

/* statm: size, resident, … in pages. */
int64_t rss_bytes(void)
{
    char line[128];
    uint64_t pages;
    long fd = sys(__NR_openat, AT_FDCWD, "/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    long length = sys(__NR_read, fd, line, sizeof line - 1);
    sys(__NR_close, fd);
    if (length <= 0)
        return -1;
    line[length] = 0;
    const char *rest = text_read_number(line, &pages);
    if (!rest || *rest != ' ' || !text_read_number(rest + 1, &pages))
        return -1;
    return (int64_t)pages * RSS_PAGE_BYTES;
}
