/* SPDX-License-Identifier: BSD-2-Clause */
/* statistics.c -- The figures of a trace, grouped and sorted as tracemalloc does. */
#include "statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NO_GROUP UINT32_MAX

/* --- sites --- */

struct figures *trace_sites(const struct trace *trace)
{
    struct figures *sites = calloc((size_t)trace->node_count + 1, sizeof *sites);
    for (uint32_t i = 1; sites && i < trace->owner_count; i++) {
        struct figures figures = trace_figures(trace, i);
        uint32_t node = trace_heap_site(trace, i);
        if (node)
            figures_add(&sites[node], &figures);
    }
    return sites;
}

struct figures trace_total(const struct trace *trace, uint32_t *ret_site_count)
{
    struct figures total = {0};
    bool *is_site = calloc((size_t)trace->node_count + 1, sizeof *is_site);
    uint32_t count = 0;
    for (uint32_t i = 1; i < trace->owner_count; i++) {
        struct figures figures = trace_figures(trace, i);
        uint32_t node = trace_heap_site(trace, i);
        if (!node || figures_are_zero(&figures))
            continue;
        figures_add(&total, &figures);
        if (is_site) {
            count += !is_site[node];
            is_site[node] = true;
        }
    }
    free(is_site);
    if (ret_site_count)
        *ret_site_count = count;
    return total;
}

/* --- adding up --- */

struct gathering {
    struct statistics *statistics;
    const struct statistics_query *query;
    struct grouping grouping;
    uint32_t *items;  /* per group the index of its item */
    uint32_t *stamps; /* per group the last node that was charged to it */
};

static bool gathering_init(struct gathering *gathering)
{
    if (!grouping_extend(&gathering->grouping))
        return false;
    uint32_t group_count = grouping_count(&gathering->grouping);
    gathering->items = malloc(((size_t)group_count + 1) * sizeof *gathering->items);
    gathering->stamps = calloc((size_t)group_count + 1, sizeof *gathering->stamps);
    gathering->statistics->items =
        calloc((size_t)group_count + 1, sizeof *gathering->statistics->items);
    if (gathering->items)
        memset(gathering->items, 0xff, ((size_t)group_count + 1) * sizeof *gathering->items);
    return gathering->items && gathering->stamps && gathering->statistics->items;
}

static void gathering_finish(struct gathering *gathering)
{
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
static void add_cumulative(struct gathering *gathering, uint32_t node,
                           const struct figures *figures)
{
    const struct stacks *stacks = gathering->statistics->stacks;
    struct stack_walk walk = stack_walk_own(stacks, node);
    uint32_t frame;
    while ((frame = stack_walk_next(&walk)) != NO_FRAME) {
        uint32_t group = gathering->grouping.frame_groups[frame];
        bool is_hidden = stacks->frames[frame].is_runtime && !stacks->is_system &&
                         frame != stacks->charges[node].frame;
        if (is_hidden || gathering->stamps[group] == node)
            continue;
        gathering->stamps[group] = node;
        add_to_group(gathering, group, figures, &(struct charge){.frame = frame, .via = NO_FRAME},
                     node);
    }
}

static void add_site(struct gathering *gathering, uint32_t node, const struct figures *figures)
{
    struct statistics *statistics = gathering->statistics;
    const struct charge *charge = &statistics->stacks->charges[node];
    if (figures_are_zero(figures) ||
        !filters_keep(gathering->query->filters, statistics->stacks, node))
        return;
    figures_add(&statistics->total, figures);
    statistics->site_count++;
    if (gathering->query->is_cumulative)
        add_cumulative(gathering, node, figures);
    else
        add_to_group(gathering, grouping_of(&gathering->grouping, node), figures, charge, node);
}

static bool gather(struct gathering *gathering)
{
    const struct trace *trace = gathering->statistics->stacks->trace;
    struct figures *sites = trace_sites(trace);
    bool is_ok = sites && gathering_init(gathering);
    for (uint32_t i = 1; is_ok && i < trace->node_count; i++)
        add_site(gathering, i, &sites[i]);
    gathering_finish(gathering);
    free(sites);
    return is_ok;
}

static bool group_sites(struct statistics *statistics, const struct statistics_query *query)
{
    struct gathering gathering = {.statistics = statistics, .query = query};
    grouping_begin(&gathering.grouping, statistics->stacks, query->group_by);
    bool is_ok = gather(&gathering);
    grouping_finish(&gathering.grouping);
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

bool statistics_sort(struct statistics *statistics, enum measure measure)
{
    size_t room = (size_t)statistics->count + 1;
    struct sort_key *keys = malloc(room * sizeof *keys);
    struct statistic *items = malloc(room * sizeof *items);
    statistics->measure = measure;
    if (!keys || !items) {
        free(keys);
        free(items);
        return false;
    }
    for (uint32_t i = 0; i < statistics->count; i++)
        keys[i] = sort_key_of(statistics, i);
    qsort(keys, statistics->count, sizeof *keys, compare_descending);
    for (uint32_t i = 0; i < statistics->count; i++)
        items[i] = statistics->items[keys[i].index];
    free(keys);
    free(statistics->items);
    statistics->items = items;
    return true;
}

bool statistics_init(struct statistics *statistics, const struct stacks *stacks,
                     const struct statistics_query *query, struct error *error)
{
    *statistics = (struct statistics){
        .stacks = stacks, .filters = query->filters, .group_by = query->group_by};
    bool is_ok = query->group_by == GROUP_BY_THREAD ? group_threads(statistics)
                                                    : group_sites(statistics, query);
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
