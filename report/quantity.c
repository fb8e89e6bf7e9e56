/* SPDX-License-Identifier: BSD-2-Clause */
/* quantity.c -- What can be plotted over time, and its value at each point of a series. */
#include "quantity.h"

#include <string.h>

static const struct {
    const char *word;
    const char *label;
    const char *about;
    enum unit unit;
} quantities[QUANTITY_COUNT] = {
    [QUANTITY_RSS] = {"rss", "RSS", "resident memory", UNIT_BYTES},
    [QUANTITY_LIVE] = {"live", "heap", "what is live of malloc's blocks", UNIT_BYTES},
    [QUANTITY_PSS] = {"pss", "PSS", "resident, shared pages divided by who shares them",
                      UNIT_BYTES},
    [QUANTITY_USS] = {"uss", "USS", "resident, and nobody else's", UNIT_BYTES},
    [QUANTITY_MAPPED] = {"mapped", "mapped", "what the program has from mmap and brk", UNIT_BYTES},
    [QUANTITY_OVERHEAD] = {"overhead", "RSS - heap", "resident memory less the live heap",
                           UNIT_BYTES},
    [QUANTITY_CGROUP] = {"cgroup", "cgroup", "all of the container, as its limit counts",
                         UNIT_BYTES},
    [QUANTITY_LIMIT] = {"limit", "limit", "what the container may have at most", UNIT_BYTES},
    [QUANTITY_THREADS] = {"threads", "threads", "threads", UNIT_COUNT},
    [QUANTITY_RATE] = {"rate", "allocated", "bytes allocated per second", UNIT_BYTES_PER_SECOND},
    [QUANTITY_CALLS] = {"calls", "allocations", "allocations per second", UNIT_PER_SECOND},
    [QUANTITY_FAULTS] = {"faults", "page faults", "page faults per second", UNIT_PER_SECOND},
    [QUANTITY_MAJOR_FAULTS] = {"majorfaults", "major faults",
                               "page faults that waited for a disk, per second", UNIT_PER_SECOND},
    [QUANTITY_CPU] = {"cpu", "CPU", "CPU time per second", UNIT_CPUS},
};

const char *quantity_word(enum quantity quantity)
{
    return quantities[quantity].word;
}

const char *quantity_label(enum quantity quantity)
{
    return quantities[quantity].label;
}

const char *quantity_about(enum quantity quantity)
{
    return quantities[quantity].about;
}

const char *quantity_remedy(enum quantity quantity)
{
    switch (quantity) {
    case QUANTITY_PSS:
    case QUANTITY_USS:
        return ": memtrace run --pss-interval=1s does";
    case QUANTITY_LIMIT:
        return ": its control group has none";
    case QUANTITY_CGROUP:
        return ": it is in none whose memory is counted";
    default:
        return "";
    }
}

enum unit quantity_unit(enum quantity quantity)
{
    return quantities[quantity].unit;
}

bool quantity_from_word(const char *word, enum quantity *ret_quantity)
{
    for (int i = 0; i < QUANTITY_COUNT; i++) {
        if (strcmp(word, quantities[i].word) != 0)
            continue;
        *ret_quantity = (enum quantity)i;
        return true;
    }
    return false;
}

bool quantity_is_rate(enum quantity quantity)
{
    return quantity >= QUANTITY_RATE;
}

/* --- values --- */

static bool take_range(const struct trace_range *range, double *ret_min, double *ret_max)
{
    *ret_min = (double)range->min;
    *ret_max = (double)range->max;
    return range->min >= 0;
}

/* Of merged points only the bounds of a difference are known. */
static bool take_difference(const struct trace_range *from, const struct trace_range *what,
                            double *ret_min, double *ret_max)
{
    *ret_min = (double)from->min - (double)what->max;
    *ret_max = (double)from->max - (double)what->min;
    return from->min >= 0 && what->min >= 0;
}

/* A counter that falls is one that was set back: how far it had come before is not known. */
static bool add_step(int64_t from, int64_t to, double *sum)
{
    *sum += (double)to - (double)from; /* hostile figures are no overflow */
    return from >= 0 && to >= from;
}

static bool take_rate(enum quantity quantity, const struct trace_point *before,
                      const struct trace_point *point, double *ret_rate)
{
    double sum = 0;
    double seconds = before ? (double)(point->time_ns - before->time_ns) / 1e9 : 0;
    bool is_known = seconds > 0;
    if (is_known && quantity == QUANTITY_RATE)
        is_known = add_step(before->alloc_bytes, point->alloc_bytes, &sum);
    if (is_known && quantity == QUANTITY_CALLS)
        is_known = add_step(before->alloc_count, point->alloc_count, &sum);
    if (is_known && quantity == QUANTITY_FAULTS)
        is_known = add_step(before->minor_faults, point->minor_faults, &sum);
    if (is_known && (quantity == QUANTITY_FAULTS || quantity == QUANTITY_MAJOR_FAULTS))
        is_known = add_step(before->major_faults, point->major_faults, &sum);
    if (is_known && quantity == QUANTITY_CPU) {
        is_known = add_step(before->cpu_user_ns, point->cpu_user_ns, &sum) &&
                   add_step(before->cpu_system_ns, point->cpu_system_ns, &sum);
        sum /= 1e9;
    }
    if (is_known)
        *ret_rate = sum / seconds;
    return is_known;
}

bool quantity_at(enum quantity quantity, const struct trace_point *before,
                 const struct trace_point *point, double *ret_min, double *ret_max)
{
    switch (quantity) {
    case QUANTITY_RSS:
        return take_range(&point->rss_bytes, ret_min, ret_max);
    case QUANTITY_LIVE:
        return take_range(&point->live_bytes, ret_min, ret_max);
    case QUANTITY_PSS:
        return take_range(&point->pss_bytes, ret_min, ret_max);
    case QUANTITY_USS:
        return take_range(&point->uss_bytes, ret_min, ret_max);
    case QUANTITY_MAPPED:
        return take_range(&point->mapped_bytes, ret_min, ret_max);
    case QUANTITY_CGROUP:
        return take_range(&point->cgroup_bytes, ret_min, ret_max);
    case QUANTITY_LIMIT:
        *ret_min = *ret_max = (double)point->cgroup_max_bytes;
        return point->cgroup_max_bytes > 0 && point->cgroup_max_bytes < INT64_MAX;
    case QUANTITY_THREADS:
        return take_range(&point->thread_count, ret_min, ret_max);
    case QUANTITY_OVERHEAD:
        return take_difference(&point->rss_bytes, &point->live_bytes, ret_min, ret_max);
    default:
        if (!take_rate(quantity, before, point, ret_min))
            return false;
        *ret_max = *ret_min;
        return true;
    }
}
