/* SPDX-License-Identifier: BSD-2-Clause */
/* growth.c -- How much growth is too much: memtrace diff --fail-above. */
#include "growth.h"

#include <math.h>

/* --- the limit --- */

static const struct text_unit suffixes[] = {
    {"", GROWTH_BYTES, 1},         {"B", GROWTH_BYTES, 1},        {"K", GROWTH_BYTES, 0x1p10},
    {"KiB", GROWTH_BYTES, 0x1p10}, {"M", GROWTH_BYTES, 0x1p20},   {"MiB", GROWTH_BYTES, 0x1p20},
    {"G", GROWTH_BYTES, 0x1p30},   {"GiB", GROWTH_BYTES, 0x1p30}, {"T", GROWTH_BYTES, 0x1p40},
    {"TiB", GROWTH_BYTES, 0x1p40}, {"%", GROWTH_PERCENT, 1},      {"block", GROWTH_BLOCKS, 1},
    {"blocks", GROWTH_BLOCKS, 1},
};

bool growth_limit_parse(struct growth_limit *limit, const char *text)
{
    const struct text_unit *unit =
        text_parse_amount(text, suffixes, sizeof suffixes / sizeof *suffixes, &limit->number);
    if (unit)
        limit->unit = (enum growth_unit)unit->kind;
    return unit;
}

struct number_text growth_text(enum growth_unit unit, double number, bool with_sign)
{
    struct number_text text;
    if (unit == GROWTH_BYTES)
        return with_sign ? text_size_change(number) : text_size(number);
    snprintf(text.text, sizeof text.text, with_sign ? "%+.4g%s" : "%.4g%s", number,
             unit == GROWTH_PERCENT ? "%"
             : number == 1          ? " block"
                                    : " blocks");
    return text;
}

/* --- the growth --- */

/* A change in the unit of the limit. Of nothing, any growth is infinitely much. */
static double measure(const struct growth *growth, const struct comparison *comparison,
                      int64_t size_diff, int64_t count_diff)
{
    double before = (double)comparison->totals[SIDE_OLD].size_bytes;
    switch (growth->limit.unit) {
    case GROWTH_BLOCKS:
        return (double)count_diff;
    case GROWTH_PERCENT:
        if (before > 0)
            return (double)size_diff / before * 100;
        return size_diff > 0 ? INFINITY : 0;
    default:
        return (double)size_diff;
    }
}

static double measure_item(const struct growth *growth, const struct comparison *comparison,
                           uint32_t item)
{
    const struct difference *details = &comparison->items[item];
    return measure(growth, comparison, details->size_diff, details->count_diff);
}

static void take_items(struct growth *growth, const struct comparison *comparison, double limit)
{
    for (uint32_t i = 0; i < comparison->count; i++)
        if (measure_item(growth, comparison, i) > limit)
            growth->items[growth->item_count++] = i;
}

/* What is meant by largest, while items are being sorted. */
struct ranking {
    const struct growth *growth;
    const struct comparison *comparison;
};

static int compare_items(const void *a, const void *b, void *context)
{
    const struct ranking *ranking = context;
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    double left_growth = measure_item(ranking->growth, ranking->comparison, left);
    double right_growth = measure_item(ranking->growth, ranking->comparison, right);
    if (left_growth != right_growth)
        return left_growth < right_growth ? 1 : -1;
    return (left > right) - (left < right);
}

bool growth_init(struct growth *growth, const struct comparison *comparison,
                 const struct growth_limit *limit, struct error *error)
{
    const struct amount *totals = comparison->totals;
    *growth = (struct growth){.limit = *limit};
    growth->items = calloc((size_t)comparison->count + 1, sizeof *growth->items);
    if (!growth->items)
        return error_out_of_memory(error);
    growth->total = measure(
        growth, comparison,
        (int64_t)((uint64_t)totals[SIDE_NEW].size_bytes - (uint64_t)totals[SIDE_OLD].size_bytes),
        (int64_t)((uint64_t)totals[SIDE_NEW].count - (uint64_t)totals[SIDE_OLD].count));
    take_items(growth, comparison, limit->number);
    growth->is_failed = growth->item_count || growth->total > limit->number;
    if (growth->is_failed && !growth->item_count)
        take_items(growth, comparison, 0);
    struct ranking ranking = {growth, comparison};
    qsort_r(growth->items, growth->item_count, sizeof *growth->items, compare_items, &ranking);
    return true;
}

void growth_finish(struct growth *growth)
{
    free(growth->items);
    *growth = (struct growth){0};
}
