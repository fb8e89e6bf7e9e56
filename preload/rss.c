/* SPDX-License-Identifier: BSD-2-Clause */
/* rss.c -- How much memory the kernel has given to the process. */
#include "rss.h"

#include "small_file.h"
#include "text.h"

enum {
    RSS_PAGE_BYTES = 4096
};

/* statm: size, resident, … in pages. */
int64_t rss_bytes(void)
{
    char line[128];
    uint64_t pages;
    if (!small_file_read("/proc/self/statm", line, sizeof line))
        return -1;
    const char *rest = text_read_number(line, &pages);
    if (!rest || *rest != ' ' || !text_read_number(rest + 1, &pages))
        return -1;
    return (int64_t)pages * RSS_PAGE_BYTES;
}

/* Of a line "Name:   123 kB". */
static int64_t kilobytes_after(const char *lines, const char *name)
{
    uint64_t kilobytes;
    const char *value = text_line_after(lines, name);
    while (value && (*value == ' ' || *value == '\t'))
        value++;
    if (!value || !text_read_number(value, &kilobytes) || kilobytes > INT64_MAX / 1024)
        return -1;
    return (int64_t)kilobytes * 1024;
}

/* Too large for a stack: in status, supplementary groups come first, and may be many. */
static char lines[4096];

int64_t rss_peak_bytes(void)
{
    if (!small_file_read("/proc/self/status", lines, sizeof lines))
        return -1;
    return kilobytes_after(lines, "VmHWM:");
}

struct rss_shares rss_shares(void)
{
    struct rss_shares shares = {-1, -1};
    if (!small_file_read("/proc/self/smaps_rollup", lines, sizeof lines))
        return shares;
    int64_t clean_bytes = kilobytes_after(lines, "Private_Clean:");
    int64_t dirty_bytes = kilobytes_after(lines, "Private_Dirty:");
    shares.pss_bytes = kilobytes_after(lines, "Pss:");
    if (clean_bytes >= 0 && dirty_bytes >= 0)
        shares.uss_bytes = clean_bytes + dirty_bytes;
    return shares;
}
