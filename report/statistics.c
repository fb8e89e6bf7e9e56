/* SPDX-License-Identifier: BSD-2-Clause */
/* statistics.c -- The figures of a trace, grouped and sorted as tracemalloc does. */
#include "statistics.h"

#include "large.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NO_GROUP UINT32_MAX

/* --- adding up --- */

struct gathering {
    struct statistics *statistics;
    const struct statistics_query *query;
    struct grouping grouping;
    uint32_t *items;  /* per group the index of its item */
    uint32_t *stamps; /* per group the last node that was charged to it */
};

/* By traceback there are no more groups than call sites; else there are few. */
static bool gathering_init(struct gathering *gathering)
{
    const struct trace *trace = gathering->statistics->stacks->trace;
    if (!grouping_extend(&gathering->grouping))
        return false;
    bool is_by_stack =
        gathering->query->group_by == GROUP_BY_TRACEBACK && !gathering->query->is_cumulative;
    size_t room = (size_t)(is_by_stack ? trace->owner_count : gathering->grouping.groups.count) + 1;
    gathering->items = large_alloc(room * sizeof *gathering->items);
    gathering->stamps = calloc(is_by_stack ? 1 : room, sizeof *gathering->stamps);
    gathering->statistics->items = large_alloc(room * sizeof *gathering->statistics->items);
    if (gathering->items)
        memset(gathering->items, 0xff, room * sizeof *gathering->items);
    return gathering->items && gathering->stamps && gathering->statistics->items;
}

static void gathering_finish(struct gathering *gathering)
{
    grouping_finish(&gathering->grouping);
    free(gathering->items);
    free(gathering->stamps);
}

static bool is_same_via(const struct statistics *statistics, uint32_t a, uint32_t b)
{
    if (a == NO_FRAME || b == NO_FRAME)
        return a == b;
    return statistics->stacks->frames[a].function == statistics->stacks->frames[b].function;
}

static void add_to_group(struct gathering *gathering, uint32_t group, const struct figures *figures,
                         const struct charge *charge, uint32_t node)
{
    struct statistics *statistics = gathering->statistics;
    if (gathering->items[group] == NO_GROUP) {
        gathering->items[group] = statistics->count;
        statistics->items[statistics->count++] =
            (struct statistic){.frame = charge->frame,
                               .via = charge->via,
                               .node = node,
                               .via_weight = figures_rank(figures, gathering->query->measure)};
    }
    struct statistic *item = &statistics->items[gathering->items[group]];
    int64_t weight = figures_rank(figures, gathering->query->measure);
    item->is_via_mixed = item->is_via_mixed || !is_same_via(statistics, item->via, charge->via);
    if (weight > item->via_weight) {
        item->via = charge->via;
        item->via_weight = weight;
    }
    figures_add(&item->figures, figures);
}

/* Charges every group that the stack touches, each once however often it occurs. */
static void add_cumulative(struct gathering *gathering, const struct site *site,
                           const struct charge *charge)
{
    const struct stacks *stacks = gathering->statistics->stacks;
    struct stack_walk walk = stack_walk_from(stacks, charge);
    uint32_t frame;
    while ((frame = stack_walk_next(&walk)) != NO_FRAME) {
        uint32_t group = gathering->grouping.frame_groups[frame];
        bool is_hidden =
            stacks->frames[frame].is_runtime && !stacks->is_system && frame != charge->frame;
        if (is_hidden || gathering->stamps[group] == site->node)
            continue;
        gathering->stamps[group] = site->node;
        add_to_group(gathering, group, &site->figures,
                     &(struct charge){.frame = frame, .via = NO_FRAME}, site->node);
    }
}

static bool add_site(struct gathering *gathering, const struct site *site)
{
    struct statistics *statistics = gathering->statistics;
    if (!filters_keep(gathering->query->filters, statistics->stacks, site->node))
        return true;
    const struct charge charge = stack_charge(statistics->stacks, site->node);
    figures_add(&statistics->total, &site->figures);
    statistics->site_count++;
    if (gathering->query->is_cumulative) {
        add_cumulative(gathering, site, &charge);
        return true;
    }
    uint32_t group = grouping_of(&gathering->grouping, site->node, &charge);
    if (group != NUMBER_NONE)
        add_to_group(gathering, group, &site->figures, &charge, site->node);
    return group != NUMBER_NONE;
}

static bool gather(struct gathering *gathering, const struct sites *sites)
{
    struct sites_walk walk = sites_walk(sites);
    struct site site;
    while (sites_walk_next(&walk, &site))
        if (!add_site(gathering, &site))
            return false;
    return true;
}

