/* SPDX-License-Identifier: BSD-2-Clause */
/* series_gaps.c -- What a series does not tell, in words. */
#include "series_gaps.h"

#include "text.h"

#include <stdio.h>
#include <string.h>

/* Times of one kind. */
struct gaps {
    uint64_t first_ns; /* where the first one begins */
    uint64_t total_ns;
    size_t count;
};

static void add(struct gaps *gaps, uint64_t from_ns, uint64_t to_ns)
{
    if (!gaps->count++)
        gaps->first_ns = from_ns;
    gaps->total_ns += to_ns - from_ns;
}

/* From the last reading that told of RSS to the next one that does; a point that stands for several
 * readings tells if any of them did. */
static struct gaps find_unknown(const struct series *series)
{
    struct gaps gaps = {0};
    for (size_t i = 0; i < series->count; i++) {
        const struct trace_point *point = &series->points[i];
        if (point->rss_bytes.max >= 0)
            continue;
        uint64_t from_ns = i ? series->points[i - 1].time_ns : series_point_begin_ns(point);
        while (i + 1 < series->count && series->points[i + 1].rss_bytes.max < 0)
            i++;
        bool is_last = i + 1 == series->count;
        add(&gaps, from_ns,
            is_last ? series->points[i].time_ns : series_point_begin_ns(&series->points[i + 1]));
    }
    return gaps;
}

static struct gaps find_holes(const struct series *series)
{
    struct gaps gaps = {0};
    for (size_t i = 1; i < series->count; i++) {
        uint64_t from_ns = series->points[i - 1].time_ns;
        uint64_t to_ns = series_point_begin_ns(&series->points[i]);
        if (to_ns - from_ns > series->hole_ns)
            add(&gaps, from_ns, to_ns);
    }
    return gaps;
}

static void describe(const struct gaps *gaps, const char *what, const char *why, char *buffer,
                     size_t buffer_bytes)
{
    struct number_text total = text_duration(gaps->total_ns);
    size_t used = strlen(buffer);
    if (!gaps->count)
        return;
    snprintf(buffer + used, buffer_bytes - used, "%s%s for %s, from %s on%s: %s", used ? "; " : "",
             what, total.text, text_duration(gaps->first_ns).text,
             gaps->count > 1 ? " and later again" : "", why);
}

void series_describe_gaps(const struct series *series, char *buffer, size_t buffer_bytes)
{
    buffer[0] = 0;
    if (series->is_heap_only || !series->count)
        return;
    struct gaps unknown = find_unknown(series);
    struct gaps holes = find_holes(series);
    describe(&unknown, "RSS is not known", "/proc could not be read", buffer, buffer_bytes);
    describe(&holes, "nothing was read", "the process was stopped, or got no CPU", buffer,
             buffer_bytes);
}
