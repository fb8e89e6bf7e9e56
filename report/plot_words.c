/* SPDX-License-Identifier: BSD-2-Clause */
/* plot_words.c -- What is around the panels of a plot: title, legend, marks and phases, notes. */
#include "plot_draw.h"

#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double title_size = 14;
static const double word_size = 11;
static const double event_size = 10;
static const double line_height = 16;
static const double margin = 14;
static const double small_width = 420; /* below that only the most necessary */

/* --- cutting --- */

/* The end of a path as far as it fits, for it says most, without half a folder's name. To be freed;
 * NULL when out of memory. */
static char *cut_head(const char *text, double size, double width)
{
    char *result = NULL;
    double used = letter_width("…", size) + letter_width(text, size);
    while (*text && used > width) {
        uint32_t character;
        char piece[8] = "";
        size_t length = text_decode(text, strlen(text), &character);
        length = length ? length : 1;
        memcpy(piece, text, length);
        used -= letter_width(piece, size);
        text += length;
    }
    const char *slash = strchr(text, '/');
    return asprintf(&result, "…%s", slash ? slash : text) < 0 ? NULL : result;
}

/* As much of text as fits, to be freed; NULL when out of memory. */
static char *cut(const char *text, double size, double width)
{
    char *result = NULL;
    size_t result_bytes = 0;
    size_t left = strlen(text);
    double used = letter_width("…", size);
    if (letter_width(text, size) <= width)
        return strdup(text);
    if (text[0] == '/')
        return cut_head(text, size, width);
    FILE *out = open_memstream(&result, &result_bytes);
    if (!out)
        return NULL;
    while (left) {
        uint32_t character;
        char piece[8] = "";
        size_t length = text_decode(text, left, &character);
        length = length ? length : 1;
        memcpy(piece, text, length);
        used += letter_width(piece, size);
        if (used > width)
            break;
        fwrite(text, 1, length, out);
        text += length;
        left -= length;
    }
    fputs("…", out);
    if (fclose(out) == 0)
        return result;
    free(result);
    return NULL;
}

void draw_text(struct picture *picture, double x, double y, const struct lettering *lettering,
               const char *text, double width)
{
    char *shown = cut(text, lettering->size, width);
    if (shown)
        picture->letter(picture, (struct spot){x, y}, lettering, shown);
    free(shown);
}

/* --- title --- */

static bool has_subtitle(const struct drawing *drawing)
{
    return drawing->plot->subtitle[0] && drawing->picture->height >= 200;
}

/* Bold letters are wider. */
static double title_width(const struct drawing *drawing)
{
    return 1.15 * letter_width(drawing->plot->title, title_size);
}

static bool is_subtitle_beside(const struct drawing *drawing)
{
    return title_width(drawing) + letter_width(drawing->plot->subtitle, word_size) + 3 * margin <
           drawing->picture->width;
}

double plot_title_height(const struct drawing *drawing)
{
    double height = drawing->plot->title[0] ? 32 : 10;
    return height + (has_subtitle(drawing) && !is_subtitle_beside(drawing) ? line_height : 0);
}

void plot_draw_title(const struct drawing *drawing)
{
    static const struct lettering bold = {INK_TEXT, 14, ANCHOR_START, true};
    struct lettering dim = {INK_DIM, word_size, ANCHOR_START, false};
    double room = drawing->picture->width - 2 * margin;
    struct spot spot = {margin, 22 + line_height};
    draw_text(drawing->picture, margin, 22, &bold, drawing->plot->title, room / 1.15);
    if (!has_subtitle(drawing))
        return;
    if (is_subtitle_beside(drawing)) {
        dim.anchor = ANCHOR_END;
        spot = (struct spot){drawing->picture->width - margin, 22};
    }
    draw_text(drawing->picture, spot.x, spot.y, &dim, drawing->plot->subtitle, room);
}

/* --- legend --- */

static const double swatch = 26;
static const double name_width = 260; /* at most */

