/* SPDX-License-Identifier: BSD-2-Clause */
/* compare.c -- What has changed from one heap to another: tracemalloc's compare_to. */
#include "compare.h"

#include <stdlib.h>
#include <string.h>

#define NO_ITEM UINT32_MAX

static int64_t minus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t plus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static uint64_t magnitude(int64_t number)
{
    return number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
}

static void amount_add(struct amount *sum, struct amount more)
{
    sum->size_bytes = plus(sum->size_bytes, more.size_bytes);
    sum->count = plus(sum->count, more.count);
}

/* --- adding up --- */

struct matching {
    struct comparison *comparison;
    struct amount *stacks[SIDE_COUNT]; /* per stack of the naming */
    uint32_t *items;                   /* per group */
    uint64_t *stamps;                  /* per group: the last site charged to it */
    bool *is_counted;                  /* per stack: it is in its group's stack_count */
    uint64_t site_count;
};

static bool matching_init(struct matching *matching)
{
    struct comparison *comparison = matching->comparison;
    const struct naming *naming = &comparison->naming;
    size_t stack_room = (size_t)naming->stacks.count + 1;
    size_t group_room = stack_room + naming->keys.count;
    for (int side = 0; side < SIDE_COUNT; side++)
        matching->stacks[side] = calloc(stack_room, sizeof *matching->stacks[side]);
    matching->items = malloc(group_room * sizeof *matching->items);
    matching->stamps = calloc(group_room, sizeof *matching->stamps);
    matching->is_counted = calloc(stack_room, sizeof *matching->is_counted);
    comparison->items = calloc(group_room, sizeof *comparison->items);
    if (matching->items)
        memset(matching->items, 0xff, group_room * sizeof *matching->items);
    return matching->stacks[SIDE_OLD] && matching->stacks[SIDE_NEW] && matching->items &&
           matching->stamps && matching->is_counted && comparison->items;
}

static void matching_finish(struct matching *matching)
{
    free(matching->stacks[SIDE_OLD]);
    free(matching->stacks[SIDE_NEW]);
    free(matching->items);
    free(matching->stamps);
    free(matching->is_counted);
}

/* A site as one side has it. */
struct side_site {
    uint32_t side;
    uint32_t node;
    uint32_t stack; /* its number in the naming */
    struct amount amount;
};

/* False if there is nothing of it, or the filters drop it. */
static bool take_site(const struct comparison *comparison, uint32_t side, const struct site *from,
                      struct side_site *site)
{
    const struct stacks *stacks = comparison->sides[side].stacks;
    const struct compare_query *query = &comparison->query;
    struct amount amount = figures_amount(&from->figures, query->measure);
    bool is_there = query->is_tracemalloc ? amount.count > 0 : amount.count || amount.size_bytes;
    if (!is_there || !stacks_have(stacks, from->node) ||
        !filters_keep(query->filters, stacks, from->node))
        return false;
    *site = (struct side_site){.side = side,
                               .node = from->node,
                               .stack = comparison->naming.sides[side].nodes[from->node],
                               .amount = amount};
    return true;
}

static struct difference *find_item(struct matching *matching, const struct side_site *site,
                                    uint32_t group, uint32_t frame)
{
    struct comparison *comparison = matching->comparison;
    if (matching->items[group] == NO_ITEM) {
        matching->items[group] = comparison->count;
        comparison->items[comparison->count++] = (struct difference){
            .side = site->side, .frame = frame, .node = site->node, .group = group};
    }
    return &comparison->items[matching->items[group]];
}

static uint64_t stack_change(const struct matching *matching, uint32_t stack)
{
    return magnitude(minus(matching->stacks[SIDE_NEW][stack].size_bytes,
                           matching->stacks[SIDE_OLD][stack].size_bytes));
}

static void add_to_item(struct matching *matching, const struct side_site *site, uint32_t group,
                        uint32_t frame)
{
    struct difference *item = find_item(matching, site, group, frame);
    uint64_t change = stack_change(matching, site->stack);
    /* New ones come last: then the stack is one of theirs if it has changed as much. */
    if (change > item->stack_change || (change == item->stack_change && site->side != item->side)) {
        item->side = site->side;
        item->frame = frame;
        item->node = site->node;
        item->stack_change = change;
    }
    amount_add(site->side == SIDE_NEW ? &item->new : &item->old, site->amount);
}

/* --- charging --- */

/* The line that the site is charged to, or its whole stack. */
static void charge_one(struct matching *matching, const struct side_site *site)
{
    const struct comparison *comparison = matching->comparison;
    const struct naming_side *names = &comparison->naming.sides[site->side];
    uint32_t frame = stack_charge(comparison->sides[site->side].stacks, site->node).frame;
    bool is_by_stack = comparison->query.group_by == GROUP_BY_TRACEBACK;
    uint32_t group = is_by_stack ? site->stack : names->frames[frame];
    add_to_item(matching, site, group, frame);
    if (matching->is_counted[site->stack])
        return;
    matching->is_counted[site->stack] = true;
    comparison->items[matching->items[group]].stack_count++;
}

/* Every line that the stack goes through, once however often it does. */
static void charge_lines(struct matching *matching, const struct side_site *site)
{
    const struct comparison *comparison = matching->comparison;
    const struct stacks *stacks = comparison->sides[site->side].stacks;
    const uint32_t *frames = comparison->naming.sides[site->side].frames;
    struct stack_walk walk = stack_walk_own(stacks, site->node);
    uint32_t charged = walk.next;
    uint32_t frame;
    while ((frame = stack_walk_next(&walk)) != NO_FRAME) {
        bool is_hidden = stacks->frames[frame].is_runtime && !stacks->is_system && frame != charged;
        if (is_hidden || matching->stamps[frames[frame]] == matching->site_count)
            continue;
        matching->stamps[frames[frame]] = matching->site_count;
        add_to_item(matching, site, frames[frame], frame);
    }
}

