/* SPDX-License-Identifier: BSD-2-Clause */
/* plot_runs.c -- A plot of what programs used over time. */
#include "plot_runs.h"

#include "marks.h"
#include "phases.h"

#include <stdlib.h>
#include <string.h>

size_t plot_default_quantities(const struct runs *runs, enum quantity quantities[QUANTITY_COUNT])
{
    size_t count = 0;
    if (runs_know(runs, QUANTITY_RSS))
        quantities[count++] = QUANTITY_RSS;
    if ((runs->count == 1 || !count) && runs_know(runs, QUANTITY_LIVE))
        quantities[count++] = QUANTITY_LIVE;
    return count;
}

struct window plot_whole_window(const struct runs *runs)
{
    struct window window = {0, 1};
    for (size_t i = 0; i < runs->count; i++) {
        const struct run *run = &runs->items[i];
        size_t count = run->series.count;
        uint64_t last_ns = count ? run->series.points[count - 1].time_ns : 0;
        uint64_t end_ns = run->end_ns > last_ns ? run->end_ns : last_ns;
        window.to_ns = end_ns > window.to_ns ? end_ns : window.to_ns;
    }
    return window;
}

/* --- events --- */

static bool add_mark(struct plot *plot, const struct trace *trace, uint32_t mark)
{
    const struct trace_mark *details = &trace->marks[mark];
    const char *name = trace->mark_names[mark];
    if (details->kind == MARK_PHASE_BEGIN || details->kind == MARK_PHASE_END)
        return true;
    return plot_add_mark(plot, *name ? name : mark_kind(details->kind),
                         trace_mark_time_ns(trace, &trace->marks[mark]),
                         details->kind == MARK_SNAPSHOT);
}

bool plot_add_events(struct plot *plot, const struct trace *trace)
{
    struct phases phases;
    if (!phases_init(&phases, trace))
        return false;
    bool is_ok = true;
    for (size_t i = 0; is_ok && i < phases.count; i++) {
        const struct phase *phase = &phases.items[i];
        is_ok = plot_add_phase(plot, phase->name, phase->begin_ns, phase->end_ns, phase->level);
    }
    for (uint32_t i = 0; is_ok && i < trace->mark_count; i++)
        is_ok = add_mark(plot, trace, i);
    phases_finish(&phases);
    return is_ok;
}

/* --- lines --- */

static bool add_trend(struct plot *plot, struct plot_line *line, enum unit unit)
{
    if (!regression_init(&line->trend, &line->timeline))
        return true;
    line->has_trend = true;
    return plot_add_note(plot, "%s: %s (least squares over %zu readings; ± is the standard error)",
                         line->name, plot_trend_text(unit, &line->trend).text, line->trend.count);
}

/* "RSS"; of several runs "server (42)"; of several quantities and runs "server (42), RSS" */
static char *line_name(const struct runs *runs, const struct plot_query *query, size_t run,
                       enum quantity quantity)
{
    char *name = NULL;
    const char *label = quantity_label(quantity);
    if (runs->count == 1)
        return strdup(label);
    if (query->quantity_count == 1)
        return strdup(runs->items[run].name);
    return asprintf(&name, "%s, %s", runs->items[run].name, label) < 0 ? NULL : name;
}

/* Lines that share a panel look different, and a process looks the same in all panels. */
static unsigned line_style(const struct runs *runs, const struct plot_query *query, size_t run,
                           size_t index)
{
    enum unit unit = quantity_unit(query->quantities[index]);
    size_t alike = 0;
    size_t before = 0;
    for (size_t i = 0; i < query->quantity_count; i++) {
        bool is_alike = quantity_unit(query->quantities[i]) == unit;
        alike += is_alike;
        before += is_alike && i < index;
    }
    return runs->count == 1 ? (unsigned)before : (unsigned)(run * alike + before);
}