static bool group_sites(struct statistics *statistics, const struct statistics_query *query)
{
    struct gathering gathering = {.statistics = statistics, .query = query};
    struct sites sites;
    grouping_begin(&gathering.grouping, statistics->stacks, query->group_by);
    bool is_ok = sites_init(&sites, statistics->stacks->trace) && gathering_init(&gathering) &&
                 gather(&gathering, &sites);
    gathering_finish(&gathering);
    sites_finish(&sites);
    return is_ok;
}

/* --- threads --- */

struct figures thread_figures(const struct trace_thread *thread)
{
    return (struct figures){
        .alloc_count = thread->alloc_count,
        .alloc_bytes = thread->alloc_bytes,
        .free_count = thread->free_count,
        .freed_bytes = thread->freed_bytes,
        .temporary_count = thread->temporary_count,
        .live_count = (int64_t)(thread->alloc_count - thread->free_count),
        .live_bytes = (int64_t)(thread->alloc_bytes - thread->freed_bytes),
    };
}

static bool group_threads(struct statistics *statistics)
{
    const struct trace *trace = statistics->stacks->trace;
    statistics->items = calloc((size_t)trace->thread_count + 1, sizeof *statistics->items);
    if (!statistics->items)
        return false;
    for (uint32_t i = 0; i < trace->thread_count; i++) {
        struct figures figures = thread_figures(&trace->threads[i]);
        if (figures_are_zero(&figures))
            continue;
        statistics->items[statistics->count++] =
            (struct statistic){.figures = figures, .frame = NO_FRAME, .via = NO_FRAME, .thread = i};
        figures_add(&statistics->total, &figures);
    }
    return true;
}

/* --- order --- */

double figures_standard_error(int64_t size_bytes, uint64_t sample_bytes)
{
    return size_bytes > 0 ? sqrt((double)size_bytes * (double)sample_bytes) : 0;
}

struct amount figures_amount(const struct figures *figures, enum measure measure)
{
    switch (measure) {
    case MEASURE_LIVE:
        return (struct amount){figures->live_bytes, figures->live_count};
    case MEASURE_PEAK:
        return (struct amount){figures->peak_bytes, figures->peak_count};
    default:
        return (struct amount){(int64_t)figures->alloc_bytes, (int64_t)figures->alloc_count};
    }
}

int64_t figures_rank(const struct figures *figures, enum measure measure)
{
    if (measure == MEASURE_COUNT)
        return (int64_t)figures->alloc_count;
    if (measure == MEASURE_TEMPORARY)
        return (int64_t)figures->temporary_count;
    return figures_amount(figures, measure).size_bytes;
}

static int compare_text(const char *a, const char *b)
{
    return a == b ? 0 : strcmp(a ? a : "", b ? b : "");
}

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_frames(const void *a, const void *b, void *context)
{
    const struct frame *frames = context;
    const struct frame *left = &frames[*(const uint32_t *)a];
    const struct frame *right = &frames[*(const uint32_t *)b];
    int result = compare_text(left->file, right->file);
    if (!result)
        result = compare_numbers(left->line, right->line);
    if (!result)
        result = compare_text(left->module, right->module);
    return result ? result : (left->offset > right->offset) - (left->offset < right->offset);
}

/* Per frame its place in the order of names. Items are many and often tie: numbers compare fast. */
static bool order_frames(struct statistics *statistics)
{
    const struct stacks *stacks = statistics->stacks;
    size_t room = (size_t)stacks->frame_count + 1;
    uint32_t *sorted = malloc(room * sizeof *sorted);
    statistics->frame_order = calloc(room, sizeof *statistics->frame_order);
    bool is_ok = sorted && statistics->frame_order;
    for (uint32_t i = 0; is_ok && i < stacks->frame_count; i++)
        sorted[i] = i;
    if (is_ok && stacks->frame_count)
        qsort_r(sorted, stacks->frame_count, sizeof *sorted, compare_frames, stacks->frames);
    for (uint32_t i = 0; is_ok && i < stacks->frame_count; i++)
        statistics->frame_order[sorted[i]] = i;
    free(sorted);
    return is_ok;
}

/* What an item is sorted by, largest first. */
struct sort_key {
    int64_t rank;
    int64_t count;
    uint32_t name;
    uint32_t node;
    uint32_t index;
};

static int compare_descending(const void *a, const void *b)
{
    const struct sort_key *left = a;
    const struct sort_key *right = b;
    if (left->rank != right->rank)
        return left->rank < right->rank ? 1 : -1;
    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    if (left->name != right->name)
        return left->name < right->name ? 1 : -1;
    return compare_numbers(right->node, left->node);
}

