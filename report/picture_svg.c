/* SPDX-License-Identifier: BSD-2-Clause */
/* picture_svg.c -- A picture that is an SVG: scalable, with tooltips, without scripts.
 *
 * Colours are classes of a style sheet, which has both themes unless one was asked for. Viewers
 * that know no media queries show the light one. */
#include "picture.h"

#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct svg {
    struct picture picture; /* first */
    FILE *out;
    bool is_ok;
};

static FILE *file_of(struct picture *picture)
{
    return ((struct svg *)picture)->out;
}

/* --- words --- */

/* XML knows no control characters at all, and these two neither. */
static bool is_no_character(uint32_t character)
{
    return character == 0xfffe || character == 0xffff;
}

/* text holds no control characters. */
static void write_xml(FILE *out, const char *text)
{
    for (size_t left = strlen(text); left;) {
        uint32_t character = 0;
        size_t length = text_decode(text, left, &character);
        length = length ? length : 1;
        if (character == '<')
            fputs("&lt;", out);
        else if (character == '>')
            fputs("&gt;", out);
        else if (character == '&')
            fputs("&amp;", out);
        else if (character == '"')
            fputs("&quot;", out);
        else if (is_no_character(character))
            fputs("\xef\xbf\xbd", out);
        else
            fwrite(text, 1, length, out);
        text += length;
        left -= length;
    }
}

/* Lines of a tooltip stay lines; everything else that is no letter is escaped. */
static bool write_words(FILE *out, const char *text)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        char *line = strndup(text, length);
        char *escaped = NULL;
        size_t escaped_bytes = 0;
        FILE *memory = line ? open_memstream(&escaped, &escaped_bytes) : NULL;
        bool is_ok = memory;
        if (memory) {
            text_write(memory, line);
            is_ok = fclose(memory) == 0;
        }
        if (is_ok)
            write_xml(out, escaped);
        free(line);
        free(escaped);
        if (!is_ok)
            return false;
        text += length;
        if (*text == '\n')
            fputc(*text++, out);
    }
    return true;
}

static void words(struct picture *picture, const char *text)
{
    struct svg *svg = (struct svg *)picture;
    svg->is_ok &= write_words(svg->out, text);
}

/* --- drawing --- */

/* A tenth of a pixel is enough, and short. */
static void write_tenths(FILE *out, long tenths)
{
    const char *sign = tenths < 0 ? "-" : "";
    tenths = labs(tenths);
    if (tenths % 10)
        fprintf(out, "%s%ld.%ld", sign, tenths / 10, tenths % 10);
    else
        fprintf(out, "%s%ld", sign, tenths / 10);
}

static void write_number(FILE *out, double number)
{
    write_tenths(out, lround(number * 10));
}

/* Each spot from the one before, which is shorter. */
static void write_path(FILE *out, const struct spot *spots, size_t count)
{
    long last_x = 0;
    long last_y = 0;
    for (size_t i = 0; i < count; i++) {
        long x = lround(spots[i].x * 10);
        long y = lround(spots[i].y * 10);
        if (i && x == last_x && y == last_y && i + 1 < count)
            continue;
        fputs(i == 0 ? "M" : i == 1 ? "l" : x < last_x ? "" : " ", out);
        write_tenths(out, x - last_x);
        if (y >= last_y)
            fputc(' ', out);
        write_tenths(out, y - last_y);
        last_x = x;
        last_y = y;
    }
}

static void write_opacity(FILE *out, const char *name, double opacity)
{
    if (opacity < 1)
        fprintf(out, " %s=\"%.2f\"", name, opacity);
}

static void fill(struct picture *picture, const struct spot *spots, size_t count, unsigned ink,
                 double opacity)
{
    FILE *out = file_of(picture);
    fprintf(out, "<path class=\"f%u\"", ink);
    write_opacity(out, "fill-opacity", opacity);
    fputs(" d=\"", out);
    write_path(out, spots, count);
    fputs("Z\"/>\n", out);
}

static void stroke(struct picture *picture, const struct spot *spots, size_t count,
                   const struct pen *pen)
{
    FILE *out = file_of(picture);
    fprintf(out, "<path class=\"s%u\" stroke-width=\"%g\"", pen->ink, pen->width);
    write_opacity(out, "stroke-opacity", pen->opacity);
    for (size_t i = 0; i < DASH_MAX && pen->dash[i] > 0; i++)
        fprintf(out, "%s%g", i ? "," : " stroke-dasharray=\"", pen->dash[i]);
    fputs(pen->dash[0] > 0 ? "\" d=\"" : " d=\"", out);
    write_path(out, spots, count);
    fputs("\"/>\n", out);
}

static void letter(struct picture *picture, struct spot spot, const struct lettering *lettering,
                   const char *text)
{
    static const char *const anchors[] = {"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
    FILE *out = file_of(picture);
    fprintf(out, "<text class=\"f%d\" font-size=\"%g\"%s%s x=\"", (int)lettering->ink,
            lettering->size, anchors[lettering->anchor],
            lettering->is_bold ? " font-weight=\"bold\"" : "");
    write_number(out, spot.x);
    fputs("\" y=\"", out);
    write_number(out, spot.y);
    fputs("\">", out);
    words(picture, text);
    fputs("</text>\n", out);
}

static void explain(struct picture *picture, struct spot from, struct spot to, const char *text)
{
    FILE *out = file_of(picture);
    fputs("<rect class=\"h\" x=\"", out);
    write_number(out, from.x);
    fputs("\" y=\"", out);
    write_number(out, from.y);
    fputs("\" width=\"", out);
    write_number(out, to.x - from.x);
    fputs("\" height=\"", out);
    write_number(out, to.y - from.y);
    fputs("\"><title>", out);
    words(picture, text);
    fputs("</title></rect>\n", out);
}

/* --- the file --- */

static void write_colors(FILE *out, enum theme theme)
{
    for (unsigned ink = 0; ink < INK_COUNT; ink++)
        fprintf(out, ".f%u{fill:#%06" PRIx32 "}.s%u{stroke:#%06" PRIx32 "}", ink,
                theme_color(theme, ink), ink, theme_color(theme, ink));
    fputc('\n', out);
}

static void write_style(FILE *out, enum theme theme)
{
    fputs("<style>\n", out);
    fputs("text{font-family:'DejaVu Sans',Verdana,system-ui,sans-serif;white-space:pre}\n"
          "path{stroke-linejoin:round}\n"
          "[class^=s]{fill:none}\n"
          ".h{fill:none;pointer-events:all}\n",
          out);
    write_colors(out, theme);
    if (theme == THEME_AUTO) {
        fputs("@media (prefers-color-scheme:dark){\n", out);
        write_colors(out, THEME_DARK);
        fputs("}\n", out);
    }
    fputs("</style>\n", out);
}

bool svg_write(FILE *out, struct picture_size size, enum theme theme, const char *title,
               picture_draw *draw, const void *what, struct error *error)
{
    struct svg svg = {
        .picture = {size.width, size.height, fill, stroke, letter, explain},
        .out = out,
        .is_ok = true,
    };
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"%g\" height=\"%g\" "
            "viewBox=\"0 0 %g %g\">\n<title>",
            size.width, size.height, size.width, size.height);
    words(&svg.picture, title);
    fputs("</title>\n", out);
    write_style(out, theme);
    draw(&svg.picture, what);
    fputs("</svg>\n", out);
    return svg.is_ok || error_out_of_memory(error);
}
