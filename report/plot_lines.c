/* SPDX-License-Identifier: BSD-2-Clause */
/* plot_lines.c -- What is inside a panel of a plot: lines, bands, layers, trends, peaks. */
#include "plot_draw.h"

#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double band_opacity = 0.28;
static const double area_opacity = 0.16;
static const double layer_opacity = 0.62;
static const double dot_radius = 2.4;

/* Both edges of a piece of line without a gap, from left to right. */
struct outline {
    struct spot *upper;
    struct spot *lower;
    size_t count;
    bool is_band; /* the edges differ somewhere */
};

static void add_spots(struct outline *outline, double x, double upper, double lower)
{
    size_t i = outline->count;
    if (i && fabs(outline->upper[i - 1].x - x) < 0.05 &&
        fabs(outline->upper[i - 1].y - upper) < 0.05 &&
        fabs(outline->lower[i - 1].y - lower) < 0.05)
        return;
    outline->upper[i] = (struct spot){x, upper};
    outline->lower[i] = (struct spot){x, lower};
    outline->is_band |= lower - upper > 0.3;
    outline->count++;
}

static void add_sample(const struct panel_drawing *panel, struct outline *outline,
                       const struct sample *sample)
{
    double upper = panel_y(panel, sample->max);
    double lower = panel_y(panel, sample->min);
    double left = drawing_x(panel->drawing, sample->begin_ns);
    double right = drawing_x(panel->drawing, sample->end_ns);
    if (right - left < 1.5)
        left = right = (left + right) / 2; /* too narrow to be seen as a span */
    add_spots(outline, left, upper, lower);
    add_spots(outline, right, upper, lower);
}

static void draw_dot(struct picture *picture, struct spot spot, double radius, unsigned ink)
{
    struct spot corners[12];
    for (int i = 0; i < 12; i++)
        corners[i] =
            (struct spot){spot.x + radius * cos(i * M_PI / 6), spot.y + radius * sin(i * M_PI / 6)};
    picture->fill(picture, corners, 12, ink, 1);
}

/* Fills from the upper edge down to the lower one, or to a level. */
static void fill_below(const struct panel_drawing *panel, const struct outline *outline,
                       const double *level, unsigned ink, double opacity)
{
    struct picture *picture = panel->drawing->picture;
    struct spot *around = malloc(2 * outline->count * sizeof *around);
    if (!around)
        return; /* a shade less */
    memcpy(around, outline->upper, outline->count * sizeof *around);
    for (size_t i = 0; i < outline->count; i++) {
        struct spot spot = outline->lower[outline->count - 1 - i];
        around[outline->count + i] = (struct spot){spot.x, level ? *level : spot.y};
    }
    picture->fill(picture, around, 2 * outline->count, ink, opacity);
    free(around);
}

static void draw_layer(const struct panel_drawing *panel, const struct plot_line *line,
                       const struct outline *outline)
{
    static const struct pen edge = {.ink = INK_PAPER, .width = 0.9, .opacity = 1};
    struct picture *picture = panel->drawing->picture;
    unsigned ink = line->style == PLOT_STYLE_REST ? (unsigned)INK_REST : plot_ink(line->style);
    if (!outline->is_band)
        return;
    fill_below(panel, outline, NULL, ink, layer_opacity);
    picture->stroke(picture, outline->upper, outline->count, &edge);
}

static void draw_outline(const struct panel_drawing *panel, const struct plot_line *line,
                         const struct outline *outline)
{
    struct picture *picture = panel->drawing->picture;
    struct pen pen = plot_pen(line->style);
    double ground = panel_y(panel, panel->axis.low > 0 ? panel->axis.low : 0);
    const struct spot *upper = outline->upper;
    bool is_dot = outline->count == 1 || upper[outline->count - 1].x - upper[0].x < 1;
    if (line->kind == PLOT_AREA && !is_dot)
        fill_below(panel, outline, &ground, pen.ink, area_opacity);
    if (is_dot) {
        draw_dot(picture, upper[0], dot_radius, pen.ink);
        draw_dot(picture, outline->lower[0], dot_radius, pen.ink);
    }
    if (outline->is_band)
        fill_below(panel, outline, NULL, pen.ink, band_opacity);
    picture->stroke(picture, upper, outline->count, &pen);
    pen.width = 0.9;
    if (outline->is_band)
        picture->stroke(picture, outline->lower, outline->count, &pen);
}

