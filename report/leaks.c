/* SPDX-License-Identifier: BSD-2-Clause */
/* leaks.c -- Which lines grow and go on growing. */
#include "leaks.h"

#include "filter.h"
#include "large.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NO_ITEM UINT32_MAX
#define HOUR_NS 3.6e12

/* A call site of an item. */
struct part_site {
    uint32_t item;
    uint32_t first; /* as in struct site */
    uint32_t count;
};

struct search {
    struct leaks *leaks;
    struct sites sites;
    struct grouping grouping;
    uint32_t *items; /* per group */
    struct part_site *parts;
    uint32_t part_count;
    struct change *changes; /* of one site or item, and room for so many */
    size_t change_room;
    uint32_t judged_first; /* points between which growth counts */
    uint32_t judged_last;
};

static int64_t plus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* --- the changes of several counters --- */

static int compare_points(const void *a, const void *b)
{
    uint32_t left = ((const struct change *)a)->point;
    uint32_t right = ((const struct change *)b)->point;
    return (left > right) - (left < right);
}

static bool make_room(struct search *search, size_t count)
{
    if (count <= search->change_room)
        return true;
    size_t wanted = count + count / 2;
    struct change *changes = realloc(search->changes, wanted * sizeof *changes);
    if (!changes)
        return false;
    search->changes = changes;
    search->change_room = wanted;
    return true;
}

static bool append_changes(struct search *search, const struct part_site *part, size_t *count)
{
    const struct course *course = &search->leaks->course;
    for (uint32_t i = part->first; i < part->first + part->count; i++) {
        uint32_t id = sites_counters(&search->sites, i);
        size_t more = course->ends[id] - course->starts[id];
        if (!make_room(search, *count + more))
            return false;
        memcpy(search->changes + *count, course->changes + course->starts[id],
               more * sizeof *search->changes);
        *count += more;
    }
    return true;
}

static void sort_changes(struct search *search, size_t count)
{
    bool is_sorted = true;
    for (size_t i = 1; i < count && is_sorted; i++)
        is_sorted = search->changes[i - 1].point <= search->changes[i].point;
    if (!is_sorted)
        qsort(search->changes, count, sizeof *search->changes, compare_points);
}

static struct trace_inherited inherited_by(const struct search *search,
                                           const struct part_site *part)
{
    const struct trace *trace = search->sites.trace;
    struct trace_inherited sum = {0, 0};
    for (uint32_t i = part->first; i < part->first + part->count; i++) {
        uint32_t id = sites_counters(&search->sites, i);
        if (id >= trace->inherited_count)
            continue;
        sum.live_count = plus(sum.live_count, trace->inherited[id].live_count);
        sum.live_bytes = plus(sum.live_bytes, trace->inherited[id].live_bytes);
    }
    return sum;
}

/* --- levels --- */

struct stretch {
    int64_t level;
    uint64_t length;
};

/* The stretches of a part of the course, one after the other. */
struct leveling {
    struct stretch *stretches;
    size_t count;
    uint64_t place;
    int part;
    int64_t *levels;
};

static uint64_t part_end(int part)
{
    return COURSE_SPAN * (uint64_t)(part + 1) / TREND_PARTS;
}

static int compare_stretches(const void *a, const void *b)
{
    int64_t left = ((const struct stretch *)a)->level;
    int64_t right = ((const struct stretch *)b)->level;
    return (left > right) - (left < right);
}

/* Half of the part's length is at it or below. */
static int64_t median(struct stretch *stretches, size_t count)
{
    uint64_t half = 0;
    uint64_t below = 0;
    size_t i = 0;
    qsort(stretches, count, sizeof *stretches, compare_stretches);
    for (size_t k = 0; k < count; k++)
        half += stretches[k].length;
    half = (half + 1) / 2;
    while ((below += stretches[i].length) < half)
        i++;
    return stretches[i].level;
}

