/* SPDX-License-Identifier: BSD-2-Clause */
/* slowdown.c -- How much slower is too much: memtrace diff --cpu --fail-above. */
#include "slowdown.h"

#include "text.h"

bool slowdown_limit_parse(struct slowdown_limit *limit, const char *text)
{
    static const struct text_unit units[] = {
        {"%", true, 1},     {"ns", false, 1},  {"us", false, 1e3}, {"µs", false, 1e3},
        {"ms", false, 1e6}, {"s", false, 1e9}, {"m", false, 60e9}, {"h", false, 3600e9}};
    const struct text_unit *unit =
        text_parse_amount(text, units, sizeof units / sizeof *units, &limit->number);
    if (unit)
        limit->is_percent = unit->kind;
    return unit;
}

struct number_text slowdown_limit_text(const struct slowdown_limit *limit)
{
    struct number_text text;
    snprintf(text.text, sizeof text.text, limit->is_percent ? "%.4g %%" : "%.4g s",
             limit->is_percent ? limit->number : limit->number / 1e9);
    return text;
}

/* --- what is too much --- */

/* In nanoseconds: of nothing, any time is too much. */
static double limit_ns(const struct slowdown *slowdown)
{
    double before_ns = (double)slowdown->whole.old.time_ns;
    if (!slowdown->limit.is_percent)
        return slowdown->limit.number;
    return before_ns * slowdown->limit.number / 100;
}

static int64_t change_ns(const struct time_change *change)
{
    return change->new.time_ns - change->old.time_ns;
}

static bool is_too_much(const struct slowdown *slowdown, const struct time_change *change)
{
    return change->verdict == VERDICT_SLOWER && (double)change_ns(change) > limit_ns(slowdown);
}

static int compare_items(const void *a, const void *b, void *context)
{
    const struct comparison *comparison = context;
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    struct time_change left_change = diff_times_change(comparison, &comparison->items[left]);
    struct time_change right_change = diff_times_change(comparison, &comparison->items[right]);
    if (change_ns(&left_change) != change_ns(&right_change))
        return change_ns(&left_change) < change_ns(&right_change) ? 1 : -1;
    return (left > right) - (left < right);
}

bool slowdown_init(struct slowdown *slowdown, const struct comparison *comparison,
                   const struct slowdown_limit *limit, struct error *error)
{
    *slowdown = (struct slowdown){.limit = *limit, .whole = diff_times_change(comparison, NULL)};
    slowdown->items = calloc((size_t)comparison->count + 1, sizeof *slowdown->items);
    if (!slowdown->items)
        return error_out_of_memory(error);
    for (uint32_t i = 0; i < comparison->count; i++) {
        struct time_change change = diff_times_change(comparison, &comparison->items[i]);
        if (is_too_much(slowdown, &change))
            slowdown->items[slowdown->item_count++] = i;
    }
    slowdown->is_whole_failed = is_too_much(slowdown, &slowdown->whole);
    slowdown->is_failed = slowdown->item_count || slowdown->is_whole_failed;
    qsort_r(slowdown->items, slowdown->item_count, sizeof *slowdown->items, compare_items,
            (void *)comparison);
    return true;
}

void slowdown_finish(struct slowdown *slowdown)
{
    free(slowdown->items);
    *slowdown = (struct slowdown){0};
}