struct entry {
    struct spot spot;
    double name_width;
    double width;
    char figures[128];
};

static bool is_small(const struct drawing *drawing)
{
    return drawing->picture->width < small_width;
}

static struct entry make_entry(const struct drawing *drawing, const struct plot_panel *panel,
                               const struct plot_line *line)
{
    struct entry entry = {.name_width = letter_width(line->name, word_size)};
    if (entry.name_width > name_width)
        entry.name_width = name_width;
    if (line->timeline.count && !is_small(drawing))
        snprintf(entry.figures, sizeof entry.figures, "%s %s",
                 line->kind == PLOT_LAYER ? "up to" : "peak",
                 unit_text(panel->unit, line->peak).text);
    else if (line->has_trend) /* there will be no room for notes */
        snprintf(entry.figures, sizeof entry.figures, "%s",
                 plot_trend_text(panel->unit, &line->trend).text);
    entry.width = swatch + 6 + entry.name_width;
    if (entry.figures[0])
        entry.width += 6 + letter_width(entry.figures, word_size);
    return entry;
}

/* From the left, as many as fit into a row. Returns how many rows there are; calls draw for each
 * entry if there is one. */
static size_t walk_legend(const struct drawing *drawing, const struct plot_panel *panel,
                          void (*draw)(const struct drawing *, const struct plot_line *,
                                       const struct entry *),
                          double top)
{
    size_t rows = panel->line_count ? 1 : 0;
    double x = margin;
    for (size_t i = 0; i < panel->line_count; i++) {
        const struct plot_line *line = plot_line_at(panel, i);
        struct entry entry = make_entry(drawing, panel, line);
        if (x > margin && x + entry.width > drawing->picture->width - margin) {
            x = margin;
            rows++;
        }
        entry.spot = (struct spot){x, top + line_height * (double)rows - 4};
        if (draw)
            draw(drawing, line, &entry);
        x += entry.width + 18;
    }
    return rows;
}

double plot_legend_height(const struct drawing *drawing, const struct plot_panel *panel)
{
    double height = (double)walk_legend(drawing, panel, NULL, 0) * line_height;
    return height > 0 ? height + 6 : 0;
}

static void draw_swatch(const struct drawing *drawing, const struct plot_line *line,
                        struct spot spot)
{
    struct picture *picture = drawing->picture;
    double y = spot.y - 4;
    const struct spot ends[2] = {{spot.x, y}, {spot.x + swatch, y}};
    const struct spot corners[4] = {
        {spot.x, y - 4}, {spot.x + swatch, y - 4}, {spot.x + swatch, y + 4}, {spot.x, y + 4}};
    struct pen pen = plot_pen(line->style);
    if (line->kind == PLOT_LAYER) {
        picture->fill(picture, corners, 4,
                      line->style == PLOT_STYLE_REST ? (unsigned)INK_REST : pen.ink, 0.62);
        return;
    }
    if (line->kind == PLOT_AREA)
        picture->fill(picture, (const struct spot[]){ends[0], ends[1], corners[2], corners[3]}, 4,
                      pen.ink, 0.16);
    picture->stroke(picture, ends, 2, &pen);
}

static void draw_entry(const struct drawing *drawing, const struct plot_line *line,
                       const struct entry *entry)
{
    static const struct lettering name = {INK_TEXT, 11, ANCHOR_START, false};
    static const struct lettering figures = {INK_DIM, 11, ANCHOR_START, false};
    double x = entry->spot.x + swatch + 6;
    draw_swatch(drawing, line, entry->spot);
    draw_text(drawing->picture, x, entry->spot.y, &name, line->name, entry->name_width + 0.1);
    if (entry->figures[0])
        draw_text(drawing->picture, x + entry->name_width + 6, entry->spot.y, &figures,
                  entry->figures, INFINITY);
}

void plot_draw_legend(const struct drawing *drawing, const struct plot_panel *panel, double top)
{
    walk_legend(drawing, panel, draw_entry, top);
}

