/* SPDX-License-Identifier: BSD-2-Clause */
/* looks.c -- What the resident memory of a process was made of, at the moments at which the
 * recorder looked. */
#include "looks.h"

#include <stdlib.h>

#define BYTES_MAX (INT64_C(1) << 56) /* more than any address space has */

/* It may have been half written when the program was killed, or when it was copied. */
static bool is_good(const struct trace_residence *written)
{
    if (!written->time_ns || written->time_ns != written->end_time_ns)
        return false;
    for (int kind = 0; kind < RESIDENCE_MAX; kind++)
        if (written->bytes[kind] < 0 || written->bytes[kind] > BYTES_MAX)
            return false;
    return written->rss_bytes > 0 && written->rss_bytes <= BYTES_MAX &&
           written->absent_live_bytes >= 0 && written->absent_live_bytes <= BYTES_MAX;
}

static struct look look_of(const struct trace_residence *written, uint64_t origin_ns)
{
    struct look look = {
        .time_ns = written->time_ns > origin_ns ? written->time_ns - origin_ns : 0,
        .residence = {.rss_bytes = written->rss_bytes,
                      .absent_live_bytes = written->absent_live_bytes,
                      .knows_blocks = written->knows_blocks != 0},
    };
    for (int kind = 0; kind < RESIDENCE_COUNT; kind++)
        look.residence.bytes[kind] = written->bytes[kind];
    return look;
}

static int compare_looks(const void *a, const void *b)
{
    uint64_t a_ns = ((const struct look *)a)->time_ns;
    uint64_t b_ns = ((const struct look *)b)->time_ns;
    return (a_ns > b_ns) - (a_ns < b_ns);
}

bool looks_init(struct looks *looks, const struct trace *trace, struct error *error)
{
    *looks = (struct looks){.items = calloc((size_t)trace->look_count + 1, sizeof *looks->items)};
    if (!looks->items)
        return error_out_of_memory(error);
    for (uint32_t i = 0; i < trace->look_count; i++)
        if (is_good(&trace->looks[i]))
            looks->items[looks->count++] = look_of(&trace->looks[i], trace->header.start_time_ns);
    qsort(looks->items, looks->count, sizeof *looks->items, compare_looks);
    return true;
}

void looks_finish(struct looks *looks)
{
    free(looks->items);
    *looks = (struct looks){0};
}

const struct look *looks_largest(const struct looks *looks)
{
    const struct look *largest = looks->count ? looks->items : NULL;
    for (size_t i = 1; i < looks->count; i++)
        if (looks->items[i].residence.rss_bytes > largest->residence.rss_bytes)
            largest = &looks->items[i];
    return largest;
}

const struct look *looks_latest(const struct looks *looks)
{
    return looks->count ? &looks->items[looks->count - 1] : NULL;
}
