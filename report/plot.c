/* SPDX-License-Identifier: BSD-2-Clause */
/* plot.c -- What a plot shows, and nothing of how. */
#include "plot.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

bool plot_init(struct plot *plot, const char *title, const char *subtitle, struct window window)
{
    *plot = (struct plot){.window = window};
    plot->title = strdup(title);
    plot->subtitle = strdup(subtitle);
    return plot->title && plot->subtitle;
}

static void finish_panel(struct plot_panel *panel)
{
    for (size_t i = 0; i < panel->line_count; i++) {
        free(panel->lines[i].name);
        timeline_finish(&panel->lines[i].timeline);
    }
    free(panel->lines);
}

void plot_finish(struct plot *plot)
{
    for (size_t i = 0; i < plot->panel_count; i++)
        finish_panel(&plot->panels[i]);
    for (size_t i = 0; i < plot->mark_count; i++)
        free(plot->marks[i].name);
    for (size_t i = 0; i < plot->phase_count; i++)
        free(plot->phases[i].name);
    for (size_t i = 0; i < plot->note_count; i++)
        free(plot->notes[i]);
    free(plot->marks);
    free(plot->phases);
    free(plot->notes);
    free(plot->title);
    free(plot->subtitle);
    *plot = (struct plot){0};
}

/* Room for one more element. */
static bool grow(void *array, size_t count, size_t element_bytes)
{
    void **place = array;
    if (count & (count - 1)) /* full at each power of two */
        return true;
    void *bytes = realloc(*place, (count ? 2 * count : 1) * element_bytes);
    if (!bytes)
        return false;
    *place = bytes;
    return true;
}

static struct plot_panel *panel_of(struct plot *plot, enum unit unit)
{
    for (size_t i = 0; i < plot->panel_count; i++)
        if (plot->panels[i].unit == unit)
            return &plot->panels[i];
    plot->panels[plot->panel_count] = (struct plot_panel){.unit = unit};
    return &plot->panels[plot->panel_count++];
}

struct plot_line *plot_add_line(struct plot *plot, enum unit unit, const char *name,
                                struct timeline *timeline)
{
    struct plot_panel *panel = panel_of(plot, unit);
    struct plot_line line = {.timeline = *timeline, .name = strdup(name)};
    const struct sample *peak = timeline_peak(timeline);
    if (!line.name || !grow(&panel->lines, panel->line_count, sizeof line)) {
        free(line.name);
        timeline_finish(timeline);
        return NULL;
    }
    if (peak) {
        line.peak = peak->max;
        line.peak_begin_ns = peak->begin_ns;
        line.peak_end_ns = peak->end_ns;
    }
    *timeline = (struct timeline){0};
    panel->lines[panel->line_count] = line;
    return &panel->lines[panel->line_count++];
}

bool plot_add_mark(struct plot *plot, const char *name, uint64_t time_ns, bool is_snapshot)
{
    struct plot_mark mark = {strdup(name), time_ns, is_snapshot};
    if (!mark.name || !grow(&plot->marks, plot->mark_count, sizeof mark)) {
        free(mark.name);
        return false;
    }
    plot->marks[plot->mark_count++] = mark;
    return true;
}

bool plot_add_phase(struct plot *plot, const char *name, uint64_t begin_ns, uint64_t end_ns,
                    unsigned level)
{
    struct plot_phase phase = {strdup(name), begin_ns, end_ns, level};
    if (!phase.name || !grow(&plot->phases, plot->phase_count, sizeof phase)) {
        free(phase.name);
        return false;
    }
    plot->phases[plot->phase_count++] = phase;
    return true;
}

bool plot_add_note(struct plot *plot, const char *format, ...)
{
    char *note = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&note, format, arguments);
    va_end(arguments);
    if (length < 0)
        return false;
    if (!grow(&plot->notes, plot->note_count, sizeof note)) {
        free(note);
        return false;
    }
    plot->notes[plot->note_count++] = note;
    return true;
}

/* --- questions --- */

struct bounds {
    double low;
    double high;
    double least; /* the smallest above zero; 0: there is none */
};

static void widen(struct bounds *bounds, double value, bool is_first)
{
    bounds->low = is_first || value < bounds->low ? value : bounds->low;
    bounds->high = is_first || value > bounds->high ? value : bounds->high;
    if (value > 0 && (bounds->least <= 0 || value < bounds->least))
        bounds->least = value;
}

static struct bounds panel_bounds(const struct plot_panel *panel)
{
    struct bounds bounds = {0};
    bool is_first = true;
    for (size_t i = 0; i < panel->line_count; i++) {
        const struct timeline *timeline = &panel->lines[i].timeline;
        for (size_t j = 0; j < timeline->count; j++) {
            widen(&bounds, timeline->samples[j].min, is_first);
            widen(&bounds, timeline->samples[j].max, false);
            is_first = false;
        }
    }
    return bounds;
}

struct axis plot_panel_axis(const struct plot *plot, const struct plot_panel *panel, size_t wanted)
{
    struct bounds bounds = panel_bounds(panel);
    if (plot->is_log && bounds.least > 0)
        return axis_of_logarithms(panel->unit, bounds.least, bounds.high, wanted);
    if (!plot->is_zoomed && bounds.low > 0)
        bounds.low = 0;
    if (!plot->is_zoomed && bounds.high < 0)
        bounds.high = 0;
    double headroom = (bounds.high - bounds.low) * 0.03; /* for what is written at a peak */
    return axis_of_values(panel->unit, bounds.low, bounds.high + headroom, wanted);
}

const struct plot_line *plot_line_at(const struct plot_panel *panel, size_t i)
{
    bool is_stack = panel->line_count && panel->lines[0].kind == PLOT_LAYER;
    return &panel->lines[is_stack ? panel->line_count - 1 - i : i];
}

size_t plot_line_count(const struct plot *plot)
{
    size_t count = 0;
    for (size_t i = 0; i < plot->panel_count; i++)
        count += plot->panels[i].line_count;
    return count;
}

struct trend_text plot_trend_text(enum unit unit, const struct regression *trend)
{
    const double hour_s = 3600;
    struct trend_text result;
    struct number_text slope = unit_text(unit, fabs(trend->per_second * hour_s));
    bool is_nothing = !strpbrk(slope.text, "123456789");
    const char *sign = trend->per_second < 0 && !is_nothing ? "-" : "+";
    if (isnan(trend->error_per_second)) {
        snprintf(result.text, sizeof result.text, "%s%s per hour", sign, slope.text);
        return result;
    }
    struct number_text error = unit_text(unit, trend->error_per_second * hour_s);
    snprintf(result.text, sizeof result.text, "%s%s ±%s per hour", sign, slope.text, error.text);
    return result;
}
