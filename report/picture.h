/* SPDX-License-Identifier: BSD-2-Clause */
/* picture.h -- Something to draw on: lines, areas and words, in inks that a theme gives colours.
 *
 * Lengths are pixels from the upper left corner. Words are escaped by the picture. A picture has no
 * errors of its own: what it is written to keeps them. */
#ifndef MEMTRACE_PICTURE_H
#define MEMTRACE_PICTURE_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum ink {
    INK_PAPER,
    INK_TEXT,
    INK_DIM,  /* of words that matter less, and of axes */
    INK_GRID, /* hardly to be seen */
    INK_MARK,
    INK_REST,   /* what belongs to none of those below */
    INK_SERIES, /* the first of INK_SERIES_COUNT that are told apart by the colour-blind as well */
    INK_SERIES_COUNT = 8,
    INK_COUNT = INK_SERIES + INK_SERIES_COUNT
};

enum anchor {
    ANCHOR_START,
    ANCHOR_MIDDLE,
    ANCHOR_END
};

enum theme {
    THEME_AUTO, /* as the viewer likes it, where that can be known; else light */
    THEME_LIGHT,
    THEME_DARK
};

struct spot {
    double x;
    double y;
};

enum {
    DASH_MAX = 6
};

struct pen {
    unsigned ink;
    double width;
    double opacity;
    double dash[DASH_MAX]; /* on, off, on …; 0 ends it */
};

struct lettering {
    enum ink ink;
    double size;
    enum anchor anchor;
    bool is_bold;
};

struct picture {
    double width;
    double height;
    void (*fill)(struct picture *picture, const struct spot *spots, size_t count, unsigned ink,
                 double opacity);
    void (*stroke)(struct picture *picture, const struct spot *spots, size_t count,
                   const struct pen *pen);
    void (*letter)(struct picture *picture, struct spot spot, const struct lettering *lettering,
                   const char *text);
    /* What is shown when the pointer is over the rectangle; many pictures have no pointer. */
    void (*explain)(struct picture *picture, struct spot from, struct spot to, const char *text);
};

/* 0xrrggbb */
uint32_t theme_color(enum theme theme, unsigned ink);

/* About how wide text will be. It is the same for all pictures, so that they look alike. */
double letter_width(const char *text, double size);

struct picture_size {
    double width;
    double height;
};

/* Each writes what draw draws as one file. */
typedef void picture_draw(struct picture *picture, const void *what);

bool svg_write(FILE *out, struct picture_size size, enum theme theme, const char *title,
               picture_draw *draw, const void *what, struct error *error);
bool png_write(FILE *out, struct picture_size size, enum theme theme, const char *title,
               picture_draw *draw, const void *what, struct error *error);
bool pdf_write(FILE *out, struct picture_size size, enum theme theme, const char *title,
               picture_draw *draw, const void *what, struct error *error);
/* Whether this memtrace was built with cairo, which the latter two need. */
bool picture_has_cairo(void);

#endif
