/* SPDX-License-Identifier: BSD-2-Clause */
/* top_model.c -- Successive readings of a trace as rows with growth and rates.
 *
 * Figures are kept per call site, so that rows can be grouped and filtered differently at any time
 * without losing what was before. A reading only adds up; names, groups and filters are looked at
 * once per call site. */
#include "top_model.h"

#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NO_SITE UINT32_MAX

/* --- arithmetic: hostile figures may wrap, but are never undefined --- */

static struct top_tally tally_of(const struct figures *figures, uint64_t cpu_ns)
{
    return (struct top_tally){figures->alloc_count, figures->alloc_bytes, figures->live_count,
                              figures->live_bytes, cpu_ns};
}

static int64_t difference(int64_t from, int64_t what)
{
    return (int64_t)((uint64_t)from - (uint64_t)what);
}

static int64_t sum(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* Counters only go up, unless they were cleared. */
static uint64_t increase(uint64_t from, uint64_t to)
{
    return to > from ? to - from : 0;
}

/* --- filters --- */

static void filter_finish(struct top_filter *filter)
{
    filters_finish(&filter->filters);
    *filter = (struct top_filter){0};
}

static bool is_pattern(const char *text)
{
    return strpbrk(text, "*?[") || text_starts_with(text, "file:") ||
           text_starts_with(text, "function:") || text_starts_with(text, "module:");
}

static bool filter_init(struct top_filter *filter, const char *text)
{
    struct error ignored;
    *filter = (struct top_filter){0};
    snprintf(filter->text, sizeof filter->text, "%s", text);
    const char *what = filter->text;
    filter->is_exclusive = *what == '!';
    what += filter->is_exclusive;
    if (is_pattern(what))
        return filters_add(&filter->filters, what, filter->is_exclusive, &ignored);
    filter->word = what;
    return true;
}

static bool frame_contains(const struct frame *frame, const char *word)
{
    char line[512];
    if (frame->function && strcasestr(frame->function, word))
        return true;
    snprintf(line, sizeof line, "%.480s:%" PRIu32, frame->file ? text_short_path(frame->file) : "",
             frame->line);
    return strcasestr(frame->file ? line : "", word) || strcasestr(frame->module, word);
}

static bool keeps_site(const struct top_model *model, uint32_t node)
{
    const struct top_filter *filter = &model->filter;
    if (!filter->word)
        return filters_keep(&filter->filters, model->stacks, node);
    if (!*filter->word)
        return true;
    const struct frame *frame = &model->stacks->frames[stack_charge(model->stacks, node).frame];
    return frame_contains(frame, filter->word) != filter->is_exclusive;
}

static bool keeps_thread(const struct top_model *model, const struct trace_thread *thread)
{
    const struct top_filter *filter = &model->filter;
    char name[sizeof thread->name + 16];
    if (!filter->word || !*filter->word)
        return true;
    snprintf(name, sizeof name, "%.*s (%" PRIu32 ")", (int)sizeof thread->name, thread->name,
             thread->tid);
    return !strcasestr(name, filter->word) == filter->is_exclusive;
}

/* --- call sites --- */

static bool grow_sites(struct top_model *model)
{
    const struct trace *trace = model->trace;
    uint32_t *owner_sites =
        realloc(model->owner_sites, ((size_t)trace->owner_count + 1) * sizeof *owner_sites);
    if (owner_sites)
        model->owner_sites = owner_sites;
    uint32_t *node_sites =
        realloc(model->node_sites, ((size_t)trace->node_count + 1) * sizeof *node_sites);
    if (node_sites)
        model->node_sites = node_sites;
    /* Every owner may be another site. */
    struct top_site *sites =
        realloc(model->sites, ((size_t)trace->owner_count + 1) * sizeof *sites);
    if (sites)
        model->sites = sites;
    if (!owner_sites || !node_sites || !sites)
        return false;
    for (; model->node_count < trace->node_count; model->node_count++)
        node_sites[model->node_count] = NO_SITE;
    return true;
}

static bool is_of_cpu(const struct trace *trace, uint32_t owner)
{
    return trace->owners[owner].thread_domain >> OWNER_DOMAIN_SHIFT == DOMAIN_CPU;
}

/* The heap's, and those of samples, which have stacks of their own. */
static uint32_t node_of(const struct trace *trace, uint32_t owner)
{
    uint32_t node = trace->owners[owner].node;
    if (!is_of_cpu(trace, owner))
        return trace_site(trace, owner);
    return node < trace->node_count ? node : 0;
}

static void add_owner(struct top_model *model, uint32_t index)
{
    uint32_t node = node_of(model->trace, index);
    model->has_cpu = model->has_cpu || (node && is_of_cpu(model->trace, index));
    model->owner_sites[index] = NO_SITE;
    if (!node)
        return;
    uint32_t *site = &model->node_sites[node];
    if (*site == NO_SITE) {
        *site = model->site_count++;
        model->sites[*site] = (struct top_site){.node = node, .group = TOP_UNNAMED};
    }
    model->owner_sites[index] = *site;
}

static bool find_new_sites(struct top_model *model)
{
    if (model->owner_count == model->trace->owner_count &&
        model->node_count == model->trace->node_count)
        return true;
    if (!grow_sites(model))
        return false;
    for (; model->owner_count < model->trace->owner_count; model->owner_count++)
        add_owner(model, model->owner_count);
    return true;
}

static void add_up_sites(struct top_model *model)
{
    for (uint32_t i = 0; i < model->site_count; i++) {
        struct top_site *site = &model->sites[i];
        site->before = tally_of(&site->now, site->cpu_ns);
        site->now = (struct figures){0};
        site->cpu_ns = 0;
    }
    for (uint32_t i = 1; i < model->owner_count; i++) {
        if (model->owner_sites[i] == NO_SITE)
            continue;
        struct top_site *site = &model->sites[model->owner_sites[i]];
        if (is_of_cpu(model->trace, i)) {
            site->cpu_ns += model->trace->counters[i].alloc_bytes;
            continue;
        }
        struct figures figures = trace_figures(model->trace, i);
        figures_add(&site->now, &figures);
    }
}

/* --- threads --- */

static bool add_up_threads(struct top_model *model)
{
    const struct trace *trace = model->trace;
    struct top_thread *threads =
        realloc(model->threads, ((size_t)trace->thread_count + 1) * sizeof *threads);
    if (!threads)
        return false;
    model->threads = threads;
    for (; model->thread_count < trace->thread_count; model->thread_count++)
        threads[model->thread_count] = (struct top_thread){0};
    for (uint32_t i = 0; i < trace->thread_count; i++) {
        struct figures figures = thread_figures(&trace->threads[i]);
        if (threads[i].start_time_ns != trace->threads[i].start_time_ns)
            threads[i] = (struct top_thread){.start_time_ns = trace->threads[i].start_time_ns};
        threads[i].before = threads[i].now;
        threads[i].now = tally_of(&figures, trace->threads[i].cpu_ns);
    }
    return true;
}

/* --- rows --- */

static void add_growth(struct top_row *row, const struct top_tally *now,
                       const struct top_tally *before, const struct top_tally *base)
{
    row->growth_bytes = sum(row->growth_bytes, difference(now->live_bytes, base->live_bytes));
    row->growth_count = sum(row->growth_count, difference(now->live_count, base->live_count));
    row->step_bytes = sum(row->step_bytes, difference(now->live_bytes, before->live_bytes));
    row->step_allocs += increase(before->alloc_count, now->alloc_count);
    row->step_alloc_bytes += increase(before->alloc_bytes, now->alloc_bytes);
    row->cpu_ns += now->cpu_ns;
    row->step_cpu_ns += increase(before->cpu_ns, now->cpu_ns);
}

static void add_site(struct top_row *row, const struct top_site *site)
{
    struct top_tally now = tally_of(&site->now, site->cpu_ns);
    row->site_count++;
    figures_add(&row->item.figures, &site->now);
    add_growth(row, &now, &site->before, &site->base);
}

static void find_rates(const struct top_model *model, struct top_row *row)
{
    if (!top_model_has_rates(model))
        return;
    double seconds = (double)(model->time_ns - model->before_time_ns) / 1e9;
    row->growth_rate = (double)row->step_bytes / seconds;
    row->alloc_rate = (double)row->step_allocs / seconds;
    row->byte_rate = (double)row->step_alloc_bytes / seconds;
    row->cpu_share = (double)row->step_cpu_ns / 1e9 / seconds;
}

static struct top_row row_of_site(const struct top_model *model, const struct top_site *site)
{
    struct top_row row = {
        .group = site->group,
        .item = {.node = site->node, .frame = NO_FRAME, .via = NO_FRAME},
    };
    if (site->group != TOP_UNNAMED) {
        const struct charge charge = stack_charge(model->stacks, site->node);
        row.item.frame = charge.frame;
        row.item.via = charge.via;
    }
    return row;
}

static bool is_same_via(const struct top_model *model, uint32_t a, uint32_t b)
{
    const struct frame *frames = model->stacks->frames;
    return a == b || (a != NO_FRAME && b != NO_FRAME && frames[a].function == frames[b].function);
}

/* What a row went through to allocate is what its largest site did. */
static void merge_via(const struct top_model *model, struct top_row *row,
                      const struct top_site *site)
{
    struct statistic *item = &row->item;
    uint32_t via =
        site->group == TOP_UNNAMED ? NO_FRAME : stack_charge(model->stacks, site->node).via;
    item->is_via_mixed = item->is_via_mixed || !is_same_via(model, item->via, via);
    if (site->now.live_bytes > item->via_weight || row->site_count == 0) {
        item->via = via;
        item->via_weight = site->now.live_bytes;
    }
}

static struct top_row *add_row(struct top_model *model, const struct top_row *row)
{
    if (model->row_count == model->row_room) {
        uint32_t wanted = model->row_room ? model->row_room * 2 : 256;
        struct top_row *rows = realloc(model->rows, wanted * sizeof *rows);
        if (!rows)
            return NULL;
        model->rows = rows;
        model->row_room = wanted;
    }
    model->rows[model->row_count] = *row;
    return &model->rows[model->row_count++];
}

/* Per group the index of its row; the last one is that of the unnamed. */
static uint32_t *make_index(uint32_t group_count)
{
    size_t bytes = ((size_t)group_count + 1) * sizeof(uint32_t);
    uint32_t *index = malloc(bytes);
    if (index)
        memset(index, 0xff, bytes);
    return index;
}

/* There are counters for what never happens, too. */
static bool is_idle(const struct top_site *site)
{
    return figures_are_zero(&site->now) && !site->before.alloc_count && !site->base.alloc_count &&
           !site->cpu_ns;
}

static bool add_site_rows(struct top_model *model)
{
    uint32_t group_count = grouping_count(&model->grouping);
    uint32_t *index = make_index(group_count);
    bool is_ok = index != NULL;
    for (uint32_t i = 0; is_ok && i < model->site_count; i++) {
        const struct top_site *site = &model->sites[i];
        if (!site->is_kept || is_idle(site))
            continue;
        uint32_t *at = &index[site->group == TOP_UNNAMED ? group_count : site->group];
        if (*at == UINT32_MAX) {
            struct top_row row = row_of_site(model, site);
            *at = model->row_count;
            is_ok = add_row(model, &row) != NULL;
        }
        if (is_ok) {
            merge_via(model, &model->rows[*at], site);
            add_site(&model->rows[*at], site);
        }
    }
    free(index);
    return is_ok;
}

static bool add_thread_rows(struct top_model *model)
{
    for (uint32_t i = 0; i < model->trace->thread_count; i++) {
        const struct trace_thread *thread = &model->trace->threads[i];
        const struct top_thread *seen = &model->threads[i];
        struct top_row row = {
            .group = i,
            .item = {.thread = i,
                     .frame = NO_FRAME,
                     .via = NO_FRAME,
                     .figures = thread_figures(thread)},
        };
        if ((figures_are_zero(&row.item.figures) && !seen->now.cpu_ns) ||
            !keeps_thread(model, thread))
            continue;
        add_growth(&row, &seen->now, &seen->before, &seen->base);
        if (!add_row(model, &row))
            return false;
    }
    return true;
}

static void merge_row(struct top_row *into, const struct top_row *row)
{
    figures_add(&into->item.figures, &row->item.figures);
    into->site_count += row->site_count;
    into->growth_bytes = sum(into->growth_bytes, row->growth_bytes);
    into->growth_count = sum(into->growth_count, row->growth_count);
    into->step_bytes = sum(into->step_bytes, row->step_bytes);
    into->step_allocs += row->step_allocs;
    into->step_alloc_bytes += row->step_alloc_bytes;
    into->cpu_ns += row->cpu_ns;
    into->step_cpu_ns += row->step_cpu_ns;
}

static void find_sums(struct top_model *model)
{
    model->total = model->kept = (struct top_row){0};
    for (uint32_t i = 0; i < model->site_count; i++)
        add_site(&model->total, &model->sites[i]);
    for (uint32_t i = 0; i < model->row_count; i++) {
        merge_row(&model->kept, &model->rows[i]);
        find_rates(model, &model->rows[i]);
    }
    find_rates(model, &model->total);
    find_rates(model, &model->kept);
}

/* --- order --- */

static double value_of(const struct top_row *row, enum top_sort sort)
{
    const struct figures *figures = &row->item.figures;
    switch (sort) {
    case TOP_GROWTH:
        return (double)row->growth_bytes;
    case TOP_GROWTH_RATE:
        return row->growth_rate;
    case TOP_ALLOC_RATE:
        return row->alloc_rate;
    case TOP_BYTE_RATE:
        return row->byte_rate;
    case TOP_BLOCKS:
        return (double)figures->live_count;
    case TOP_PEAK:
        return (double)figures->peak_bytes;
    case TOP_ALLOCATIONS:
        return (double)figures->alloc_count;
    case TOP_TOTAL:
        return (double)figures->alloc_bytes;
    case TOP_CPU:
        return row->cpu_share;
    case TOP_CPU_TIME:
        return (double)row->cpu_ns;
    default:
        return (double)figures->live_bytes;
    }
}

static int descending(double a, double b)
{
    return (a < b) - (a > b);
}

/* Ties: what has more, and then always in the same order, so that lines do not jump. */
static int compare_rows(const void *a, const void *b, void *context)
{
    const struct top_row *left = a;
    const struct top_row *right = b;
    enum top_sort sort = *(const enum top_sort *)context;
    int result = descending(value_of(left, sort), value_of(right, sort));
    if (!result)
        result = descending(value_of(left, TOP_LIVE), value_of(right, TOP_LIVE));
    if (!result)
        result = (left->group > right->group) - (left->group < right->group);
    if (!result)
        result = (left->item.node > right->item.node) - (left->item.node < right->item.node);
    return result;
}

static void sort_rows(const struct top_model *model, struct top_row *rows, uint32_t count)
{
    enum top_sort sort = model->sort;
    if (count)
        qsort_r(rows, count, sizeof *rows, compare_rows, &sort);
}

/* --- names --- */

static uint32_t group_of(struct top_model *model, uint32_t node)
{
    const struct charge charge = stack_charge(model->stacks, node);
    return grouping_of(&model->grouping, node, &charge);
}

/* Looks again at sites whose group is not known; all of them after grouping or filter changed. */
static void name_sites(struct top_model *model, bool is_anew)
{
    for (uint32_t i = 0; i < model->site_count; i++) {
        struct top_site *site = &model->sites[i];
        if (site->group != TOP_UNNAMED && !is_anew)
            continue;
        bool is_named = stacks_have(model->stacks, site->node);
        site->group = is_named ? group_of(model, site->node) : TOP_UNNAMED;
        /* Of what has no name yet nobody knows whether it is wanted. */
        site->is_kept = is_named ? keeps_site(model, site->node) : !*model->filter.text;
    }
}

static bool make_rows(struct top_model *model, bool is_anew)
{
    model->row_count = 0;
    if (model->group_by != GROUP_BY_THREAD) {
        if (!grouping_extend(&model->grouping))
            return false;
        name_sites(model, is_anew);
    }
    bool is_ok = model->group_by == GROUP_BY_THREAD ? add_thread_rows(model) : add_site_rows(model);
    find_sums(model);
    sort_rows(model, model->rows, model->row_count);
    return is_ok;
}

/* --- readings --- */

static void add_point(struct top_model *model, int64_t rss_bytes)
{
    model->points[model->point_count++ % TOP_POINTS_MAX] =
        (struct top_point){model->total.item.figures.live_bytes, rss_bytes};
}

static void rebase(struct top_model *model)
{
    for (uint32_t i = 0; i < model->site_count; i++)
        model->sites[i].base = tally_of(&model->sites[i].now, model->sites[i].cpu_ns);
    for (uint32_t i = 0; i < model->thread_count; i++)
        model->threads[i].base = model->threads[i].now;
    model->base_time_ns = model->time_ns;
}

/* Nothing is known of what was before the first reading. */
static void begin_here(struct top_model *model)
{
    rebase(model);
    for (uint32_t i = 0; i < model->site_count; i++)
        model->sites[i].before = model->sites[i].base;
    for (uint32_t i = 0; i < model->thread_count; i++)
        model->threads[i].before = model->threads[i].base;
}

bool top_model_read(struct top_model *model, uint64_t time_ns, int64_t rss_bytes)
{
    if (!find_new_sites(model))
        return false;
    add_up_sites(model);
    if (!add_up_threads(model))
        return false;
    /* Of a program that was killed nobody knows the end: its last sign of life may be earlier. */
    model->before_time_ns = model->time_ns;
    model->time_ns = time_ns > model->before_time_ns ? time_ns : model->before_time_ns + 1;
    if (!model->point_count)
        begin_here(model);
    bool is_ok = make_rows(model, false);
    add_point(model, rss_bytes);
    return is_ok;
}

void top_model_recall(struct top_model *model, const struct top_point *points, uint32_t count,
                      bool is_whole)
{
    struct top_point first = model->points[0];
    memcpy(model->points, points, count * sizeof *points);
    model->points[count] = first;
    model->point_count = count + 1;
    model->is_whole = is_whole;
}

bool top_model_rename(struct top_model *model)
{
    return make_rows(model, false);
}

bool top_model_rebase(struct top_model *model)
{
    rebase(model);
    return make_rows(model, false);
}

bool top_model_has(const struct top_model *model, enum top_sort sort)
{
    return model->has_cpu || (sort != TOP_CPU && sort != TOP_CPU_TIME);
}

bool top_model_has_rates(const struct top_model *model)
{
    return model->before_time_ns && model->time_ns > model->before_time_ns;
}

/* --- what is shown --- */

bool top_model_group(struct top_model *model, enum group_by group_by)
{
    model->group_by = group_by;
    grouping_finish(&model->grouping);
    if (group_by != GROUP_BY_THREAD)
        grouping_begin(&model->grouping, model->stacks, group_by);
    return make_rows(model, true);
}

bool top_model_sort(struct top_model *model, enum top_sort sort)
{
    model->sort = sort;
    sort_rows(model, model->rows, model->row_count);
    return true;
}

bool top_model_filter(struct top_model *model, const char *text)
{
    filter_finish(&model->filter);
    return filter_init(&model->filter, text) && make_rows(model, true);
}

uint32_t top_model_stacks(const struct top_model *model, uint32_t group, struct top_row *rows,
                          uint32_t room)
{
    uint32_t count = 0;
    struct top_row *all = calloc((size_t)model->site_count + 1, sizeof *all);
    for (uint32_t i = 0; all && model->group_by != GROUP_BY_THREAD && i < model->site_count; i++) {
        const struct top_site *site = &model->sites[i];
        if (site->group != group || group == TOP_UNNAMED || !site->is_kept)
            continue;
        all[count] = row_of_site(model, site);
        add_site(&all[count], site);
        find_rates(model, &all[count++]);
    }
    if (all)
        sort_rows(model, all, count);
    if (all && room) {
        memcpy(rows, all, (count < room ? count : room) * sizeof *rows);
    }
    free(all);
    return count;
}

void top_model_init(struct top_model *model, const struct trace *trace, const struct stacks *stacks)
{
    *model = (struct top_model){.trace = trace, .stacks = stacks};
    model->filter.word = model->filter.text;
    grouping_begin(&model->grouping, stacks, model->group_by);
}

void top_model_finish(struct top_model *model)
{
    filter_finish(&model->filter);
    grouping_finish(&model->grouping);
    free(model->sites);
    free(model->owner_sites);
    free(model->node_sites);
    free(model->threads);
    free(model->rows);
    *model = (struct top_model){0};
}

/* --- words --- */

static const char *const sort_words[TOP_SORT_COUNT] = {
    [TOP_LIVE] = "live",
    [TOP_GROWTH] = "growth",
    [TOP_GROWTH_RATE] = "growth-rate",
    [TOP_ALLOC_RATE] = "alloc-rate",
    [TOP_BYTE_RATE] = "byte-rate",
    [TOP_BLOCKS] = "blocks",
    [TOP_PEAK] = "peak",
    [TOP_ALLOCATIONS] = "count",
    [TOP_TOTAL] = "total",
    [TOP_CPU] = "cpu",
    [TOP_CPU_TIME] = "cpu-time",
};

const char *top_sort_word(enum top_sort sort)
{
    return sort_words[sort];
}

bool top_sort_parse(const char *text, enum top_sort *ret_sort)
{
    for (int i = 0; i < TOP_SORT_COUNT; i++) {
        if (strcmp(text, sort_words[i]) != 0)
            continue;
        *ret_sort = (enum top_sort)i;
        return true;
    }
    return false;
}
