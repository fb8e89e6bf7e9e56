/* SPDX-License-Identifier: BSD-2-Clause */
/* layers.c -- Who had how much live over time. */
#include "layers.h"

#include "label.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NO_GROUP UINT32_MAX

/* The groups of a trace on the way through its history. */
struct replay {
    const struct stacks *stacks;
    const struct history *history;
    const struct layers_query *query;
    uint32_t *groups;  /* per counters; NO_GROUP: not of the heap */
    uint32_t *nodes;   /* per group: one of its stacks */
    int64_t *live;     /* per group: what it has at the moment */
    int64_t *most;     /* per group: the most it had at a tick in the window */
    uint32_t *places;  /* per group: its layer */
    uint32_t *touched; /* groups whose figures changed since they were last looked at ... */
    bool *is_touched;  /* ... each once */
    int64_t *sums;     /* per layer, once there are layers */
    uint32_t group_count;
    uint32_t touched_count;
};

/* --- groups --- */

static bool is_counted(const struct trace *trace, uint32_t counters)
{
    const struct trace_owner *owner = &trace->owners[counters];
    return counters && owner->node && owner->thread_domain >> OWNER_DOMAIN_SHIFT == DOMAIN_HEAP;
}

static bool find_groups(struct replay *replay)
{
    const struct trace *trace = replay->stacks->trace;
    struct grouping grouping;
    grouping_begin(&grouping, replay->stacks, replay->query->group_by);
    bool is_ok = grouping_extend(&grouping);
    replay->group_count = is_ok ? grouping_count(&grouping) : 0;
    replay->groups = calloc((size_t)trace->owner_count + 1, sizeof *replay->groups);
    replay->nodes = calloc((size_t)replay->group_count + 1, sizeof *replay->nodes);
    replay->live = calloc((size_t)replay->group_count + 1, sizeof *replay->live);
    replay->most = calloc((size_t)replay->group_count + 1, sizeof *replay->most);
    replay->places = calloc((size_t)replay->group_count + 1, sizeof *replay->places);
    replay->touched = calloc((size_t)replay->group_count + 1, sizeof *replay->touched);
    replay->is_touched = calloc((size_t)replay->group_count + 1, sizeof *replay->is_touched);
    is_ok = is_ok && replay->groups && replay->nodes && replay->live && replay->most &&
            replay->places && replay->touched && replay->is_touched;
    for (uint32_t i = 0; is_ok && i < trace->owner_count; i++) {
        replay->groups[i] = NO_GROUP;
        if (!is_counted(trace, i))
            continue;
        uint32_t node = trace->owners[i].node;
        struct charge charge = stack_charge(replay->stacks, node);
        replay->groups[i] = grouping_of(&grouping, node, &charge);
        if (replay->groups[i] < replay->group_count)
            replay->nodes[replay->groups[i]] = node;
        else
            replay->groups[i] = NO_GROUP;
    }
    grouping_finish(&grouping);
    return is_ok;
}

static void finish_replay(struct replay *replay)
{
    free(replay->groups);
    free(replay->nodes);
    free(replay->live);
    free(replay->most);
    free(replay->places);
    free(replay->touched);
    free(replay->is_touched);
    free(replay->sums);
}

/* --- time --- */

static void add(int64_t *sum, uint64_t bytes)
{
    *sum = (int64_t)((uint64_t)*sum + bytes); /* hostile figures may wrap */
}

/* What a group has less than nothing of, for moments of many threads, is nothing. */
static int64_t at_least_none(int64_t bytes)
{
    return bytes > 0 ? bytes : 0;
}

static void change(struct replay *replay, uint32_t counters, uint64_t bytes)
{
    uint32_t group = replay->groups[counters];
    if (group == NO_GROUP)
        return;
    int64_t before = at_least_none(replay->live[group]);
    add(&replay->live[group], bytes);
    if (!replay->is_touched[group])
        replay->touched[replay->touched_count++] = group;
    replay->is_touched[group] = true;
    if (replay->sums && replay->places[group] != UINT32_MAX)
        add(&replay->sums[replay->places[group]],
            (uint64_t)at_least_none(replay->live[group]) - (uint64_t)before);
}

static void forget(struct replay *replay, const struct layers *layers)
{
    memset(replay->live, 0, replay->group_count * sizeof *replay->live);
    if (replay->sums)
        memset(replay->sums, 0, layers->count * sizeof *replay->sums);
    for (uint32_t i = 0; i < replay->group_count; i++)
        replay->touched[i] = i;
    memset(replay->is_touched, 1, replay->group_count * sizeof *replay->is_touched);
    replay->touched_count = replay->group_count;
}