static void draw_line(const struct panel_drawing *panel, const struct plot_line *line,
                      struct outline *outline)
{
    const struct timeline *timeline = &line->timeline;
    outline->count = 0;
    outline->is_band = false;
    for (size_t i = 0; i < timeline->count; i++) {
        add_sample(panel, outline, &timeline->samples[i]);
        if (i + 1 < timeline->count && !timeline->samples[i + 1].is_apart)
            continue;
        if (line->kind == PLOT_LAYER)
            draw_layer(panel, line, outline);
        else
            draw_outline(panel, line, outline);
        outline->count = 0;
        outline->is_band = false;
    }
}

/* A straight line is none on a logarithmic axis. */
static void draw_trend(const struct panel_drawing *panel, const struct plot_line *line)
{
    enum {
        PIECES = 48
    };
    const struct regression *trend = &line->trend;
    const struct pen pen = {
        .ink = plot_ink(line->style), .width = 1.1, .opacity = 0.9, .dash = {4, 3}};
    struct spot spots[PIECES + 1];
    size_t count = 0;
    double whole = (double)(trend->to_ns - trend->from_ns);
    for (int i = 0; i <= PIECES; i++) {
        double done = whole * i / PIECES;
        double value = trend->at_from + trend->per_second * done / 1e9;
        if (value < panel->axis.low || value > panel->axis.high)
            continue;
        double x = drawing_x(panel->drawing, trend->from_ns + (uint64_t)done);
        spots[count++] = (struct spot){x, panel_y(panel, value)};
    }
    if (count > 1)
        panel->drawing->picture->stroke(panel->drawing->picture, spots, count, &pen);
}

/* How high a box around the middle of a layer at x may be, if it is to lie in it from end to end.
 */
static double room_in_layer(const struct panel_drawing *panel, const struct plot_line *line,
                            double x, double width, double *ret_middle)
{
    const struct box *areas = &panel->drawing->areas;
    const struct window *window = &panel->drawing->plot->window;
    double ns_per_pixel = (double)(window->to_ns - window->from_ns) / (areas->right - areas->left);
    double top = panel->box.top;
    double bottom = panel->box.bottom;
    if (x - width / 2 < areas->left || x + width / 2 > areas->right)
        return 0;
    for (int i = 0; i <= 8; i++) {
        double min;
        double max;
        double place = (x - width / 2 + width * i / 8 - areas->left) * ns_per_pixel;
        if (!timeline_at(&line->timeline, window->from_ns + (uint64_t)place, &min, &max))
            return 0;
        top = panel_y(panel, max) > top ? panel_y(panel, max) : top;
        bottom = panel_y(panel, min) < bottom ? panel_y(panel, min) : bottom;
    }
    *ret_middle = (top + bottom) / 2;
    return bottom - top;
}

/* Where there is most room is the best place for its name. */
static void draw_layer_name(const struct panel_drawing *panel, const struct plot_line *line)
{
    static const struct lettering lettering = {INK_TEXT, 10.5, ANCHOR_MIDDLE, false};
    const struct box *box = &panel->box;
    const char *name = text_basename(line->name);
    double width = letter_width(name, lettering.size) + 6;
    double most = 13; /* less is no room for letters */
    struct spot spot = {0, 0};
    for (double x = box->left; x < box->right; x += 5) {
        double middle = 0;
        double room = room_in_layer(panel, line, x, width, &middle);
        if (room <= most)
            continue;
        most = room;
        spot = (struct spot){x, middle + 4};
    }
    if (spot.x > 0)
        draw_text(panel->drawing->picture, spot.x, spot.y, &lettering, name, INFINITY);
}

