/* SPDX-License-Identifier: BSD-2-Clause */
/* top_view.c -- What memtrace top shows: a model, and what the person chose, as a grid. */
#include "top_view.h"

#include "label.h"
#include "text.h"
#include "top_pages.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    CURVES_BESIDE_COLUMNS = 76, /* from here on both curves find room in one row */
    ROWS_FOR_CURVES = 8,        /* windows lower than that have better to show */
    SEGMENTS_MAX = 10,
    CONTEXT_COLUMNS = 12 /* at least, or the function is not worth showing */
};

void top_view_finish(struct top_view *view)
{
    sources_finish(&view->sources);
}

/* --- selection --- */

static uint32_t shown_count(const struct top_view *view, const struct top_model *model)
{
    return view->limit && view->limit < model->row_count ? (uint32_t)view->limit : model->row_count;
}

/* The place of the selected row; the first one when it is gone. */
static uint32_t selected_index(const struct top_view *view, const struct top_model *model)
{
    uint32_t count = shown_count(view, model);
    for (uint32_t i = 0; view->is_row_chosen && i < count; i++)
        if (model->rows[i].group == view->selected)
            return i;
    return 0;
}

const struct top_row *top_view_selected(const struct top_view *view, const struct top_model *model)
{
    uint32_t index = selected_index(view, model);
    bool is_gone = index >= shown_count(view, model) ||
                   (view->is_row_chosen && model->rows[index].group != view->selected);
    return is_gone ? NULL : &model->rows[index];
}

static uint32_t moved(uint32_t from, int64_t lines, uint32_t count)
{
    int64_t to = (int64_t)from + lines;
    if (to >= (int64_t)count)
        to = (int64_t)count - 1;
    return to < 0 ? 0 : (uint32_t)to;
}

void top_view_move(struct top_view *view, const struct top_model *model, int64_t lines)
{
    uint32_t count = shown_count(view, model);
    if (view->page != TOP_TABLE) {
        uint32_t last = view->page_count > view->page_rows ? view->page_count - view->page_rows : 0;
        view->page_first = moved(view->page_first, lines, last + 1);
    } else if (count) {
        uint32_t index = moved(selected_index(view, model), lines, count);
        view->selected = model->rows[index].group;
        view->is_row_chosen = true;
    }
}

void top_view_move_to_start(struct top_view *view, const struct top_model *model)
{
    if (view->page != TOP_TABLE)
        top_view_move(view, model, -(int64_t)UINT32_MAX);
    view->is_row_chosen = view->is_row_chosen && view->page != TOP_TABLE;
}

/* A page of call stacks stays with its line, also when that moves. */
void top_view_open(struct top_view *view, enum top_page page)
{
    view->page = page;
    view->page_first = view->page_count = 0;
}

/* --- the lines above the table --- */

/* What does not find room is left out, the least important first. */
struct segment {
    char text[160];
    int rank; /* 0: most important */
    enum cell_style style;
};

struct segments {
    struct segment items[SEGMENTS_MAX];
    size_t count;
};

