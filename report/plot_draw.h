/* SPDX-License-Identifier: BSD-2-Clause */
/* plot_draw.h -- A plot drawn on a picture: where everything goes, and what it looks like.
 *
 * Lines differ in colour and in their dashes, so that they can be told apart in print too. What
 * does not fit on a small picture is left out: notes first, then marks, peaks and the legend. */
#ifndef MEMTRACE_PLOT_DRAW_H
#define MEMTRACE_PLOT_DRAW_H

#include "picture.h"
#include "plot.h"

struct box {
    double left;
    double top;
    double right;
    double bottom;
};

/* A plot on its way to a picture. */
struct drawing {
    struct picture *picture;
    const struct plot *plot;
    struct axis time;
    struct box events; /* marks and phases; of no height: there is no room for them */
    struct box areas;  /* around all panels */
};

/* One panel of it. */
struct panel_drawing {
    const struct drawing *drawing;
    const struct plot_panel *panel;
    struct axis axis;
    struct box box;
};

/* Of type picture_draw: what is a struct plot. */
void plot_draw(struct picture *picture, const void *what);

/* --- its parts --- */

double drawing_x(const struct drawing *drawing, uint64_t time_ns);
double panel_y(const struct panel_drawing *panel, double value);
struct pen plot_pen(unsigned style);
unsigned plot_ink(unsigned style);

/* plot_lines.c: what is inside a panel. */
void plot_draw_lines(const struct panel_drawing *panel);
void plot_draw_peaks(const struct panel_drawing *panel);
void plot_draw_tooltips(const struct panel_drawing *panel);

/* plot_words.c: what is around them. Heights are what it would take. */
void draw_text(struct picture *picture, double x, double y, const struct lettering *lettering,
               const char *text, double width);
double plot_title_height(const struct drawing *drawing);
void plot_draw_title(const struct drawing *drawing);
double plot_legend_height(const struct drawing *drawing, const struct plot_panel *panel);
void plot_draw_legend(const struct drawing *drawing, const struct plot_panel *panel, double top);
double plot_events_height(const struct drawing *drawing);
void plot_draw_events(const struct drawing *drawing);
double plot_notes_height(const struct drawing *drawing);
void plot_draw_notes(const struct drawing *drawing);

#endif