static struct sort_key sort_key_of(const struct statistics *statistics, uint32_t index)
{
    const struct statistic *item = &statistics->items[index];
    bool is_thread = item->frame == NO_FRAME;
    return (struct sort_key){
        .rank = figures_rank(&item->figures, statistics->measure),
        .count = figures_amount(&item->figures, statistics->measure).count,
        .name = is_thread ? item->thread : statistics->frame_order[item->frame],
        .node = item->node,
        .index = index,
    };
}

static void swap_items(struct statistic *a, struct statistic *b)
{
    struct statistic item = *a;
    *a = *b;
    *b = item;
}

/* Brings each item to the place of its key. */
static void move_items(struct statistics *statistics, struct sort_key *keys)
{
    for (uint32_t i = 0; i < statistics->count; i++) {
        uint32_t at = i;
        while (keys[at].index != i) { /* the rest of the circle */
            uint32_t from = keys[at].index;
            swap_items(&statistics->items[at], &statistics->items[from]);
            keys[at].index = at;
            at = from;
        }
        keys[at].index = at;
    }
}

static bool sort_all(struct statistics *statistics)
{
    struct sort_key *keys = large_alloc(((size_t)statistics->count + 1) * sizeof *keys);
    if (!keys)
        return false;
    for (uint32_t i = 0; i < statistics->count; i++)
        keys[i] = sort_key_of(statistics, i);
    qsort(keys, statistics->count, sizeof *keys, compare_descending);
    move_items(statistics, keys);
    free(keys);
    return true;
}

/* --- the first few --- */

enum {
    FEW_MAX = 256
};

/* The best so far, as a heap: the one that sorts last is [0]. */
static void sink(struct sort_key *heap, uint32_t count, uint32_t at)
{
    for (;;) {
        uint32_t last = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++)
            if (compare_descending(&heap[child], &heap[last]) > 0)
                last = child;
        if (last == at)
            return;
        struct sort_key key = heap[at];
        heap[at] = heap[last];
        heap[last] = key;
        at = last;
    }
}

/* Brings the first few to the front; the others stay behind them in any order. */
static void sort_few(struct statistics *statistics, uint32_t few)
{
    struct sort_key heap[FEW_MAX];
    for (uint32_t i = 0; i < few; i++)
        heap[i] = sort_key_of(statistics, i);
    for (uint32_t i = few; i-- > 0;)
        sink(heap, few, i);
    for (uint32_t i = few; i < statistics->count; i++) {
        struct sort_key key = sort_key_of(statistics, i);
        if (compare_descending(&key, &heap[0]) >= 0)
            continue;
        heap[0] = key;
        sink(heap, few, 0);
    }
    qsort(heap, few, sizeof *heap, compare_descending);
    for (uint32_t i = 0; i < few; i++) {
        swap_items(&statistics->items[i], &statistics->items[heap[i].index]);
        for (uint32_t k = i + 1; k < few; k++)
            if (heap[k].index == i) /* which was moved away just now */
                heap[k].index = heap[i].index;
    }
}

/* Then the few are not all that is to be looked at: what is below nothing comes after it. */
static bool has_negative(const struct statistics *statistics)
{
    for (uint32_t i = 0; i < statistics->count; i++)
        if (figures_rank(&statistics->items[i].figures, statistics->measure) < 0)
            return true;
    return false;
}

bool statistics_sort(struct statistics *statistics, enum measure measure)
{
    uint64_t limit = statistics->limit;
    statistics->measure = measure;
    if (!limit || limit > FEW_MAX || limit >= statistics->count || has_negative(statistics))
        return sort_all(statistics);
    sort_few(statistics, (uint32_t)limit);
    return true;
}

/* --- all --- */

/* Only what holds something live. */
static void drop_what_is_freed(struct statistics *statistics)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < statistics->count; i++)
        if (statistics->items[i].figures.live_count > 0)
            statistics->items[kept++] = statistics->items[i];
    statistics->count = kept;
}

bool statistics_init(struct statistics *statistics, const struct stacks *stacks,
                     const struct statistics_query *query, struct error *error)
{
    *statistics = (struct statistics){.stacks = stacks,
                                      .filters = query->filters,
                                      .group_by = query->group_by,
                                      .limit = query->limit};
    bool is_ok = query->group_by == GROUP_BY_THREAD ? group_threads(statistics)
                                                    : group_sites(statistics, query);
    if (query->is_live_only)
        drop_what_is_freed(statistics);
    if (is_ok && order_frames(statistics) && statistics_sort(statistics, query->measure))
        return true;
    statistics_finish(statistics);
    return error_out_of_memory(error);
}

void statistics_finish(struct statistics *statistics)
{
    free(statistics->items);
    free(statistics->frame_order);
    *statistics = (struct statistics){0};
}