static void add_segment(struct segments *segments, int rank, enum cell_style style,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

static void add_segment(struct segments *segments, int rank, enum cell_style style,
                        const char *format, ...)
{
    va_list arguments;
    if (segments->count == SEGMENTS_MAX)
        return;
    struct segment *segment = &segments->items[segments->count++];
    segment->rank = rank;
    segment->style = style;
    va_start(arguments, format);
    vsnprintf(segment->text, sizeof segment->text, format, arguments);
    va_end(arguments);
}

static void drop_least(struct segments *segments)
{
    size_t least = 0;
    for (size_t i = 1; i < segments->count; i++)
        if (segments->items[i].rank >= segments->items[least].rank)
            least = i;
    segments->count--;
    memmove(&segments->items[least], &segments->items[least + 1],
            (segments->count - least) * sizeof *segments->items);
}

static unsigned segments_columns(const struct segments *segments, const struct grid *grid)
{
    unsigned columns = 0;
    for (size_t i = 0; i < segments->count; i++)
        columns += grid_columns(grid, segments->items[i].text) + (i ? 2 : 0);
    return columns;
}

static void draw_segments(struct segments *segments, struct grid *grid, unsigned row)
{
    struct span span = {.row = row, .columns = grid->columns};
    while (segments->count > 1 && segments_columns(segments, grid) > grid->columns)
        drop_least(segments);
    for (size_t i = 0; i < segments->count; i++) {
        span.style = segments->items[i].style;
        span.column += grid_put(grid, span, segments->items[i].text) + 2;
    }
}

static struct number_text blocks_text(int64_t count)
{
    struct number_text text;
    if (count >= 0)
        return text_count((uint64_t)count);
    snprintf(text.text, sizeof text.text, "%" PRId64, count);
    return text;
}

/* Without fractions: it counts up. */
static struct number_text elapsed_text(uint64_t time_ns)
{
    struct number_text text;
    uint64_t seconds = time_ns / 1000000000;
    if (seconds < 60)
        snprintf(text.text, sizeof text.text, "%" PRIu64 " s", seconds);
    else
        text = text_duration(time_ns);
    return text;
}

static void draw_state(const struct top_view *view, const struct top_status *status,
                       struct grid *grid, unsigned row)
{
    struct segments segments = {0};
    bool is_complete = status->completeness.count == 0;
    add_segment(&segments, 0, STYLE_STRONG, "%s", text_basename(status->program));
    add_segment(&segments, 3, STYLE_PLAIN, "pid %" PRIu32, status->pid);
    if (status->is_running)
        add_segment(&segments, 2, STYLE_PLAIN, "running %s",
                    elapsed_text(status->duration_ns).text);
    else
        add_segment(&segments, 1, STYLE_STRONG, "%s", status->end);
    if (status->thread_count >= 0)
        add_segment(&segments, 4, STYLE_PLAIN, "%" PRId64 " thread%s", status->thread_count,
                    status->thread_count == 1 ? "" : "s");
    add_segment(&segments, 2, is_complete ? STYLE_PLAIN : STYLE_WARNING,
                is_complete ? "complete" : "incomplete (h)");
    if (status->sample_bytes)
        add_segment(&segments, 3, STYLE_WARNING, "sampled");
    if (status->is_recording_paused)
        add_segment(&segments, 3, STYLE_WARNING, "recording stopped");
    if (view->is_paused)
        add_segment(&segments, 1, STYLE_WARNING, "PAUSED");
    else if (status->is_running && status->interval_ns)
        add_segment(&segments, 5, STYLE_DIM, "every %g s", (double)status->interval_ns / 1e9);
    draw_segments(&segments, grid, row);
}

/* How many samples per second of CPU time are wanted now; 0: there is no sampler. */
static double sampling_hz(const struct trace *trace)
{
    double rate = 0;
    for (uint32_t i = 0; i < trace->sampler_count; i++)
        if (trace->samplers[i].domain == DOMAIN_CPU && trace->samplers[i].period_ns)
            rate = 1e9 / (double)trace->samplers[i].period_ns;
    return rate;
}

static void add_cpu(struct segments *segments, const struct top_model *model,
                    const struct top_status *status)
{
    double rate = sampling_hz(model->trace);
    if (!model->has_cpu)
        return;
    if (top_model_has_rates(model) && status->is_running)
        add_segment(segments, 2, STYLE_PLAIN, "CPU %.0f %%", 100 * model->total.cpu_share);
    else
        add_segment(segments, 2, STYLE_PLAIN, "CPU %.2f s", (double)model->total.cpu_ns / 1e9);
    if (rate > 0)
        add_segment(segments, 5, STYLE_DIM, "%.0f Hz", rate);
}

static void draw_totals(const struct top_model *model, const struct top_status *status,
                        struct grid *grid, unsigned row)
{
    struct segments segments = {0};
    const struct top_row *total = &model->total;
    const struct figures *figures = &total->item.figures;
    bool has_rates = top_model_has_rates(model);
    add_segment(&segments, 0, STYLE_STRONG, "heap %s", text_size((double)figures->live_bytes).text);
    add_segment(&segments, 5, STYLE_PLAIN, "in %s blocks", blocks_text(figures->live_count).text);
    if (has_rates)
        add_segment(&segments, 1, STYLE_PLAIN, "%s in %s",
                    top_signed_size((double)total->growth_bytes).text,
                    elapsed_text(model->time_ns - model->base_time_ns).text);
    if (has_rates && status->is_running)
        add_segment(&segments, 2, STYLE_PLAIN, "%s/s", top_signed_size(total->growth_rate).text);
    add_segment(&segments, 4, STYLE_PLAIN, "peak %s", text_size((double)figures->peak_bytes).text);
    if (status->rss_bytes >= 0)
        add_segment(&segments, 3, STYLE_PLAIN, "RSS %s", text_size((double)status->rss_bytes).text);
    else
        add_segment(&segments, 6, STYLE_PLAIN, "RSS -");
    if (has_rates && status->is_running)
        add_segment(&segments, 6, STYLE_PLAIN, "%s allocations/s %s/s",
                    top_rate(total->alloc_rate).text, text_size(total->byte_rate).text);
    add_cpu(&segments, model, status);
    draw_segments(&segments, grid, row);
}

/* --- curves --- */

struct curve {
    const char *name;
    int64_t values[TOP_POINTS_MAX]; /* oldest first; -1: not known */
    unsigned count;
    int64_t lowest, highest;
};

/* The last ones, or some of all. */
static uint32_t point_at(const struct top_model *model, unsigned i, unsigned count)
{
    if (model->is_whole && count > 1)
        return (uint32_t)((uint64_t)i * (model->point_count - 1) / (count - 1));
    return (model->point_count - count + i) % TOP_POINTS_MAX;
}

static void take_points(struct curve *curve, const struct top_model *model, unsigned count,
                        bool is_rss)
{
    uint32_t known =
        model->point_count < TOP_POINTS_MAX ? model->point_count : (uint32_t)TOP_POINTS_MAX;
    curve->count = count < known ? count : known;
    curve->lowest = curve->highest = -1;
    for (unsigned i = 0; i < curve->count; i++) {
        const struct top_point *point = &model->points[point_at(model, i, curve->count)];
        int64_t value = is_rss ? point->rss_bytes : point->live_bytes;
        curve->values[i] = value;
        if (value >= 0 && (curve->lowest < 0 || value < curve->lowest))
            curve->lowest = value;
        if (value > curve->highest)
            curve->highest = value;
    }
}

/* Eight heights. What moves by less than a hundredth is drawn as still as it is. */
static const char *height_of(const struct curve *curve, int64_t value, bool is_utf8)
{
    static const char *const bars[] = {"\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83",
                                       "\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86",
                                       "\xe2\x96\x87", "\xe2\x96\x88"};
    static const char *const signs[] = {"_", ".", "-", "~", "=", "+", "*", "#"};
    double span = (double)curve->highest - (double)curve->lowest;
    double least = (double)curve->highest / 100;
    double share = value < 0 || curve->highest <= 0
                       ? 0
                       : ((double)value - (double)curve->lowest) / (span > least ? span : least);
    if (value < 0)
        return " ";
    int height = (int)(share * 7.999);
    return is_utf8 ? bars[height] : signs[height];
}

static void draw_curve(const struct top_model *model, struct grid *grid, struct span span,
                       const char *name, bool is_rss)
{
    struct curve curve = {.name = name};
    char range[80];
    unsigned room = span.columns > 34 ? span.columns - 5 - 24 : span.columns > 12 ? 8 : 0;
    grid_put(grid, span, name);
    take_points(&curve, model, room < TOP_POINTS_MAX ? room : TOP_POINTS_MAX, is_rss);
    span.column += 5;
    span.columns = room;
    for (unsigned i = 0; i < curve.count; i++)
        grid_put(grid,
                 (struct span){span.row, span.column + room - curve.count + i, 1, STYLE_PLAIN},
                 height_of(&curve, curve.values[i], grid->is_utf8));
    if (curve.highest < 0)
        strcpy(range, "-");
    else
        snprintf(range, sizeof range, "%s to %s", text_size((double)curve.lowest).text,
                 text_size((double)curve.highest).text);
    span.column += room + 1;
    span.columns = 24;
    span.style = STYLE_DIM;
    grid_put(grid, span, range);
}

/* Returns how many rows it took. */
static unsigned draw_curves(const struct top_model *model, struct grid *grid, unsigned row)
{
    unsigned half = grid->columns / 2;
    if (grid->columns >= CURVES_BESIDE_COLUMNS) {
        draw_curve(model, grid, (struct span){.row = row, .columns = half - 1}, "heap", false);
        draw_curve(model, grid, (struct span){.row = row, .column = half, .columns = half}, "RSS",
                   true);
        return 1;
    }
    struct span whole = {.row = row, .columns = grid->columns};
    draw_curve(model, grid, whole, "heap", false);
    whole.row++;
    draw_curve(model, grid, whole, "RSS", true);
    return 2;
}

/* --- the table --- */

struct column {
    const char *title;
    unsigned columns;
    enum top_sort sort;
    bool is_change; /* needs two readings */
};

/* As they stand in the table. */
static const struct column table_columns[] = {
    {"LIVE", 10, TOP_LIVE, false},          {"BLOCKS", 11, TOP_BLOCKS, false},
    {"GROWTH", 11, TOP_GROWTH, true},       {"GROWTH/s", 11, TOP_GROWTH_RATE, true},
    {"ALLOCS/s", 11, TOP_ALLOC_RATE, true}, {"BYTES/s", 10, TOP_BYTE_RATE, true},
    {"PEAK", 10, TOP_PEAK, false},          {"ALLOCS", 13, TOP_ALLOCATIONS, false},
    {"TOTAL", 10, TOP_TOTAL, false},        {"CPU", 9, TOP_CPU, true},
    {"CPU TIME", 11, TOP_CPU_TIME, false},
};

/* The same as they are given room. */
static const enum top_sort by_importance[] = {
    TOP_LIVE,   TOP_CPU,       TOP_GROWTH, TOP_GROWTH_RATE, TOP_ALLOC_RATE, TOP_CPU_TIME,
    TOP_BLOCKS, TOP_BYTE_RATE, TOP_PEAK,   TOP_ALLOCATIONS, TOP_TOTAL};

enum {
    COLUMN_COUNT = sizeof table_columns / sizeof *table_columns
};

struct layout {
    bool is_shown[TOP_SORT_COUNT]; /* by sort */
    bool has_growth;               /* there is something to compare with */
    bool has_rates;                /* and the program still runs */
    unsigned name_column;
};

static const struct column *column_of(enum top_sort sort)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        if (table_columns[i].sort == sort)
            return &table_columns[i];
    return &table_columns[0];
}