/* Every frame of what is seen of the stack, as often as it is in there: tracemalloc does so. */
static bool charge_frames(struct matching *matching, const struct side_site *site)
{
    const struct comparison *comparison = matching->comparison;
    const uint32_t *numbers = comparison->naming.sides[site->side].frames;
    uint32_t *frames = malloc(STACK_NODES_MAX * sizeof *frames);
    size_t count = frames ? stack_visible(comparison->sides[site->side].stacks, site->node, frames,
                                          STACK_NODES_MAX)
                          : 0;
    for (size_t i = 0; i < count; i++)
        add_to_item(matching, site, numbers[frames[i]], frames[i]);
    bool is_ok = frames;
    free(frames);
    return is_ok;
}

static bool charge(struct matching *matching, const struct side_site *site)
{
    const struct compare_query *query = &matching->comparison->query;
    matching->site_count++;
    amount_add(&matching->comparison->totals[site->side], site->amount);
    if (query->is_cumulative && query->is_tracemalloc)
        return charge_frames(matching, site);
    if (query->is_cumulative)
        charge_lines(matching, site);
    else
        charge_one(matching, site);
    return true;
}

/* --- all sites --- */

static bool for_all_sites(struct matching *matching, uint32_t side,
                          bool (*act)(struct matching *, const struct side_site *))
{
    const struct sites *sites = matching->comparison->sides[side].sites;
    if (!sites)
        return true;
    struct sites_walk walk = sites_walk(sites);
    struct site from;
    while (sites_walk_next(&walk, &from)) {
        struct side_site site;
        if (take_site(matching->comparison, side, &from, &site) && !act(matching, &site))
            return false;
    }
    return true;
}

static bool add_to_stack(struct matching *matching, const struct side_site *site)
{
    amount_add(&matching->stacks[site->side][site->stack], site->amount);
    return true;
}

/* How much each stack has changed is known before it is asked which one has changed most. */
static bool match(struct comparison *comparison)
{
    struct matching matching = {.comparison = comparison};
    bool is_ok = matching_init(&matching) && for_all_sites(&matching, SIDE_OLD, add_to_stack) &&
                 for_all_sites(&matching, SIDE_NEW, add_to_stack) &&
                 for_all_sites(&matching, SIDE_OLD, charge) &&
                 for_all_sites(&matching, SIDE_NEW, charge);
    matching_finish(&matching);
    return is_ok;
}

static void take_differences(struct comparison *comparison)
{
    for (uint32_t i = 0; i < comparison->count; i++) {
        struct difference *item = &comparison->items[i];
        item->size_diff = minus(item->new.size_bytes, item->old.size_bytes);
        item->count_diff = minus(item->new.count, item->old.count);
        comparison->changed_count += item->size_diff || item->count_diff;
    }
}

/* --- order --- */

struct order {
    const uint32_t *ranks;
    bool is_by_count;
};

static int descending(uint64_t left, uint64_t right)
{
    return (left < right) - (left > right);
}

static int compare_sizes(const struct difference *left, const struct difference *right)
{
    int result = descending(magnitude(left->size_diff), magnitude(right->size_diff));
    return result ? result
                  : (left->new.size_bytes < right->new.size_bytes) -
                        (left->new.size_bytes > right->new.size_bytes);
}

static int compare_counts(const struct difference *left, const struct difference *right)
{
    int result = descending(magnitude(left->count_diff), magnitude(right->count_diff));
    return result ? result
                  : (left->new.count < right->new.count) - (left->new.count > right->new.count);
}

static int compare_differences(const void *a, const void *b, void *context)
{
    const struct order *order = context;
    const struct difference *left = a;
    const struct difference *right = b;
    int sizes = compare_sizes(left, right);
    int counts = compare_counts(left, right);
    int result = order->is_by_count ? (counts ? counts : sizes) : (sizes ? sizes : counts);
    return result ? result : descending(order->ranks[left->group], order->ranks[right->group]);
}

static bool sort(struct comparison *comparison)
{
    const struct naming *naming = &comparison->naming;
    uint32_t *ranks = comparison->query.group_by == GROUP_BY_TRACEBACK ? naming_rank_stacks(naming)
                                                                       : naming_rank_frames(naming);
    struct order order = {.ranks = ranks,
                          .is_by_count = comparison->query.measure == MEASURE_COUNT};
    if (ranks && comparison->count)
        qsort_r(comparison->items, comparison->count, sizeof *comparison->items,
                compare_differences, &order);
    bool is_ok = ranks;
    free(ranks);
    return is_ok;
}

bool comparison_init(struct comparison *comparison, const struct compare_side *old,
                     const struct compare_side *new, const struct compare_query *query,
                     struct error *error)
{
    *comparison = (struct comparison){.sides = {*old, *new}, .query = *query};
    if (!naming_init(&comparison->naming, old->stacks, new->stacks, query->group_by,
                     query->is_tracemalloc, error))
        return false;
    if (match(comparison)) {
        take_differences(comparison);
        if (sort(comparison))
            return true;
    }
    comparison_finish(comparison);
    return error_out_of_memory(error);
}

void comparison_finish(struct comparison *comparison)
{
    naming_finish(&comparison->naming);
    free(comparison->items);
    *comparison = (struct comparison){0};
}