static bool add_line(struct plot *plot, const struct runs *runs, const struct plot_query *query,
                     size_t run, size_t index)
{
    enum quantity quantity = query->quantities[index];
    enum unit unit = quantity_unit(quantity);
    struct timeline timeline;
    if (!run_timeline(&runs->items[run], quantity, &timeline)) {
        timeline_finish(&timeline);
        return false;
    }
    timeline_clip(&timeline, query->window);
    char *name = line_name(runs, query, run, quantity);
    struct plot_line *line = plot_add_line(plot, unit, name ? name : "", &timeline);
    free(name);
    if (!name || !line)
        return false;
    line->style = line_style(runs, query, run, index);
    line->is_peak_marked = runs->count == 1;
    if (runs->count == 1 && quantity == QUANTITY_LIVE && !query->layers && !query->is_log &&
        !query->is_zoomed)
        line->kind = PLOT_AREA;
    if (query->has_slope && !add_trend(plot, line, unit))
        return false;
    timeline_reduce(&line->timeline, query->window, query->resolution);
    return true;
}

/* --- layers --- */

static bool is_empty(const struct layer *layer, size_t time)
{
    return layer->live_bytes[time] <= 0;
}

/* A layer begins and ends where it has something beside what is nothing: its edges are slopes. */
static bool add_layer(struct plot *plot, const struct layers *layers, size_t index, double *ground)
{
    const struct layer *layer = &layers->items[index];
    struct timeline timeline = {.samples =
                                    calloc(layers->time_count + 1, sizeof *timeline.samples)};
    bool is_apart = false;
    for (size_t i = 0; timeline.samples && i < layers->time_count; i++) {
        bool is_needed = !is_empty(layer, i) || (i && !is_empty(layer, i - 1)) ||
                         (i + 1 < layers->time_count && !is_empty(layer, i + 1));
        double top = ground[i] + (double)layer->live_bytes[i];
        if (is_needed)
            timeline.samples[timeline.count++] =
                (struct sample){layers->times_ns[i], layers->times_ns[i], ground[i], top, is_apart};
        is_apart = !is_needed;
        ground[i] = top;
    }
    if (!timeline.samples)
        return false;
    struct plot_line *line = plot_add_line(plot, UNIT_BYTES, layer->name, &timeline);
    if (!line)
        return false;
    line->kind = PLOT_LAYER;
    line->style = layer->is_rest ? PLOT_STYLE_REST : (unsigned)index;
    line->peak = (double)layer->most_bytes;
    return true;
}

static bool add_layers(struct plot *plot, const struct layers *layers)
{
    double *ground = calloc(layers->time_count + 1, sizeof *ground);
    bool is_ok = ground;
    for (size_t i = 0; is_ok && i < layers->count; i++)
        is_ok = add_layer(plot, layers, i, ground);
    free(ground);
    return is_ok;
}

/* --- all --- */

static bool add_all(struct plot *plot, const struct runs *runs, const struct plot_query *query)
{
    plot->is_log = query->is_log;
    plot->is_zoomed = query->is_zoomed;
    if (query->layers && !add_layers(plot, query->layers))
        return false;
    for (size_t i = 0; i < query->quantity_count; i++)
        for (size_t j = 0; j < runs->count; j++)
            if (!add_line(plot, runs, query, j, i))
                return false;
    if (runs->items[0].series.is_heap_only && query->quantity_count &&
        !plot_add_note(plot, "only the heap is known: no series of the process was recorded"))
        return false;
    if (runs->unread_count &&
        !plot_add_note(plot, "%zu more children have traces that cannot be read",
                       runs->unread_count))
        return false;
    return !query->has_marks || plot_add_events(plot, &runs->items[0].trace);
}

bool plot_of_runs(struct plot *plot, const struct runs *runs, const struct plot_query *query,
                  struct error *error)
{
    if (plot_init(plot, query->title, query->subtitle, query->window) && add_all(plot, runs, query))
        return true;
    plot_finish(plot);
    return error_out_of_memory(error);
}
