/* SPDX-License-Identifier: BSD-2-Clause */
/* picture_cairo.c -- A picture that is a PNG or a PDF, if memtrace was built with cairo. */
#include "picture.h"

#include "text.h"

#include <stdlib.h>
#include <string.h>

#ifndef HAVE_CAIRO

static bool refuse(struct error *error)
{
    return error_set(error, "this memtrace was built without cairo, which PNG and PDF need: "
                            "use .svg (rsvg-convert makes a PNG of it), or install "
                            "libcairo2-dev and build again");
}

bool picture_has_cairo(void)
{
    return false;
}

bool png_write(FILE *out, struct picture_size size, enum theme theme, const char *title,
               picture_draw *draw, const void *what, struct error *error)
{
    (void)out, (void)size, (void)theme, (void)title, (void)draw, (void)what;
    return refuse(error);
}

bool pdf_write(FILE *out, struct picture_size size, enum theme theme, const char *title,
               picture_draw *draw, const void *what, struct error *error)
{
    (void)out, (void)size, (void)theme, (void)title, (void)draw, (void)what;
    return refuse(error);
}

#else

#include <cairo-pdf.h>
#include <cairo.h>

struct cairo_picture {
    struct picture picture; /* first */
    cairo_t *cairo;
    enum theme theme;
};

bool picture_has_cairo(void)
{
    return true;
}

static cairo_t *ink(struct picture *picture, unsigned number, double opacity)
{
    struct cairo_picture *own = (struct cairo_picture *)picture;
    uint32_t color = theme_color(own->theme, number);
    cairo_set_source_rgba(own->cairo, (color >> 16) / 255.0, (color >> 8 & 0xff) / 255.0,
                          (color & 0xff) / 255.0, opacity);
    return own->cairo;
}

static void path(cairo_t *cairo, const struct spot *spots, size_t count)
{
    cairo_new_path(cairo);
    for (size_t i = 0; i < count; i++)
        cairo_line_to(cairo, spots[i].x, spots[i].y);
}

static void fill(struct picture *picture, const struct spot *spots, size_t count, unsigned number,
                 double opacity)
{
    cairo_t *cairo = ink(picture, number, opacity);
    path(cairo, spots, count);
    cairo_close_path(cairo);
    cairo_fill(cairo);
}

static void stroke(struct picture *picture, const struct spot *spots, size_t count,
                   const struct pen *pen)
{
    cairo_t *cairo = ink(picture, pen->ink, pen->opacity);
    int dashes = 0;
    while (dashes < DASH_MAX && pen->dash[dashes] > 0)
        dashes++;
    cairo_set_dash(cairo, pen->dash, dashes, 0);
    cairo_set_line_width(cairo, pen->width);
    cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
    path(cairo, spots, count);
    cairo_stroke(cairo);
}

/* Code points that never are characters end cairo's patience: they become U+FFFD, as long. */
static void replace_noncharacters(char *text)
{
    for (size_t left = strlen(text); left;) {
        uint32_t character = 0;
        size_t length = text_decode(text, left, &character);
        bool is_none =
            (character & 0xfffe) == 0xfffe || (character >= 0xfdd0 && character <= 0xfdef);
        if (is_none && length == 3)
            memcpy(text, "\xef\xbf\xbd", 3);
        else if (is_none)
            memset(text, '?', length);
        length = length ? length : 1;
        text += length;
        left -= length;
    }
}

/* To be freed, or NULL. */
static char *escaped(const char *text)
{
    char *result = NULL;
    size_t result_bytes = 0;
    FILE *out = open_memstream(&result, &result_bytes);
    if (!out)
        return NULL;
    text_write(out, text);
    if (fclose(out) == 0) {
        replace_noncharacters(result);
        return result;
    }
    free(result);
    return NULL;
}

static void letter(struct picture *picture, struct spot spot, const struct lettering *lettering,
                   const char *text)
{
    cairo_t *cairo = ink(picture, lettering->ink, 1);
    char *plain = escaped(text);
    cairo_text_extents_t extents;
    cairo_select_font_face(cairo, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL,
                           lettering->is_bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cairo, lettering->size);
    cairo_text_extents(cairo, plain ? plain : "", &extents);
    double share = lettering->anchor == ANCHOR_START    ? 0
                   : lettering->anchor == ANCHOR_MIDDLE ? 0.5
                                                        : 1;
    cairo_move_to(cairo, spot.x - share * extents.x_advance, spot.y);
    cairo_show_text(cairo, plain ? plain : "");
    free(plain);
}

static void explain(struct picture *picture, struct spot from, struct spot to, const char *text)
{
    (void)picture, (void)from, (void)to, (void)text; /* paper has no pointer */
}

static bool draw_on(cairo_surface_t *surface, struct picture_size size, double scale,
                    enum theme theme, picture_draw *draw, const void *what, struct error *error)
{
    struct cairo_picture own = {
        .picture = {size.width, size.height, fill, stroke, letter, explain},
        .cairo = cairo_create(surface),
        .theme = theme,
    };
    cairo_scale(own.cairo, scale, scale);
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    cairo_set_font_options(own.cairo, options); /* so that widths are those of other pictures */
    cairo_font_options_destroy(options);
    draw(&own.picture, what);
    cairo_show_page(own.cairo);
    cairo_status_t status = cairo_status(own.cairo);
    cairo_destroy(own.cairo);
    return status == CAIRO_STATUS_SUCCESS ||
           error_set(error, "cairo cannot draw it: %s", cairo_status_to_string(status));
}

static cairo_status_t write_bytes(void *out, const unsigned char *bytes, unsigned count)
{
    return fwrite(bytes, 1, count, out) == count ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

/* What the stream refuses is found by who opened it. */
static bool check(cairo_status_t status, struct error *error)
{
    return status == CAIRO_STATUS_SUCCESS || status == CAIRO_STATUS_WRITE_ERROR ||
           error_set(error, "cairo cannot write it: %s", cairo_status_to_string(status));
}

bool png_write(FILE *out, struct picture_size size, enum theme theme, const char *title,
               picture_draw *draw, const void *what, struct error *error)
{
    (void)title;
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)size.width, (int)size.height);
    bool is_ok = draw_on(surface, size, 1, theme, draw, what, error) &&
                 check(cairo_surface_write_to_png_stream(surface, write_bytes, out), error);
    cairo_surface_destroy(surface);
    return is_ok;
}

bool pdf_write(FILE *out, struct picture_size size, enum theme theme, const char *title,
               picture_draw *draw, const void *what, struct error *error)
{
    const double points_per_pixel = 72.0 / 96.0;
    char *plain = escaped(title);
    cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(
        write_bytes, out, size.width * points_per_pixel, size.height * points_per_pixel);
    if (plain)
        cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, plain);
    bool is_ok = draw_on(surface, size, points_per_pixel, theme, draw, what, error);
    cairo_surface_finish(surface);
    is_ok = is_ok && check(cairo_surface_status(surface), error);
    cairo_surface_destroy(surface);
    free(plain);
    return is_ok;
}

#endif
