/* SPDX-License-Identifier: BSD-2-Clause */
/* profile.c -- Where time went: own time, and that of all that was called. */
#include "profile.h"

#include <stdlib.h>

/* --- by what stacks tell --- */

struct gathering {
    struct profile *profile;
    struct figures *self;   /* per group */
    struct figures *total;  /* per group */
    uint32_t *frames;       /* per group one of it */
    uint32_t *stamps;       /* per group the last end that was counted in it, plus one */
    const uint32_t *groups; /* per frame */
};

static void add_end(struct gathering *gathering, uint32_t index)
{
    const struct call_tree *tree = gathering->profile->tree;
    const struct call_stack *end = &tree->ends[index];
    figures_add(&gathering->self[gathering->groups[tree->nodes[end->node].frame]], &end->figures);
    for (uint32_t node = end->node; node; node = tree->nodes[node].parent) {
        uint32_t frame = tree->nodes[node].frame;
        uint32_t group = gathering->groups[frame];
        if (gathering->stamps[group] == index + 1)
            continue;
        gathering->stamps[group] = index + 1;
        gathering->frames[group] = frame;
        figures_add(&gathering->total[group], &end->figures);
    }
}

static bool take_items(struct gathering *gathering, uint32_t group_count)
{
    struct profile *profile = gathering->profile;
    profile->items = calloc((size_t)group_count + 1, sizeof *profile->items);
    for (uint32_t i = 0; profile->items && i < group_count; i++)
        if (gathering->stamps[i])
            profile->items[profile->count++] =
                (struct profile_item){.frame = gathering->frames[i],
                                      .self = times_of(&gathering->self[i]),
                                      .total = times_of(&gathering->total[i])};
    return profile->items;
}

static bool gather(struct profile *profile, const struct grouping *grouping)
{
    size_t room = (size_t)grouping->groups.count + 1;
    struct gathering gathering = {.profile = profile,
                                  .self = calloc(room, sizeof(struct figures)),
                                  .total = calloc(room, sizeof(struct figures)),
                                  .frames = calloc(room, sizeof(uint32_t)),
                                  .stamps = calloc(room, sizeof(uint32_t)),
                                  .groups = grouping->frame_groups};
    bool is_ok = gathering.self && gathering.total && gathering.frames && gathering.stamps;
    for (uint32_t i = 0; is_ok && i < profile->tree->end_count; i++)
        add_end(&gathering, i);
    is_ok = is_ok && take_items(&gathering, grouping->groups.count);
    free(gathering.self);
    free(gathering.total);
    free(gathering.frames);
    free(gathering.stamps);
    return is_ok;
}

static bool group_stacks(struct profile *profile)
{
    struct grouping grouping;
    grouping_begin(&grouping, profile->tree->stacks, profile->group_by);
    bool is_ok = grouping_extend(&grouping) && gather(profile, &grouping);
    grouping_finish(&grouping);
    return is_ok;
}

/* --- by thread --- */

static bool group_threads(struct profile *profile)
{
    const struct trace *trace = profile->tree->stacks->trace;
    struct figures *sums = calloc((size_t)trace->thread_count + 1, sizeof *sums);
    profile->items = calloc((size_t)trace->thread_count + 1, sizeof *profile->items);
    bool is_ok = sums && profile->items;
    for (uint32_t i = 1; is_ok && i < trace->owner_count; i++) {
        uint32_t thread = trace->owners[i].thread_domain & OWNER_THREAD_MASK;
        struct figures figures = trace_figures(trace, i);
        if (trace_site(trace, i) && thread < trace->thread_count)
            figures_add(&sums[thread], &figures);
    }
    for (uint32_t i = 0; is_ok && i < trace->thread_count; i++) {
        struct times times = times_of(&sums[i]);
        if (times.samples || (trace->domain == DOMAIN_CPU && trace->threads[i].cpu_ns))
            profile->items[profile->count++] = (struct profile_item){
                .frame = NO_FRAME, .thread = i, .self = times, .total = times};
    }
    free(sums);
    return is_ok;
}

bool profile_init(struct profile *profile, const struct call_tree *tree, enum group_by group_by,
                  struct error *error)
{
    *profile =
        (struct profile){.tree = tree, .group_by = group_by, .whole = times_of(&tree->total)};
    if (group_by == GROUP_BY_THREAD ? group_threads(profile) : group_stacks(profile))
        return true;
    profile_finish(profile);
    return error_out_of_memory(error);
}

void profile_finish(struct profile *profile)
{
    free(profile->items);
    *profile = (struct profile){0};
}