/* --- marks and phases --- */

enum {
    LANES_MAX = 4 /* of phases, and as many of marks */
};

/* What is to the right of everything in a lane so far. */
struct lanes {
    double ends[LANES_MAX];
    size_t used;
};

/* The first lane with room from x on; LANES_MAX: none. */
static size_t take_lane(struct lanes *lanes, double from, double to)
{
    for (size_t i = 0; i < LANES_MAX; i++) {
        if (i < lanes->used && lanes->ends[i] > from)
            continue;
        lanes->ends[i] = to;
        lanes->used = i < lanes->used ? lanes->used : i + 1;
        return i;
    }
    return LANES_MAX;
}

static const double lane_height = 14;
static const double mark_label_width = 150; /* at most */

static double label_width(const char *name)
{
    double width = letter_width(name, event_size);
    return width < mark_label_width ? width : mark_label_width;
}

/* In it or, if it is narrow, beside it, where the lane is free until until. */
static void name_phase(struct picture *picture, const char *name, double left, double right,
                       double until, double y)
{
    static const struct lettering lettering = {INK_TEXT, 10, ANCHOR_START, false};
    double inside = right - left - 6, beside = until - right - 6;
    double least = letter_width("mm…", event_size);
    if (beside > mark_label_width)
        beside = mark_label_width;
    if (inside < letter_width(name, event_size) && beside > inside && beside > least)
        draw_text(picture, right + 4, y, &lettering, name, beside);
    else if (inside > least - 6)
        draw_text(picture, left + 4, y, &lettering, name, inside);
}

static void draw_phase(const struct drawing *drawing, const struct plot_phase *phase, double left,
                       double right, double until, double top)
{
    struct picture *picture = drawing->picture;
    const struct spot corners[4] = {
        {left, top}, {right, top}, {right, top + lane_height - 2}, {left, top + lane_height - 2}};
    char text[200];
    picture->fill(picture, corners, 4, INK_MARK, 0.22);
    picture->fill(picture,
                  (const struct spot[]){{left, top},
                                        {left + 1.5, top},
                                        {left + 1.5, top + lane_height - 2},
                                        {left, top + lane_height - 2}},
                  4, INK_MARK, 1);
    name_phase(picture, phase->name, left, right, until, top + lane_height - 4.5);
    snprintf(text, sizeof text, "%.100s: from %s to %s", phase->name,
             text_duration(phase->begin_ns).text, text_duration(phase->end_ns).text);
    picture->explain(picture, (struct spot){left, top}, corners[2], text);
}

/* A phase and its place in a lane. */
struct placed_phase {
    const struct plot_phase *phase;
    double left;
    double right;
    size_t lane; /* LANES_MAX: there is no room for it */
};

static bool place_phase(const struct drawing *drawing, const struct plot_phase *phase,
                        struct lanes *lanes, struct placed_phase *placed)
{
    const struct window *window = &drawing->plot->window;
    if (phase->end_ns < window->from_ns || phase->begin_ns > window->to_ns)
        return false;
    double left = drawing_x(drawing, phase->begin_ns);
    double right = drawing_x(drawing, phase->end_ns);
    right = right - left < 2 ? left + 2 : right;
    *placed = (struct placed_phase){phase, left, right, take_lane(lanes, left, right + 1)};
    return true;
}

static size_t count_phase_lanes(const struct drawing *drawing)
{
    struct lanes lanes = {0};
    struct placed_phase ignored;
    for (size_t i = 0; i < drawing->plot->phase_count; i++)
        place_phase(drawing, &drawing->plot->phases[i], &lanes, &ignored);
    return lanes.used;
}