static void show_column(struct layout *layout, enum top_sort sort, unsigned limit)
{
    const struct column *column = column_of(sort);
    if (layout->is_shown[sort] || layout->name_column + column->columns > limit)
        return;
    layout->is_shown[sort] = true;
    layout->name_column += column->columns;
}

/* Names get almost half of the window, and what is sorted by is always there. */
static struct layout lay_out(const struct top_model *model, bool has_changes, bool is_running,
                             unsigned columns)
{
    bool has_growth = top_model_has_rates(model);
    struct layout layout = {
        .name_column = 3, .has_growth = has_growth, .has_rates = has_growth && is_running};
    unsigned name_columns = columns / 5 * 2 > 60 ? 60 : columns / 5 * 2;
    unsigned limit = columns > name_columns ? columns - name_columns : 0;
    if (has_changes || !column_of(model->sort)->is_change)
        show_column(&layout, model->sort, columns);
    for (size_t i = 0; i < sizeof by_importance / sizeof *by_importance; i++)
        if (top_model_has(model, by_importance[i]) &&
            (has_changes || !column_of(by_importance[i])->is_change))
            show_column(&layout, by_importance[i], limit);
    return layout;
}

static struct number_text share_text(double share)
{
    struct number_text text;
    snprintf(text.text, sizeof text.text, "%.1f %%", 100 * share);
    return text;
}