static void draw_marks(const struct panel_drawing *panel)
{
    const struct drawing *drawing = panel->drawing;
    const struct window *window = &drawing->plot->window;
    const struct pen pen = {.ink = INK_MARK, .width = 1, .opacity = 0.8, .dash = {2, 3}};
    for (size_t i = 0; i < drawing->plot->mark_count; i++) {
        uint64_t time_ns = drawing->plot->marks[i].time_ns;
        if (time_ns < window->from_ns || time_ns > window->to_ns)
            continue;
        double x = drawing_x(drawing, time_ns);
        const struct spot line[2] = {{x, panel->box.top}, {x, panel->box.bottom}};
        drawing->picture->stroke(drawing->picture, line, 2, &pen);
    }
}

void plot_draw_lines(const struct panel_drawing *panel)
{
    size_t most = 0;
    const struct plot_panel *what = panel->panel;
    for (size_t i = 0; i < what->line_count; i++)
        most = what->lines[i].timeline.count > most ? what->lines[i].timeline.count : most;
    struct spot *spots = malloc((4 * most + 1) * sizeof *spots);
    if (!spots)
        return;
    struct outline outline = {.upper = spots, .lower = spots + 2 * most};
    draw_marks(panel);
    for (size_t i = 0; i < what->line_count; i++)
        draw_line(panel, &what->lines[i], &outline);
    for (size_t i = 0; i < what->line_count; i++) {
        if (what->lines[i].has_trend)
            draw_trend(panel, &what->lines[i]);
        if (what->lines[i].kind == PLOT_LAYER)
            draw_layer_name(panel, &what->lines[i]);
    }
    free(spots);
}

/* --- peaks --- */

enum {
    PEAKS_MAX = 16,
    BESIDE = 9,  /* pixels between a peak and its label */
    HITS_MAX = 2 /* of lines through it: the legend has the figure, too */
};

static bool do_touch(const struct box *a, const struct box *b)
{
    return a->left < b->right && b->left < a->right && a->top < b->bottom && b->top < a->bottom;
}

/* How many lines run through a box, at some places of it. */
static int lines_through(const struct panel_drawing *panel, const struct box *box)
{
    int hits = 0;
    const struct box *areas = &panel->drawing->areas;
    const struct window *window = &panel->drawing->plot->window;
    double ns_per_pixel = (double)(window->to_ns - window->from_ns) / (areas->right - areas->left);
    for (size_t i = 0; i < panel->panel->line_count; i++)
        for (int step = 0; step <= 6; step++) {
            double x = box->left + (box->right - box->left) * step / 6;
            double place = (x - areas->left) * ns_per_pixel;
            double min;
            double max;
            if (place >= 0 &&
                timeline_at(&panel->panel->lines[i].timeline, window->from_ns + (uint64_t)place,
                            &min, &max) &&
                panel_y(panel, max) < box->bottom && panel_y(panel, min) > box->top)
                hits++;
        }
    return hits;
}

static bool is_inside(const struct panel_drawing *panel, const struct box *box)
{
    return box->left >= panel->box.left && box->right <= panel->box.right &&
           box->top >= panel->box.top - 4 && box->bottom <= panel->box.bottom;
}

/* Around the spot, where the fewest lines are. False: nowhere. */
static bool find_place(const struct panel_drawing *panel, struct spot spot, double width,
                       const struct box *taken, size_t taken_count, struct box *ret_box)
{
    const double left = spot.x - width;
    const double middle = spot.x - width / 2;
    const struct spot corners[] = {
        {middle, spot.y - 19},
        {spot.x + BESIDE, spot.y - 16},
        {left - BESIDE, spot.y - 16},
        {spot.x + BESIDE, spot.y - 6},
        {left - BESIDE, spot.y - 6},
        {spot.x + BESIDE, spot.y + 4},
        {left - BESIDE, spot.y + 4},
        {middle, spot.y + 7},
        {spot.x + 3 * BESIDE, spot.y - 26},
        {left - 3 * BESIDE, spot.y - 26},
        {spot.x + 3 * BESIDE, spot.y + 14},
        {left - 3 * BESIDE, spot.y + 14},
    };
    int best = HITS_MAX + 1;
    for (size_t i = 0; i < sizeof corners / sizeof *corners; i++) {
        struct box box = {corners[i].x, corners[i].y, corners[i].x + width, corners[i].y + 13};
        bool is_free = is_inside(panel, &box);
        for (size_t j = 0; j < taken_count; j++)
            is_free &= !do_touch(&box, &taken[j]);
        int hits = is_free ? lines_through(panel, &box) : best;
        if (hits >= best)
            continue;
        best = hits;
        *ret_box = box;
    }
    return best <= HITS_MAX;
}