/* The level stays as it is up to a place. */
static void stay(struct leveling *leveling, uint64_t place, int64_t level)
{
    while (leveling->place < place) {
        uint64_t end = part_end(leveling->part) < place ? part_end(leveling->part) : place;
        leveling->stretches[leveling->count++] = (struct stretch){level, end - leveling->place};
        leveling->place = end;
        if (end < part_end(leveling->part))
            continue;
        leveling->levels[leveling->part++] = median(leveling->stretches, leveling->count);
        leveling->count = 0;
    }
}

static bool find_levels(const struct course *course, const struct change *changes, size_t count,
                        int64_t level, int64_t *levels)
{
    struct leveling leveling = {.stretches = malloc((count + 2) * sizeof(struct stretch)),
                                .levels = levels};
    if (!leveling.stretches)
        return false;
    for (size_t i = 0; i < count;) {
        uint32_t point = changes[i].point;
        stay(&leveling, course->places[point], level);
        for (; i < count && changes[i].point == point; i++)
            level = plus(level, (int64_t)(changes[i].alloc_bytes - changes[i].freed_bytes));
    }
    stay(&leveling, COURSE_SPAN, level);
    free(leveling.stretches);
    return true;
}

/* --- sites --- */

/* What came in the judged parts. */
static int64_t growth_of(const struct search *search, size_t count)
{
    int64_t growth = 0;
    for (size_t i = 0; i < count; i++) {
        const struct change *change = &search->changes[i];
        if (change->point > search->judged_first && change->point <= search->judged_last)
            growth = plus(growth, (int64_t)(change->alloc_bytes - change->freed_bytes));
    }
    return growth;
}

static struct survival survival_of_part(const struct search *search, size_t change_count)
{
    const struct leaks *leaks = search->leaks;
    const struct part_site *part = &search->parts[search->part_count - 1];
    const struct trace_inherited inherited = inherited_by(search, part);
    struct survival survival =
        survival_of(&leaks->course, search->changes, change_count, &inherited, &leaks->threshold);
    struct live_ages ages = {0};
    for (uint32_t i = part->first; leaks->ages && i < part->first + part->count; i++)
        live_ages_add(&ages, &leaks->ages[sites_counters(&search->sites, i)]);
    survival_narrow(&survival, &ages);
    return survival;
}

static void add_site(struct search *search, struct leak *leak, const struct site *site,
                     const struct charge *charge, size_t change_count)
{
    const struct survival survival = survival_of_part(search, change_count);
    int64_t growth = growth_of(search, change_count);
    survival_add(&leak->survival, &survival);
    leak->live_bytes = plus(leak->live_bytes, site->figures.live_bytes);
    leak->live_count = plus(leak->live_count, site->figures.live_count);
    if (!leak->stack_count++ || growth > leak->stack_growth) {
        leak->frame = charge->frame;
        leak->node = site->node;
        leak->via = charge->via;
        leak->stack_growth = growth;
    }
}

static bool take_site(struct search *search, const struct site *site)
{
    struct leaks *leaks = search->leaks;
    if (!filters_keep(leaks->query.filters, leaks->stacks, site->node))
        return true;
    const struct charge charge = stack_charge(leaks->stacks, site->node);
    uint32_t group = grouping_of(&search->grouping, site->node, &charge);
    if (group == NUMBER_NONE)
        return false;
    if (search->items[group] == NO_ITEM) {
        search->items[group] = leaks->count;
        leaks->items[leaks->count++] = (struct leak){0};
    }
    struct part_site *part = &search->parts[search->part_count++];
    *part = (struct part_site){search->items[group], site->first, site->count};
    size_t count = 0;
    if (!append_changes(search, part, &count))
        return false;
    sort_changes(search, count);
    leaks->live_bytes = plus(leaks->live_bytes, site->figures.live_bytes);
    leaks->live_count = plus(leaks->live_count, site->figures.live_count);
    add_site(search, &leaks->items[part->item], site, &charge, count);
    return true;
}

static bool take_sites(struct search *search)
{
    struct sites_walk walk = sites_walk(&search->sites);
    struct site site;
    while (sites_walk_next(&walk, &site))
        if (!take_site(search, &site))
            return false;
    return true;
}