static struct number_text seconds_text(uint64_t time_ns)
{
    struct number_text text;
    snprintf(text.text, sizeof text.text, "%.2f s", (double)time_ns / 1e9);
    return text;
}

static struct number_text change_text(const struct top_row *row, enum top_sort sort,
                                      const struct layout *layout)
{
    if (!layout->has_growth || (!layout->has_rates && sort != TOP_GROWTH))
        return (struct number_text){"-"};
    if (sort == TOP_GROWTH)
        return top_signed_size((double)row->growth_bytes);
    if (sort == TOP_GROWTH_RATE)
        return top_signed_size(row->growth_rate);
    if (sort == TOP_ALLOC_RATE)
        return top_rate(row->alloc_rate);
    if (sort == TOP_CPU)
        return share_text(row->cpu_share);
    return row->byte_rate < 0.5 ? (struct number_text){"0"} : text_size(row->byte_rate);
}

static struct number_text value_text(const struct top_row *row, enum top_sort sort,
                                     const struct layout *layout)
{
    const struct figures *figures = &row->item.figures;
    switch (sort) {
    case TOP_LIVE:
        return text_size((double)figures->live_bytes);
    case TOP_BLOCKS:
        return blocks_text(figures->live_count);
    case TOP_PEAK:
        return text_size((double)figures->peak_bytes);
    case TOP_ALLOCATIONS:
        return text_count(figures->alloc_count);
    case TOP_TOTAL:
        return text_size((double)figures->alloc_bytes);
    case TOP_CPU_TIME:
        return seconds_text(row->cpu_ns);
    default:
        return change_text(row, sort, layout);
    }
}