/* The latest ones first: so it is known how far the names of those before them may go. */
static void draw_phases(const struct drawing *drawing, double top)
{
    struct lanes lanes = {0};
    double until[LANES_MAX];
    size_t count = 0;
    struct placed_phase *placed = calloc(drawing->plot->phase_count + 1, sizeof *placed);
    for (size_t i = 0; placed && i < drawing->plot->phase_count; i++)
        count += place_phase(drawing, &drawing->plot->phases[i], &lanes, &placed[count]);
    for (size_t i = 0; i < LANES_MAX; i++)
        until[i] = drawing_x(drawing, drawing->plot->window.to_ns);
    while (placed && count-- > 0) {
        const struct placed_phase *item = &placed[count];
        if (item->lane == LANES_MAX)
            continue;
        draw_phase(drawing, item->phase, item->left, item->right, until[item->lane],
                   top + lane_height * (double)item->lane);
        until[item->lane] = item->left;
    }
    free(placed);
}

static void draw_mark(const struct drawing *drawing, const struct plot_mark *mark, double x,
                      double y, bool has_label)
{
    static const struct lettering lettering = {INK_TEXT, 10, ANCHOR_START, false};
    struct picture *picture = drawing->picture;
    const struct spot triangle[3] = {{x - 4, y - 7}, {x + 4, y - 7}, {x, y}};
    char text[160];
    if (mark->is_snapshot)
        picture->fill(picture, triangle, 3, INK_MARK, 1);
    if (has_label)
        draw_text(picture, x + 6, y, &lettering, mark->name, mark_label_width + 0.1);
    snprintf(text, sizeof text, "%s %.100s at %s", mark->is_snapshot ? "snapshot" : "mark",
             mark->name, text_duration(mark->time_ns).text);
    picture->explain(picture, (struct spot){x - 4, y - 9},
                     (struct spot){x + (has_label ? label_width(mark->name) : 4), y + 3}, text);
}

/* Marks whose label finds no lane have none; where they are is seen all the same. */
static size_t walk_marks(const struct drawing *drawing, double top, bool draw)
{
    struct lanes lanes = {0};
    const struct window *window = &drawing->plot->window;
    for (size_t i = 0; i < drawing->plot->mark_count; i++) {
        const struct plot_mark *mark = &drawing->plot->marks[i];
        if (mark->time_ns < window->from_ns || mark->time_ns > window->to_ns)
            continue;
        double x = drawing_x(drawing, mark->time_ns);
        double width = label_width(mark->name);
        bool fits = x + 6 + width < drawing->picture->width;
        size_t lane = fits ? take_lane(&lanes, x - 5, x + 12 + width) : LANES_MAX;
        double y = top + lane_height * (double)(lane < LANES_MAX ? lane + 1 : 1) - 4;
        if (!lanes.used)
            lanes.used = 1;
        if (draw)
            draw_mark(drawing, mark, x, y, lane < LANES_MAX);
    }
    return lanes.used;
}

double plot_events_height(const struct drawing *drawing)
{
    struct drawing rough = *drawing; /* before the place of the areas is known to the pixel */
    rough.time = axis_of_time(drawing->plot->window, 2);
    rough.areas.left += 60;
    size_t lanes = count_phase_lanes(&rough) + walk_marks(&rough, 0, false);
    return lanes ? (double)lanes * lane_height + 4 : 0;
}

void plot_draw_events(const struct drawing *drawing)
{
    double top = drawing->events.top;
    size_t lanes = count_phase_lanes(drawing);
    draw_phases(drawing, top);
    walk_marks(drawing, top + lane_height * (double)lanes, true);
}

/* --- notes --- */

double plot_notes_height(const struct drawing *drawing)
{
    return drawing->plot->note_count ? line_height * (double)drawing->plot->note_count + 2 : 0;
}

void plot_draw_notes(const struct drawing *drawing)
{
    static const struct lettering lettering = {INK_DIM, 11, ANCHOR_START, false};
    double y = drawing->areas.bottom + 24 + line_height - 4;
    for (size_t i = 0; i < drawing->plot->note_count; i++)
        draw_text(drawing->picture, margin, y + line_height * (double)i, &lettering,
                  drawing->plot->notes[i], drawing->picture->width - 2 * margin);
}