void plot_draw_peaks(const struct panel_drawing *panel)
{
    struct lettering lettering = {INK_TEXT, 11, ANCHOR_START, false};
    struct picture *picture = panel->drawing->picture;
    struct box taken[PEAKS_MAX];
    size_t taken_count = 0;
    for (size_t i = 0; i < panel->panel->line_count && taken_count < PEAKS_MAX; i++) {
        const struct plot_line *line = &panel->panel->lines[i];
        char text[96];
        struct box box;
        if (!line->is_peak_marked || !line->timeline.count)
            continue;
        uint64_t time_ns = line->peak_begin_ns + (line->peak_end_ns - line->peak_begin_ns) / 2;
        struct spot spot = {drawing_x(panel->drawing, time_ns), panel_y(panel, line->peak)};
        draw_dot(picture, spot, dot_radius + 2, INK_PAPER);
        draw_dot(picture, spot, dot_radius + 0.8, plot_ink(line->style));
        snprintf(text, sizeof text, "%.40s peak %s", line->name,
                 unit_text(panel->panel->unit, line->peak).text);
        if (!find_place(panel, spot, letter_width(text, lettering.size), taken, taken_count, &box))
            continue;
        draw_text(picture, box.left, box.bottom - 3, &lettering, text, INFINITY);
        taken[taken_count++] = box;
    }
}

/* --- tooltips --- */

enum {
    TOOLTIP_LINES = 12,
    TOOLTIPS = 120
};

static void write_values(FILE *out, const struct panel_drawing *panel, struct window window)
{
    const struct plot_panel *what = panel->panel;
    size_t shown = 0;
    for (size_t i = 0; i < what->line_count && shown < TOOLTIP_LINES; i++) {
        double min;
        double max;
        const struct plot_line *line = plot_line_at(what, i);
        if (!timeline_within(&line->timeline, window, &min, &max))
            continue;
        if (line->kind == PLOT_LAYER) { /* its thickness, at its own moments */
            if (!timeline_at(&line->timeline, window.from_ns, &min, &max))
                continue;
            fprintf(out, "\n%s: %s", line->name, unit_text(what->unit, max - min).text);
        } else if (min < max) {
            fprintf(out, "\n%s: %s to %s", line->name, unit_text(what->unit, min).text,
                    unit_text(what->unit, max).text);
        } else {
            fprintf(out, "\n%s: %s", line->name, unit_text(what->unit, max).text);
        }
        shown++;
    }
}

/* Strips over the panel, each of which tells the values below it. */
void plot_draw_tooltips(const struct panel_drawing *panel)
{
    const struct window *whole = &panel->drawing->plot->window;
    struct picture *picture = panel->drawing->picture;
    double step_ns = (double)(whole->to_ns - whole->from_ns) / TOOLTIPS;
    double step = (panel->box.right - panel->box.left) / TOOLTIPS;
    for (int i = 0; i < TOOLTIPS; i++) {
        char *text = NULL;
        size_t text_bytes = 0;
        struct window window = {whole->from_ns + (uint64_t)(i * step_ns),
                                whole->from_ns + (uint64_t)((i + 1) * step_ns)};
        FILE *out = open_memstream(&text, &text_bytes);
        if (!out)
            return;
        fputs(text_duration(window.from_ns).text, out);
        write_values(out, panel, window);
        double left = panel->box.left + i * step;
        if (fclose(out) == 0)
            picture->explain(picture, (struct spot){left, panel->box.top},
                             (struct spot){left + step, panel->box.bottom}, text);
        free(text);
    }
}