static void draw_headings(const struct top_model *model, const struct layout *layout,
                          struct grid *grid, unsigned row)
{
    static const char *const titles[GROUP_BY_COUNT] = {"LINE",   "FUNCTION",   "FILE",
                                                       "MODULE", "CALL STACK", "THREAD"};
    struct span span = {.row = row, .column = 1};
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        const struct column *column = &table_columns[i];
        char title[24];
        if (!layout->is_shown[column->sort])
            continue;
        snprintf(title, sizeof title, "%s%s", column->title,
                 column->sort == model->sort ? " v" : "");
        span.columns = column->columns;
        grid_put_right(grid, span, title);
        span.column += column->columns;
    }
    span.column = layout->name_column;
    span.columns = grid->columns;
    grid_put(grid, span, titles[model->group_by]);
    grid_tint(grid, row, STYLE_HEADING);
}

/* The end of a long path, and of the function at least a part. */
static void draw_name(const struct top_model *model, const struct top_row *row, struct grid *grid,
                      struct span span)
{
    char *label = top_label(model, row);
    char *context = top_context(model, row);
    unsigned room = span.column < grid->columns ? grid->columns - span.column : 0;
    unsigned label_columns = grid_columns(grid, label ? label : "?");
    unsigned context_columns = context ? grid_columns(grid, context) + 2 : 0;
    span.columns = room;
    if (label_columns + context_columns > room && context && room / 2 > CONTEXT_COLUMNS)
        span.columns = room / 2 > room - (context_columns < room ? context_columns : room)
                           ? room / 2
                           : room - context_columns;
    bool is_path = model->group_by != GROUP_BY_FUNCTION && model->group_by != GROUP_BY_THREAD;
    unsigned used = is_path ? grid_put_tail(grid, span, label ? label : "?")
                            : grid_put(grid, span, label ? label : "?");
    span.column += used + 2;
    span.style = STYLE_DIM;
    span.columns = room > used + 2 ? room - used - 2 : 0;
    if (context && span.columns)
        grid_put(grid, span, context);
    free(label);
    free(context);
}

static void draw_row(const struct top_model *model, const struct top_row *row,
                     const struct layout *layout, struct grid *grid, unsigned at)
{
    struct span span = {.row = at, .column = 1};
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        const struct column *column = &table_columns[i];
        if (!layout->is_shown[column->sort])
            continue;
        span.columns = column->columns;
        grid_put_right(grid, span, value_text(row, column->sort, layout).text);
        span.column += column->columns;
    }
    span.column = layout->name_column;
    draw_name(model, row, grid, span);
}

/* Scrolls as little as is needed to keep the selected line in sight. */
static void scroll(struct top_view *view, uint32_t selected, uint32_t count, unsigned rows)
{
    uint32_t last = count > rows ? count - rows : 0;
    if (selected < view->first)
        view->first = selected;
    if (rows && selected >= view->first + rows)
        view->first = selected - rows + 1;
    if (view->first > last)
        view->first = last;
}

static void draw_table(struct top_view *view, const struct top_model *model, bool is_running,
                       struct grid *grid, unsigned top, unsigned bottom)
{
    struct layout layout =
        lay_out(model, is_running || top_model_has_rates(model), is_running, grid->columns);
    uint32_t count = shown_count(view, model);
    uint32_t selected = selected_index(view, model);
    if (top >= bottom)
        return;
    draw_headings(model, &layout, grid, top++);
    view->page_rows = bottom - top;
    scroll(view, selected, count, view->page_rows);
    for (uint32_t i = view->first; i < count && top < bottom; i++, top++) {
        draw_row(model, &model->rows[i], &layout, grid, top);
        if (i != selected)
            continue;
        grid_put(grid, (struct span){.row = top, .columns = 1}, ">");
        grid_tint(grid, top, STYLE_SELECTED);
    }
}

/* --- pages --- */

static void draw_page(struct top_view *view, const struct top_model *model,
                      const struct top_status *status, struct grid *grid, unsigned top,
                      unsigned bottom)
{
    struct text_page page = {0};
    struct text_page heading = {0};
    const struct top_row *row = top_view_selected(view, model);
    bool was_at_end = view->page_first + view->page_rows >= view->page_count;
    if (view->page == TOP_STACKS && row) {
        text_page_add(&heading, STYLE_HEADING, top_label(model, row), NULL);
        text_page_draw(&heading, 0, grid, top, bottom);
    }
    grid_tint(grid, top++, STYLE_HEADING);
    top_page_compose(&page, view, model, status, grid->columns);
    if (view->page == TOP_OUTPUT && was_at_end) /* of output the last lines matter most */
        view->page_first = page.count;
    view->page_count = page.count;
    view->page_rows = bottom > top ? bottom - top : 0;
    top_view_move(view, model, 0);
    text_page_draw(&page, view->page_first, grid, top, bottom);
    text_page_finish(&page);
    text_page_finish(&heading);
}

