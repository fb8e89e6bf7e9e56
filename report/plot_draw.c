/* SPDX-License-Identifier: BSD-2-Clause */
/* plot_draw.c -- A plot drawn on a picture: where everything goes. */
#include "plot_draw.h"

#include <math.h>
#include <string.h>

static const double margin = 14;
static const double tick_size = 11;
static const double tick_height = 36; /* of a panel, for one tick */
static const double tick_width = 95;
static const double least_height = 56; /* of all panels together */
static const double between_panels = 12;
static const double below_areas = 26; /* for the axis of time */

double drawing_x(const struct drawing *drawing, uint64_t time_ns)
{
    const struct box *areas = &drawing->areas;
    return areas->left + axis_place(&drawing->time, (double)time_ns) * (areas->right - areas->left);
}

double panel_y(const struct panel_drawing *panel, double value)
{
    return panel->box.bottom -
           axis_place(&panel->axis, value) * (panel->box.bottom - panel->box.top);
}

unsigned plot_ink(unsigned style)
{
    return INK_SERIES + style % INK_SERIES_COUNT;
}

struct pen plot_pen(unsigned style)
{
    static const double dashes[][DASH_MAX] = {
        {0}, {7, 3}, {2, 2.5}, {9, 3, 2, 3}, {14, 4}, {9, 3, 2, 3, 2, 3}, {4, 4}};
    struct pen pen = {.ink = plot_ink(style), .width = 1.8, .opacity = 1};
    memcpy(pen.dash, dashes[style % (sizeof dashes / sizeof *dashes)], sizeof pen.dash);
    return pen;
}

/* --- axes --- */

static size_t ticks_for(double length, double each)
{
    double count = floor(length / each);
    return count < 2 ? 2 : count > 12 ? 12 : (size_t)count;
}

static void draw_line(struct picture *picture, double x1, double y1, double x2, double y2,
                      enum ink ink)
{
    const struct spot spots[2] = {{x1, y1}, {x2, y2}};
    const struct pen pen = {.ink = ink, .width = 1, .opacity = 1};
    picture->stroke(picture, spots, 2, &pen);
}

/* In the middle of a pixel, lines are sharp. */
static double sharp(double place)
{
    return floor(place) + 0.5;
}

static void draw_value_axis(const struct panel_drawing *panel)
{
    static const struct lettering lettering = {INK_DIM, 11, ANCHOR_END, false};
    struct picture *picture = panel->drawing->picture;
    for (size_t i = 0; i < panel->axis.tick_count; i++) {
        const struct tick *tick = &panel->axis.ticks[i];
        double y = sharp(panel_y(panel, tick->value));
        bool is_zero = tick->value == 0 && !panel->axis.is_log;
        draw_line(picture, panel->box.left, y, panel->box.right, y, is_zero ? INK_DIM : INK_GRID);
        draw_text(picture, panel->box.left - 6, y + 4, &lettering, tick->label.text, INFINITY);
    }
}

static void draw_time_grid(const struct panel_drawing *panel)
{
    const struct drawing *drawing = panel->drawing;
    for (size_t i = 0; i < drawing->time.tick_count; i++) {
        double x = sharp(drawing_x(drawing, (uint64_t)drawing->time.ticks[i].value));
        draw_line(drawing->picture, x, panel->box.top, x, panel->box.bottom, INK_GRID);
    }
}

/* Labels that would touch the one before are left out; so would be one that leaves the picture. */
static void draw_time_axis(const struct drawing *drawing)
{
    static const struct lettering lettering = {INK_DIM, 11, ANCHOR_MIDDLE, false};
    double used = 0;
    double y = drawing->areas.bottom;
    draw_line(drawing->picture, drawing->areas.left, sharp(y), drawing->areas.right, sharp(y),
              INK_DIM);
    for (size_t i = 0; i < drawing->time.tick_count; i++) {
        const struct tick *tick = &drawing->time.ticks[i];
        double x = drawing_x(drawing, (uint64_t)tick->value);
        double half = letter_width(tick->label.text, tick_size) / 2;
        draw_line(drawing->picture, sharp(x), y, sharp(x), y + 4, INK_DIM);
        if (x - half < used || x + half > drawing->picture->width)
            continue;
        draw_text(drawing->picture, x, y + 16, &lettering, tick->label.text, INFINITY);
        used = x + half + 8;
    }
}