/* --- items --- */

static int compare_parts(const void *a, const void *b)
{
    const struct part_site *left = a;
    const struct part_site *right = b;
    if (left->item != right->item)
        return left->item < right->item ? -1 : 1;
    return (left->first > right->first) - (left->first < right->first);
}

static bool judge(struct search *search, const struct part_site *parts, uint32_t part_count)
{
    struct leak *leak = &search->leaks->items[parts[0].item];
    int64_t inherited_bytes = 0;
    size_t count = 0;
    for (uint32_t i = 0; i < part_count; i++) {
        if (!append_changes(search, &parts[i], &count))
            return false;
        inherited_bytes = plus(inherited_bytes, inherited_by(search, &parts[i]).live_bytes);
    }
    sort_changes(search, count);
    if (!find_levels(&search->leaks->course, search->changes, count, inherited_bytes, leak->levels))
        return false;
    leak->trend = trend_of(leak->levels);
    uint32_t young_point = course_point(&search->leaks->course, part_end(TREND_LAST));
    for (size_t i = 0; i < count; i++)
        if (search->changes[i].point > young_point)
            leak->young_bytes = plus(leak->young_bytes, (int64_t)(search->changes[i].alloc_bytes -
                                                                  search->changes[i].freed_bytes));
    return true;
}

static bool judge_all(struct search *search)
{
    uint32_t count;
    qsort(search->parts, search->part_count, sizeof *search->parts, compare_parts);
    for (uint32_t i = 0; i < search->part_count; i += count) {
        const struct part_site *parts = &search->parts[i];
        for (count = 1; i + count < search->part_count && parts[count].item == parts[0].item;)
            count++;
        if (!judge(search, parts, count))
            return false;
    }
    return true;
}

/* The time from the middle of the first judged part to that of the last. */
static double judged_hours(const struct course *course)
{
    const double part = (double)COURSE_SPAN / TREND_PARTS;
    return (course_time_ns(course, part * (TREND_LAST + 0.5)) -
            course_time_ns(course, part * (TREND_FIRST + 0.5))) /
           HOUR_NS;
}

double leak_floor(const struct leak *leak)
{
    return leak->bytes_per_hour - TREND_ERRORS_95 * leak->error_per_hour;
}

bool leaks_fail(const struct leaks *leaks, const struct leaks_gate *gate)
{
    return leaks->floor_per_hour > (double)gate->limit_bytes_per_hour;
}

static void take_rates(struct leaks *leaks)
{
    double hours = judged_hours(&leaks->course);
    double steps_per_hour = hours > 0 ? TREND_STEPS / hours : 0;
    for (uint32_t i = 0; i < leaks->count; i++) {
        struct leak *leak = &leaks->items[i];
        leak->bytes_per_hour = leak->trend.growth * steps_per_hour;
        leak->error_per_hour = leak->trend.error * steps_per_hour;
        leaks->counts[leak->trend.kind]++;
        if (leak->trend.kind != TREND_GROWS)
            continue;
        leaks->bytes_per_hour += leak->bytes_per_hour;
        leaks->floor_per_hour += leak_floor(leak);
    }
}

static int compare_leaks(const void *a, const void *b)
{
    const struct leak *left = a;
    const struct leak *right = b;
    if (left->trend.kind != right->trend.kind)
        return left->trend.kind < right->trend.kind ? -1 : 1;
    double floors[] = {trend_floor(&left->trend), trend_floor(&right->trend)};
    if (floors[0] != floors[1])
        return floors[0] < floors[1] ? 1 : -1;
    if (left->live_bytes != right->live_bytes)
        return left->live_bytes < right->live_bytes ? 1 : -1;
    return (left->node > right->node) - (left->node < right->node);
}

/* --- all --- */