/* --- the last line --- */

static void draw_keys(const struct top_view *view, const struct top_model *model, struct grid *grid,
                      unsigned row)
{
    struct segments segments = {0};
    if (view->page != TOP_TABLE) {
        add_segment(&segments, 0, STYLE_DIM, "q back");
        add_segment(&segments, 1, STYLE_DIM, "up down PgUp PgDn scroll");
        add_segment(&segments, 2, STYLE_DIM, "%" PRIu32 "-%" PRIu32 " of %" PRIu32,
                    view->page_count ? view->page_first + 1 : 0,
                    view->page_count - view->page_first < view->page_rows
                        ? view->page_count
                        : view->page_first + view->page_rows,
                    view->page_count);
        draw_segments(&segments, grid, row);
        return;
    }
    add_segment(&segments, 0, STYLE_DIM, "q quit");
    add_segment(&segments, 1, STYLE_DIM, "h help");
    if (*model->filter.text)
        add_segment(&segments, 2, STYLE_WARNING, "/%s: %s of %s", model->filter.text,
                    text_size((double)model->kept.item.figures.live_bytes).text,
                    text_size((double)model->total.item.figures.live_bytes).text);
    else
        add_segment(&segments, 6, STYLE_DIM, "/ filter");
    add_segment(&segments, 3, STYLE_DIM, "s sort: %s", top_sort_word(model->sort));
    add_segment(&segments, 4, STYLE_DIM, "g group: %s", label_group_by(model->group_by));
    add_segment(&segments, 5, STYLE_DIM, "Enter stacks");
    add_segment(&segments, 7, STYLE_DIM, "p pause");
    add_segment(&segments, 8, STYLE_DIM, "r reset");
    draw_segments(&segments, grid, row);
}

static void draw_last(const struct top_view *view, const struct top_model *model, struct grid *grid,
                      unsigned row)
{
    struct span span = {.row = row, .columns = grid->columns, .style = STYLE_STRONG};
    if (view->question) {
        grid_put(grid, span, view->question);
    } else if (view->is_typing) {
        span.column = grid_put(grid, span, "filter: ");
        span.columns -= span.column < span.columns ? span.column + 1 : span.columns;
        span.column += grid_put_tail(grid, span, view->typed);
        span.columns = 1;
        grid_put(grid, span, "_");
    } else if (*view->message) {
        grid_put(grid, span, view->message);
    } else {
        draw_keys(view, model, grid, row);
    }
}

/* --- all --- */

void top_view_draw(struct top_view *view, const struct top_model *model,
                   const struct top_status *status, struct grid *grid)
{
    unsigned row = 0;
    unsigned bottom = grid->rows - 1;
    grid_clear(grid);
    if (grid->rows >= 4)
        draw_state(view, status, grid, row++);
    if (grid->rows >= 3)
        draw_totals(model, status, grid, row++);
    if (grid->rows >= ROWS_FOR_CURVES)
        row += draw_curves(model, grid, row);
    if (view->page == TOP_TABLE)
        draw_table(view, model, status->is_running, grid, row, bottom);
    else if (row < bottom)
        draw_page(view, model, status, grid, row, bottom);
    draw_last(view, model, grid, grid->rows - 1);
}

static void print_line(FILE *out, struct grid *grid)
{
    grid_print(out, grid, 1);
    grid_clear(grid);
}

void top_view_print(FILE *out, struct top_view *view, const struct top_model *model,
                    const struct top_status *status, struct grid *grid)
{
    struct layout layout =
        lay_out(model, top_model_has_rates(model), status->is_running, grid->columns);
    draw_state(view, status, grid, 0);
    print_line(out, grid);
    draw_totals(model, status, grid, 0);
    print_line(out, grid);
    draw_headings(model, &layout, grid, 0);
    print_line(out, grid);
    for (uint32_t i = 0; i < shown_count(view, model); i++) {
        draw_row(model, &model->rows[i], &layout, grid, 0);
        print_line(out, grid);
    }
}