/* What there is before the first tick: what a forked child inherited. */
static void go_to_start(struct replay *replay)
{
    const struct trace *trace = replay->stacks->trace;
    for (uint32_t i = 0; i < trace->inherited_count && i < trace->owner_count; i++)
        change(replay, i, (uint64_t)trace->inherited[i].live_bytes);
}

static void go_on(struct replay *replay, uint32_t tick)
{
    struct history_walk walk = history_walk(replay->history, tick);
    struct history_entry entry;
    while (history_walk_next(&walk, &entry))
        change(replay, entry.id, entry.alloc_bytes - entry.freed_bytes);
}

static void go_to_end(struct replay *replay)
{
    const struct trace *trace = replay->stacks->trace;
    for (uint32_t i = 1; i < trace->owner_count; i++)
        change(replay, i, (uint64_t)trace_figures(trace, i).live_bytes);
}

static bool is_shown(const struct replay *replay, uint64_t time_ns)
{
    return time_ns >= replay->query->window.from_ns && time_ns <= replay->query->window.to_ns;
}

static void go_to_peak(struct replay *replay)
{
    const struct trace *trace = replay->stacks->trace;
    for (uint32_t i = 1; i < trace->owner_count; i++)
        change(replay, i, (uint64_t)trace_figures(trace, i).peak_bytes);
}

typedef void visit_moment(struct replay *, struct layers *, uint64_t time_ns);

/* Of some moments everything is known, whatever the ticks say. */
static void visit_known(struct replay *replay, struct layers *layers, visit_moment *visit,
                        void (*go)(struct replay *), uint64_t time_ns)
{
    forget(replay, layers);
    go(replay);
    if (is_shown(replay, time_ns))
        visit(replay, layers, time_ns);
}

/* After a moment that is not one of the ticks: all of them once more, up to the one at hand. */
static void go_back(struct replay *replay, struct layers *layers, uint32_t tick)
{
    forget(replay, layers);
    go_to_start(replay);
    for (uint32_t i = 0; i < tick; i++)
        go_on(replay, i);
}

static bool has_peak(const struct trace *trace)
{
    return trace_knows_all(trace) && trace->header.peak_bytes > 0 &&
           trace_peak_time_ns(trace) < trace_duration_ns(trace);
}

/* Calls visit at the start, at every tick, at the peak and at the end, as they come, those that are
 * in the window. */
static void replay_all(struct replay *replay, struct layers *layers, visit_moment *visit)
{
    const struct history *history = replay->history;
    const struct trace *trace = replay->stacks->trace;
    uint64_t peak_ns = has_peak(trace) ? trace_peak_time_ns(trace) : UINT64_MAX;
    visit_known(replay, layers, visit, go_to_start, 0);
    for (uint32_t i = 0; i <= history->tick_count; i++) {
        uint64_t time_ns = i < history->tick_count ? history->ticks[i].time_ns : UINT64_MAX - 1;
        if (peak_ns < time_ns) {
            visit_known(replay, layers, visit, go_to_peak, peak_ns);
            go_back(replay, layers, i);
            peak_ns = UINT64_MAX;
        }
        if (i == history->tick_count)
            break;
        go_on(replay, i);
        if (is_shown(replay, time_ns))
            visit(replay, layers, time_ns);
    }
    if (trace_knows_all(trace))
        visit_known(replay, layers, visit, go_to_end, trace_duration_ns(trace));
}

/* --- choosing --- */

static void note_most(struct replay *replay, struct layers *layers, uint64_t time_ns)
{
    (void)layers, (void)time_ns;
    for (uint32_t i = 0; i < replay->touched_count; i++) {
        uint32_t group = replay->touched[i];
        if (replay->live[group] > replay->most[group])
            replay->most[group] = replay->live[group];
        replay->is_touched[group] = false;
    }
    replay->touched_count = 0;
}

struct ranked {
    uint32_t group;
    int64_t most;
};

static int by_most(const void *a, const void *b)
{
    const struct ranked *left = a;
    const struct ranked *right = b;
    if (left->most != right->most)
        return left->most > right->most ? -1 : 1;
    return left->group < right->group ? -1 : left->group > right->group;
}

static char *name_of(const struct replay *replay, uint32_t group)
{
    uint32_t node = replay->nodes[group];
    const struct statistics statistics = {.stacks = replay->stacks,
                                          .group_by = replay->query->group_by};
    const struct statistic item = {.frame = stack_charge(replay->stacks, node).frame, .node = node};
    return label_group(&statistics, &item, LABEL_SHORT);
}

