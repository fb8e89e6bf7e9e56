/* SPDX-License-Identifier: BSD-2-Clause */
/* survival.c -- How old the live blocks of a call site are, as far as its history tells. */
#include "survival.h"

#include <stdbool.h>

#define NO_POINT UINT32_MAX

/* All that was allocated (or inherited) and freed by some point. */
struct sums {
    uint64_t alloc_count;
    uint64_t alloc_bytes;
    uint64_t free_count;
    uint64_t freed_bytes;
};

struct aging {
    const struct threshold *threshold;
    struct sums now;
    struct sums end;
    struct sums before;   /* at the threshold */
    uint32_t first_point; /* from which on a block that lives at the end was certainly there */
    uint32_t empty_point; /* the last one at which nothing was live */
    int64_t least_count;  /* live at once since the threshold */
    int64_t least_bytes;
};

/* Damaged figures may be anything; sums wrap around. */
static int64_t less(uint64_t from, uint64_t what)
{
    return (int64_t)(from - what);
}

static uint64_t at_least_nothing(int64_t number)
{
    return number > 0 ? (uint64_t)number : 0;
}

static void add(struct sums *sums, const struct change *change)
{
    sums->alloc_count += change->alloc_count;
    sums->alloc_bytes += change->alloc_bytes;
    sums->free_count += change->free_count;
    sums->freed_bytes += change->freed_bytes;
}

/* Nothing happens from the first of these points to the last. */
static void look_at(struct aging *aging, uint32_t first, uint32_t last)
{
    const struct sums *now = &aging->now;
    int64_t count = less(now->alloc_count, now->free_count);
    int64_t bytes = less(now->alloc_bytes, now->freed_bytes);
    if (count <= 0)
        aging->empty_point = last;
    if (aging->first_point == NO_POINT && less(now->alloc_count, aging->end.free_count) > 0)
        aging->first_point = first;
    if (first <= aging->threshold->before)
        aging->before = *now;
    if (last < aging->threshold->since)
        return;
    aging->least_count = count < aging->least_count ? count : aging->least_count;
    aging->least_bytes = bytes < aging->least_bytes ? bytes : aging->least_bytes;
}

static struct survival conclude(const struct aging *aging, const struct course *course)
{
    const uint64_t *times_ns = course->times_ns;
    const struct sums *end = &aging->end;
    const struct sums *before = &aging->before;
    uint64_t end_ns = times_ns[course->point_count - 1];
    struct survival survival = {0};
    if (less(end->alloc_count, end->free_count) <= 0)
        return survival;
    survival.oldest_ns.min =
        aging->first_point == NO_POINT ? 0 : end_ns - times_ns[aging->first_point];
    survival.oldest_ns.max =
        aging->empty_point == NO_POINT ? AGE_UNKNOWN : end_ns - times_ns[aging->empty_point];
    survival.outlived =
        (struct bounds){at_least_nothing(less(before->alloc_count, end->free_count)),
                        at_least_nothing(aging->least_count)};
    survival.outlived_size =
        (struct bounds){at_least_nothing(less(before->alloc_bytes, end->freed_bytes)),
                        at_least_nothing(aging->least_bytes)};
    return survival;
}

struct survival survival_of(const struct course *course, const struct change *changes, size_t count,
                            const struct trace_inherited *inherited,
                            const struct threshold *threshold)
{
    struct aging aging = {
        .threshold = threshold,
        .now = {.alloc_count = (uint64_t)inherited->live_count,
                .alloc_bytes = (uint64_t)inherited->live_bytes},
        .first_point = NO_POINT,
        .empty_point = NO_POINT,
        .least_count = INT64_MAX,
        .least_bytes = INT64_MAX,
    };
    aging.end = aging.now;
    for (size_t i = 0; i < count; i++)
        add(&aging.end, &changes[i]);
    uint32_t point = 0;
    for (size_t i = 0; i < count;) {
        if (changes[i].point > point)
            look_at(&aging, point, changes[i].point - 1);
        point = changes[i].point;
        while (i < count && changes[i].point == point)
            add(&aging.now, &changes[i++]);
    }
    look_at(&aging, point, course->point_count - 1);
    return conclude(&aging, course);
}

/* The stamps win where they contradict the history: the program has gone on since. */
static void narrow(struct bounds *bounds, uint64_t min, uint64_t max)
{
    uint64_t both_min = bounds->min > min ? bounds->min : min;
    uint64_t both_max = bounds->max < max ? bounds->max : max;
    *bounds =
        both_min <= both_max ? (struct bounds){both_min, both_max} : (struct bounds){min, max};
}

void survival_narrow(struct survival *survival, const struct live_ages *ages)
{
    if (!ages->stamped_count)
        return;
    narrow(&survival->oldest_ns, ages->oldest.min_ns,
           ages->unstamped_count ? AGE_UNKNOWN : ages->oldest.max_ns);
    narrow(&survival->outlived, ages->old_count, ages->oldish_count + ages->unstamped_count);
    narrow(&survival->outlived_size, ages->old_bytes, ages->oldish_bytes + ages->unstamped_bytes);
}

static void widen(struct bounds *sum, const struct bounds *more)
{
    sum->min = sum->min > more->min ? sum->min : more->min;
    sum->max = sum->max > more->max ? sum->max : more->max;
}

void survival_add(struct survival *sum, const struct survival *site)
{
    widen(&sum->oldest_ns, &site->oldest_ns);
    sum->outlived.min += site->outlived.min;
    sum->outlived.max += site->outlived.max;
    sum->outlived_size.min += site->outlived_size.min;
    sum->outlived_size.max += site->outlived_size.max;
}