/* --- the layout --- */

/* How wide the labels of all value axes are. */
static double labels_width(const struct drawing *drawing, double height)
{
    double widest = 0;
    for (size_t i = 0; i < drawing->plot->panel_count; i++) {
        struct axis axis = plot_panel_axis(drawing->plot, &drawing->plot->panels[i],
                                           ticks_for(height, tick_height));
        for (size_t j = 0; j < axis.tick_count; j++) {
            double width = letter_width(axis.ticks[j].label.text, tick_size);
            widest = width > widest ? width : widest;
        }
    }
    return widest;
}

static double legends_height(const struct drawing *drawing)
{
    double sum = 0;
    for (size_t i = 0; i < drawing->plot->panel_count; i++)
        sum += plot_legend_height(drawing, &drawing->plot->panels[i]);
    return sum;
}

/* What there is room for, in the order of what matters most. */
struct layout {
    double title;
    double events;
    double legends;
    double notes;
    double panel; /* the height of one */
};

static struct layout lay_out(const struct drawing *drawing)
{
    struct layout layout = {.title = plot_title_height(drawing)};
    double count = (double)drawing->plot->panel_count;
    double left =
        drawing->picture->height - layout.title - below_areas - (count - 1) * between_panels;
    double wanted[3] = {legends_height(drawing), plot_events_height(drawing),
                        plot_notes_height(drawing)};
    double *given[3] = {&layout.legends, &layout.events, &layout.notes};
    for (int i = 0; i < 3; i++) {
        if (left - wanted[i] < least_height * count)
            continue;
        *given[i] = wanted[i];
        left -= wanted[i];
    }
    layout.panel = left > count ? left / count : 1;
    return layout;
}

static void draw_panel(const struct drawing *drawing, const struct plot_panel *panel,
                       struct box box)
{
    struct panel_drawing details = {
        .drawing = drawing,
        .panel = panel,
        .axis = plot_panel_axis(drawing->plot, panel, ticks_for(box.bottom - box.top, tick_height)),
        .box = box,
    };
    draw_time_grid(&details);
    draw_value_axis(&details);
    plot_draw_lines(&details);
    plot_draw_peaks(&details);
    plot_draw_tooltips(&details);
}

static void draw_panels(const struct drawing *drawing, const struct layout *layout, double top)
{
    const struct plot *plot = drawing->plot;
    for (size_t i = 0; i < plot->panel_count; i++) {
        double legend = layout->legends > 0 ? plot_legend_height(drawing, &plot->panels[i]) : 0;
        if (legend > 0)
            plot_draw_legend(drawing, &plot->panels[i], top);
        top += legend + (i ? 0 : layout->events);
        draw_panel(
            drawing, &plot->panels[i],
            (struct box){drawing->areas.left, top, drawing->areas.right, top + layout->panel});
        top += layout->panel + between_panels;
    }
}

static void draw_paper(struct picture *picture)
{
    const struct spot corners[4] = {
        {0, 0}, {picture->width, 0}, {picture->width, picture->height}, {0, picture->height}};
    picture->fill(picture, corners, 4, INK_PAPER, 1);
}

void plot_draw(struct picture *picture, const void *what)
{
    struct drawing drawing = {.picture = picture, .plot = what};
    drawing.areas.left = margin;
    drawing.areas.right = picture->width - margin;
    struct layout layout = lay_out(&drawing);
    drawing.areas.left += labels_width(&drawing, layout.panel) + 6;
    double legend = layout.legends > 0 && drawing.plot->panel_count
                        ? plot_legend_height(&drawing, &drawing.plot->panels[0])
                        : 0;
    drawing.events = (struct box){drawing.areas.left, layout.title + legend, drawing.areas.right,
                                  layout.title + legend + layout.events};
    drawing.areas.top = layout.title;
    drawing.areas.bottom = picture->height - below_areas - layout.notes;
    drawing.time = axis_of_time(drawing.plot->window,
                                ticks_for(drawing.areas.right - drawing.areas.left, tick_width));
    draw_paper(picture);
    plot_draw_title(&drawing);
    draw_time_axis(&drawing);
    draw_panels(&drawing, &layout, drawing.areas.top);
    if (layout.events > 0)
        plot_draw_events(&drawing);
    if (layout.notes > 0)
        plot_draw_notes(&drawing);
}