static bool make_layer(struct layers *layers, char *name, int64_t most_bytes, size_t times)
{
    struct layer *layer = &layers->items[layers->count];
    *layer = (struct layer){.name = name, .most_bytes = most_bytes};
    layer->live_bytes = calloc(times, sizeof *layer->live_bytes);
    layers->count++;
    return layer->name && layer->live_bytes;
}

/* Gives the groups that had most a layer each, and the others one together. */
static bool make_layers(struct replay *replay, struct layers *layers, size_t times)
{
    struct ranked *ranked = calloc((size_t)replay->group_count + 1, sizeof *ranked);
    size_t count = 0;
    layers->items = calloc(replay->query->limit + 1, sizeof *layers->items);
    for (uint32_t i = 0; ranked && i < replay->group_count; i++) {
        replay->places[i] = UINT32_MAX;
        if (replay->most[i] > 0)
            ranked[count++] = (struct ranked){i, replay->most[i]};
    }
    if (ranked && count)
        qsort(ranked, count, sizeof *ranked, by_most);
    bool is_ok = ranked && layers->items;
    for (size_t i = 0; is_ok && i < count && i < replay->query->limit; i++) {
        replay->places[ranked[i].group] = (uint32_t)i;
        is_ok = make_layer(layers, name_of(replay, ranked[i].group), ranked[i].most, times);
    }
    if (is_ok && count > replay->query->limit) {
        char *name = NULL;
        if (asprintf(&name, "%zu others", count - replay->query->limit) < 0)
            name = NULL;
        is_ok = make_layer(layers, name, 0, times);
        layers->items[layers->count - 1].is_rest = true;
    }
    for (uint32_t i = 0; is_ok && i < replay->group_count; i++)
        if (replay->places[i] == UINT32_MAX && layers->count > replay->query->limit)
            replay->places[i] = (uint32_t)replay->query->limit;
    free(ranked);
    replay->sums = calloc(layers->count + 1, sizeof *replay->sums);
    return is_ok && replay->sums;
}

/* --- filling --- */

static int64_t total_at(const struct layers *layers, size_t time)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < layers->count; i++)
        sum += (uint64_t)layers->items[i].live_bytes[time];
    return (int64_t)sum;
}

static void fill_at(const struct replay *replay, struct layers *layers, size_t time)
{
    for (size_t i = 0; i < layers->count; i++) {
        struct layer *layer = &layers->items[i];
        layer->live_bytes[time] = replay->sums[i];
        layer->most_bytes =
            replay->sums[i] > layer->most_bytes ? replay->sums[i] : layer->most_bytes;
    }
}

static size_t bucket_of(const struct layers_query *query, uint64_t time_ns)
{
    double whole = (double)(query->window.to_ns - query->window.from_ns);
    return (size_t)((double)(time_ns - query->window.from_ns) / whole * (double)query->resolution);
}

/* The last place is free: a moment that is not better than the one beside it is thrown away. */
static void take_moment(struct replay *replay, struct layers *layers, uint64_t time_ns)
{
    size_t last = layers->time_count;
    fill_at(replay, layers, last);
    bool is_crowded = last && bucket_of(replay->query, layers->times_ns[last - 1]) ==
                                  bucket_of(replay->query, time_ns);
    if (is_crowded && total_at(layers, last) < total_at(layers, last - 1))
        return;
    if (is_crowded) {
        for (size_t i = 0; i < layers->count; i++)
            layers->items[i].live_bytes[last - 1] = layers->items[i].live_bytes[last];
        last--;
    }
    layers->times_ns[last] = time_ns;
    layers->time_count = last + 1;
}

bool layers_init(struct layers *layers, const struct stacks *stacks, const struct history *history,
                 const struct layers_query *query, struct error *error)
{
    struct replay replay = {.stacks = stacks, .history = history, .query = query};
    const size_t times = query->resolution + 3; /* both ends of the window, and a free one */
    *layers = (struct layers){.times_ns = calloc(times, sizeof *layers->times_ns)};
    bool is_ok = layers->times_ns && find_groups(&replay);
    if (is_ok) {
        replay_all(&replay, layers, note_most);
        is_ok = make_layers(&replay, layers, times);
    }
    if (is_ok)
        replay_all(&replay, layers, take_moment);
    finish_replay(&replay);
    if (is_ok)
        return true;
    layers_finish(layers);
    return error_out_of_memory(error);
}

void layers_finish(struct layers *layers)
{
    for (size_t i = 0; layers->items && i < layers->count; i++) {
        free(layers->items[i].name);
        free(layers->items[i].live_bytes);
    }
    free(layers->items);
    free(layers->times_ns);
    *layers = (struct layers){0};
}
