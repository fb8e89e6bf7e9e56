/* SPDX-License-Identifier: BSD-2-Clause */
/* peak_rss.h -- The peak RSS of this very process; ru_maxrss includes that of who started it. */
#ifndef BENCHMARKS_PEAK_RSS_H
#define BENCHMARKS_PEAK_RSS_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Allocates nothing, so nothing more is recorded. Returns 0 if the kernel does not tell. */
static inline long peak_rss_bytes(void)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[length > 0 ? length : 0] = 0;
    const char *line = strstr(text, "VmHWM:");
    return line ? strtol(line + 6, NULL, 10) * 1024 : 0;
}

#endif