static void set_threshold(struct leaks *leaks)
{
    const struct course *course = &leaks->course;
    uint32_t last = course->point_count - 1;
    uint64_t all = course->allocs[last];
    if (!leaks->query.outlived_allocs)
        leaks->query.outlived_allocs = all / TREND_PARTS;
    uint64_t before = all > leaks->query.outlived_allocs ? all - leaks->query.outlived_allocs : 0;
    struct threshold threshold = {0, last};
    while (threshold.before < last && course->allocs[threshold.before + 1] <= before)
        threshold.before++;
    while (threshold.since > 0 && course->allocs[threshold.since - 1] >= before)
        threshold.since--;
    leaks->threshold = threshold;
}

/* A block is old if it was made before the last outlived_allocs were. */
static void read_ages(struct leaks *leaks)
{
    const struct course *course = &leaks->course;
    uint64_t end_ns = course->times_ns[course->point_count - 1];
    if (leaks->query.table)
        live_ages_read(&leaks->ages, leaks->query.table, course->trace,
                       end_ns - course->times_ns[leaks->threshold.before],
                       end_ns - course->times_ns[leaks->threshold.since], &leaks->no_ages);
}

static bool search_init(struct search *search)
{
    const struct stacks *stacks = search->leaks->stacks;
    size_t owners = (size_t)stacks->trace->owner_count + 1;
    grouping_begin(&search->grouping, stacks, search->leaks->query.group_by);
    if (!grouping_extend(&search->grouping) || !sites_init(&search->sites, stacks->trace))
        return false;
    bool is_by_stack = search->leaks->query.group_by == GROUP_BY_TRACEBACK;
    size_t groups = is_by_stack ? owners : (size_t)grouping_count(&search->grouping) + 1;
    search->items = malloc(groups * sizeof *search->items);
    search->parts = large_alloc(owners * sizeof *search->parts);
    search->leaks->items = large_alloc(groups * sizeof *search->leaks->items);
    search->judged_first = course_point(&search->leaks->course, part_end(TREND_FIRST - 1));
    search->judged_last = course_point(&search->leaks->course, part_end(TREND_LAST));
    if (search->items)
        memset(search->items, 0xff, groups * sizeof *search->items);
    return search->items && search->parts && search->leaks->items;
}

static void search_finish(struct search *search)
{
    grouping_finish(&search->grouping);
    sites_finish(&search->sites);
    free(search->items);
    free(search->parts);
    free(search->changes);
}

static bool search_all(struct leaks *leaks)
{
    struct search search = {.leaks = leaks};
    bool is_ok = search_init(&search) && take_sites(&search) && judge_all(&search);
    search_finish(&search);
    return is_ok;
}

static bool has_history(const struct course *course, struct error *error)
{
    return course->tick_count >= LEAKS_TICKS_MIN ||
           error_set(error,
                     "%" PRIu32
                     " ticks of history are too few to tell whether anything grows: let it run "
                     "longer, or set a shorter MEMTRACE_HISTORY_INTERVAL",
                     course->tick_count);
}

bool leaks_init(struct leaks *leaks, const struct stacks *stacks, const struct history *history,
                const struct leaks_query *query, struct error *error)
{
    *leaks = (struct leaks){.stacks = stacks, .query = *query};
    if (!course_init(&leaks->course, history, error))
        return false;
    const double part = (double)COURSE_SPAN / TREND_PARTS;
    leaks->from_ns = (uint64_t)course_time_ns(&leaks->course, part * TREND_FIRST);
    leaks->until_ns = (uint64_t)course_time_ns(&leaks->course, part * (TREND_LAST + 1));
    set_threshold(leaks);
    if (has_history(&leaks->course, error)) {
        read_ages(leaks);
        if (search_all(leaks)) {
            take_rates(leaks);
            qsort(leaks->items, leaks->count, sizeof *leaks->items, compare_leaks);
            return true;
        }
        error_out_of_memory(error);
    }
    leaks_finish(leaks);
    return false;
}

void leaks_finish(struct leaks *leaks)
{
    course_finish(&leaks->course);
    free(leaks->items);
    free(leaks->ages);
    *leaks = (struct leaks){0};
}
