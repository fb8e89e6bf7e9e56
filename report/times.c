/* SPDX-License-Identifier: BSD-2-Clause */
/* times.c -- Time as samples tell it: what figures mean in the domains of time. */
#include "times.h"

#include "sites.h"

#include <math.h>

static enum trace_domain domain_of(const struct trace_owner *owner)
{
    return owner->thread_domain >> OWNER_DOMAIN_SHIFT;
}

/* See trace_figures: counters of this epoch have what was at the peak in them. */
static void keep_off_cpu(struct trace_counters *counters, bool is_off)
{
    counters->peak_epoch = UINT64_MAX;
    counters->peak_count = is_off ? (int64_t)counters->alloc_count : 0;
    counters->peak_bytes = is_off ? (int64_t)counters->alloc_bytes : 0;
    counters->temporary_count = 0;
}

void times_show(struct trace *trace, enum times_kind kind)
{
    trace->domain = kind == TIMES_CPU ? DOMAIN_CPU : DOMAIN_OFF_CPU;
    for (uint32_t i = 1; i < trace->owner_count; i++) {
        enum trace_domain domain = domain_of(&trace->owners[i]);
        bool is_off = kind == TIMES_WALL && domain == DOMAIN_OFF_CPU;
        if (!is_off && domain != DOMAIN_CPU)
            continue;
        keep_off_cpu(&trace->counters[i], is_off);
        trace->owners[i].thread_domain &= OWNER_THREAD_MASK;
        trace->owners[i].thread_domain |= trace->domain << OWNER_DOMAIN_SHIFT;
    }
}

bool times_are_there(const struct trace *trace, enum times_kind kind)
{
    for (uint32_t i = 1; i < trace->owner_count; i++) {
        enum trace_domain domain = domain_of(&trace->owners[i]);
        if (domain == (kind == TIMES_CPU ? DOMAIN_CPU : DOMAIN_OFF_CPU) &&
            trace->counters[i].alloc_count)
            return true;
    }
    return false;
}

struct times times_of(const struct figures *figures)
{
    return (struct times){
        .samples = figures->alloc_count,
        .time_ns = (int64_t)figures->alloc_bytes,
        .kernel_ns = (int64_t)figures->freed_bytes,
        .off_ns = figures->peak_bytes,
        .off_samples = (uint64_t)figures->peak_count,
    };
}

double times_error_ns(const struct times *part, const struct times *whole)
{
    if (!whole->samples || part->samples > whole->samples)
        return 0;
    double count = (double)whole->samples;
    double share = (double)part->samples / count;
    return (double)whole->time_ns * sqrt(share * (1 - share) / count);
}

/* The variance of a time: each of its samples adds the square of what it stands for. */
static double variance(const struct times *times, double period_ns)
{
    return (times->samples ? (double)times->samples : 1) * period_ns * period_ns;
}

static double period_of(const struct times *times, const struct times *other)
{
    const struct times *known = times->samples ? times : other;
    return known->samples ? (double)known->time_ns / (double)known->samples : 0;
}

double times_z_score(const struct times *old, const struct times *new)
{
    double sum = variance(old, period_of(old, new)) + variance(new, period_of(new, old));
    return sum > 0 ? (double)(new->time_ns - old->time_ns) / sqrt(sum) : 0;
}

double times_chance(double z_score)
{
    return erfc(fabs(z_score) / M_SQRT2);
}
