/* SPDX-License-Identifier: BSD-2-Clause */
/* plot_terminal.c -- A plot in characters: braille dots, or plain ASCII.
 *
 * A cell of braille has 2 x 4 dots, one of ASCII has one. Lines are told apart by their dashes and
 * colours, and if there are many by a letter on them now and then. Layers are made of letters. */
#include "plot_terminal.h"

#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS_LEAST = 4,       /* of a panel */
    TICK_ROWS = 4,        /* of a value axis, for one tick */
    TICK_COLUMNS = 14,    /* of the time axis, for one tick */
    LETTER_DISTANCE = 16, /* between the letters on a line */
    NAMED_COLUMNS = 5     /* a phase that is wider has room for its name */
};

struct cell {
    uint8_t dots; /* as in U+2800 */
    char letter;  /* instead of dots; 0: none */
    uint8_t color;
};

struct grid {
    const struct terminal_size *size;
    const struct plot *plot;
    const struct plot_panel *panel;
    struct axis axis;
    struct axis time;
    struct cell *cells;
    size_t columns;
    size_t rows;
    size_t dots_across; /* of a cell */
    size_t dots_down;
    size_t label_columns;
};

/* What a plot in ASCII has instead. */
struct glyphs {
    const char *tick;
    const char *side;
    const char *corner;
    const char *bottom;
    const char *bottom_tick;
    const char *mark;
    const char *snapshot;
    const char *phase_begin;
    const char *phase_line;
    const char *phase_end;
};

static const struct glyphs *glyphs_of(const struct terminal_size *size)
{
    static const struct glyphs braille = {"┤", "│", "└", "─", "┬", "△", "▲", "├", "─", "┤"};
    static const struct glyphs ascii = {"+", "|", "+", "-", "+", "^", "^", "|", "-", "|"};
    return size->is_ascii ? &ascii : &braille;
}

bool terminal_has_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

/* --- words --- */

/* Other than in names, which are escaped, these are all the characters beyond ASCII we write. */
static void write_plain(FILE *out, const struct terminal_size *size, const char *text)
{
    static const char *const replaced[][2] = {{"µ", "u"}, {"±", "+-"}, {"…", "..."}};
    while (*text) {
        size_t length = 1;
        const char *shown = NULL;
        for (size_t i = 0; size->is_ascii && i < sizeof replaced / sizeof *replaced; i++)
            if (text_starts_with(text, replaced[i][0])) {
                shown = replaced[i][1];
                length = strlen(replaced[i][0]);
            }
        if (shown)
            fputs(shown, out);
        else if (size->is_ascii && (unsigned char)*text >= 0x80)
            fputs((*text & 0xc0) == 0xc0 ? "?" : "", out);
        else
            fputc(*text, out);
        text += length;
    }
}

/* A name of somebody else's. Returns its columns. */
static size_t write_name(FILE *out, const struct terminal_size *size, const char *name,
                         size_t columns)
{
    char *shown = NULL;
    size_t shown_bytes = 0;
    FILE *memory = open_memstream(&shown, &shown_bytes);
    size_t written = 0;
    if (!memory)
        return 0;
    bool is_cut = text_columns(name) > columns;
    if (size->is_ascii && is_cut && columns > 3)
        columns -= 2; /* "..." is wider than "…" */
    if (is_cut && name[0] == '/')
        written = text_write_tail(memory, name, columns); /* of a path the end says most */
    else
        written = text_write_cut(memory, name, columns);
    written += size->is_ascii && is_cut ? 2 : 0;
    if (fclose(memory) == 0)
        write_plain(out, size, shown);
    free(shown);
    return written;
}

/* --- style --- */

static const char *color_of(const struct terminal_size *size, unsigned style)
{
    static const char *const colors[] = {"\033[34m", "\033[33m", "\033[32m", "\033[35m",
                                         "\033[36m", "\033[31m", "\033[94m", "\033[37m"};
    return size->has_color && style != PLOT_STYLE_REST
               ? colors[style % (sizeof colors / sizeof *colors)]
               : "";
}

static const char *color_end(const struct terminal_size *size, unsigned style)
{
    return *color_of(size, style) ? "\033[0m" : "";
}

static bool is_letter_style(const struct plot_panel *panel)
{
    return panel->line_count > 2 || (panel->line_count && panel->lines[0].kind == PLOT_LAYER);
}

static char letter_of(const struct plot_panel *panel, const struct plot_line *line)
{
    size_t number = (size_t)(line - panel->lines);
    if (line->style == PLOT_STYLE_REST)
        return '.';
    return (char)(number < 26 ? 'a' + number : number < 52 ? 'A' + number - 26 : '?');
}

static char ascii_of(const struct plot_panel *panel, const struct plot_line *line)
{
    if (is_letter_style(panel))
        return letter_of(panel, line);
    return line->kind == PLOT_AREA ? ':' : line->style % 2 ? '+' : '*';
}

/* Whether a dash of this style covers a column of dots. */
static bool is_dashed_out(unsigned style, size_t dot)
{
    static const struct {
        unsigned on;
        unsigned whole;
    } dashes[] = {{1, 1}, {1, 3}, {4, 6}, {2, 4}};
    size_t i = style % (sizeof dashes / sizeof *dashes);
    return dot % dashes[i].whole >= dashes[i].on;
}

/* --- dots --- */

static void set_dot(struct grid *grid, size_t x, size_t y, const struct plot_line *line)
{
    static const uint8_t bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    size_t column = x / grid->dots_across;
    size_t row = y / grid->dots_down;
    if (column >= grid->columns || row >= grid->rows)
        return;
    struct cell *cell = &grid->cells[row * grid->columns + column];
    cell->color = (uint8_t)(line->style % 8 + 1);
    if (grid->size->is_ascii)
        cell->letter = ascii_of(grid->panel, line);
    else
        cell->dots |= bits[y % 4][x % 2];
}

/* 0 is at the top. */
static size_t dot_row(const struct grid *grid, double value)
{
    double last = (double)(grid->rows * grid->dots_down - 1);
    return (size_t)(last - round(axis_place(&grid->axis, value) * last));
}

static struct window dot_window(const struct grid *grid, size_t x)
{
    const struct window *whole = &grid->plot->window;
    double width = (double)(whole->to_ns - whole->from_ns);
    double count = (double)(grid->columns * grid->dots_across);
    return (struct window){whole->from_ns + (uint64_t)(width * (double)x / count),
                           whole->from_ns + (uint64_t)(width * (double)(x + 1) / count)};
}

/* Only readings within a column: so that a gap stays one, and a step is drawn where it is. */
static void draw_dots(struct grid *grid, const struct plot_line *line)
{
    size_t bottom = dot_row(grid, grid->axis.low > 0 ? grid->axis.low : 0);
    for (size_t x = 0; x < grid->columns * grid->dots_across; x++) {
        double min;
        double max;
        if (!timeline_within(&line->timeline, dot_window(grid, x), &min, &max))
            continue;
        size_t top = dot_row(grid, max);
        size_t low = dot_row(grid, min);
        if (line->kind == PLOT_AREA)
            low = bottom > low ? bottom : low;
        else if (top == low && is_dashed_out(line->style, x) && !grid->size->is_ascii)
            continue;
        for (size_t y = top; y <= low; y++)
            set_dot(grid, x, y, line);
    }
}

/* Letters on lines that dashes alone cannot tell apart. */
static void draw_letters(struct grid *grid, const struct plot_line *line)
{
    size_t number = (size_t)(line - grid->panel->lines);
    for (size_t column = 3 + number * 5 % LETTER_DISTANCE; column < grid->columns;
         column += LETTER_DISTANCE) {
        double min;
        double max;
        struct window window = dot_window(grid, column * grid->dots_across);
        if (!timeline_within(&line->timeline, window, &min, &max))
            continue;
        struct cell *cell =
            &grid->cells[dot_row(grid, max) / grid->dots_down * grid->columns + column];
        cell->letter = letter_of(grid->panel, line);
        cell->color = (uint8_t)(line->style % 8 + 1);
    }
}

static void draw_layer(struct grid *grid, const struct plot_line *line)
{
    for (size_t column = 0; column < grid->columns; column++) {
        double min;
        double max;
        struct window window = dot_window(grid, column * grid->dots_across);
        uint64_t middle_ns = window.from_ns + (window.to_ns - window.from_ns) / 2;
        if (!timeline_at(&line->timeline, middle_ns, &min, &max))
            continue;
        for (size_t row = 0; row < grid->rows; row++) {
            size_t y = row * grid->dots_down + grid->dots_down / 2;
            struct cell *cell = &grid->cells[row * grid->columns + column];
            if (y < dot_row(grid, max) || y >= dot_row(grid, min) || min >= max)
                continue;
            cell->letter = letter_of(grid->panel, line);
            cell->color = line->style == PLOT_STYLE_REST ? 0 : (uint8_t)(line->style % 8 + 1);
        }
    }
}

/* Areas first: lines are seen on them. */
static void draw_panel(struct grid *grid)
{
    const struct plot_panel *panel = grid->panel;
    for (size_t i = 0; i < panel->line_count; i++)
        if (panel->lines[i].kind == PLOT_AREA)
            draw_dots(grid, &panel->lines[i]);
    for (size_t i = 0; i < panel->line_count; i++)
        if (panel->lines[i].kind == PLOT_LAYER)
            draw_layer(grid, &panel->lines[i]);
        else if (panel->lines[i].kind == PLOT_LINE)
            draw_dots(grid, &panel->lines[i]);
    for (size_t i = 0; i < panel->line_count && is_letter_style(panel); i++)
        if (panel->lines[i].kind == PLOT_LINE)
            draw_letters(grid, &panel->lines[i]);
}

/* --- writing --- */

static void write_cell(FILE *out, const struct grid *grid, const struct cell *cell, unsigned *color)
{
    char braille[4] = {(char)0xe2, (char)(0xa0 | cell->dots >> 6),
                       (char)(0x80 | (cell->dots & 0x3f)), 0};
    if (grid->size->has_color && cell->color != *color) {
        fputs(cell->color ? color_of(grid->size, cell->color - 1u) : "\033[0m", out);
        *color = cell->color;
    }
    if (cell->letter)
        fputc(cell->letter, out);
    else if (cell->dots)
        fputs(braille, out);
    else
        fputc(' ', out);
}

static size_t row_end(const struct grid *grid, size_t row)
{
    size_t end = grid->columns;
    const struct cell *cells = &grid->cells[row * grid->columns];
    while (end && !cells[end - 1].dots && !cells[end - 1].letter)
        end--;
    return end;
}

static const struct tick *tick_in_row(const struct grid *grid, size_t row)
{
    for (size_t i = grid->axis.tick_count; i-- > 0;)
        if (dot_row(grid, grid->axis.ticks[i].value) / grid->dots_down == row)
            return &grid->axis.ticks[i];
    return NULL;
}

static void write_row(FILE *out, const struct grid *grid, size_t row)
{
    const struct glyphs *glyphs = glyphs_of(grid->size);
    const struct tick *tick = tick_in_row(grid, row);
    unsigned color = 0;
    size_t end = row_end(grid, row);
    fprintf(out, "%*s %s", (int)grid->label_columns, tick ? tick->label.text : "",
            tick ? glyphs->tick : glyphs->side);
    for (size_t column = 0; column < end; column++)
        write_cell(out, grid, &grid->cells[row * grid->columns + column], &color);
    fputs(color ? "\033[0m\n" : "\n", out);
}

static size_t column_of(const struct grid *grid, double time_ns)
{
    double place = axis_place(&grid->time, time_ns) * (double)grid->columns;
    return place < (double)grid->columns ? (size_t)place : grid->columns - 1;
}

static void write_time_axis(FILE *out, const struct grid *grid)
{
    const struct glyphs *glyphs = glyphs_of(grid->size);
    fprintf(out, "%*s %s", (int)grid->label_columns, "", glyphs->corner);
    for (size_t column = 0; column < grid->columns; column++) {
        bool is_tick = false;
        for (size_t i = 0; i < grid->time.tick_count; i++)
            is_tick |= column_of(grid, grid->time.ticks[i].value) == column;
        fputs(is_tick ? glyphs->bottom_tick : glyphs->bottom, out);
    }
    fprintf(out, "\n%*s  ", (int)grid->label_columns, "");
    size_t used = 0;
    for (size_t i = 0; i < grid->time.tick_count; i++) {
        const char *label = grid->time.ticks[i].label.text;
        size_t width = text_columns(label);
        size_t column = column_of(grid, grid->time.ticks[i].value);
        size_t start = column > width / 2 ? column - width / 2 : 0;
        if (start + width > grid->columns + 1)
            start = grid->columns + 1 - width;
        if (start < used)
            continue;
        fprintf(out, "%*s", (int)(start - used + (used > 0)), "");
        write_plain(out, grid->size, label);
        used = start + width + 1;
    }
    fputc('\n', out);
}

/* --- legend --- */

static size_t write_sample(FILE *out, const struct terminal_size *size,
                           const struct plot_panel *panel, const struct plot_line *line)
{
    static const char *const dashes[] = {"━━", "┄┄", "╌╌", "┅┅"};
    char letter = ascii_of(panel, line);
    fputs(color_of(size, line->style), out);
    if (size->is_ascii || is_letter_style(panel))
        fprintf(out, "%c%c", letter, letter);
    else
        fputs(line->kind == PLOT_AREA ? "⣿⣿" : dashes[line->style % 4], out);
    fputs(color_end(size, line->style), out);
    return 2;
}

static void describe(const struct plot_panel *panel, const struct plot_line *line, char *text,
                     size_t text_bytes)
{
    uint64_t middle_ns = line->peak_begin_ns + (line->peak_end_ns - line->peak_begin_ns) / 2;
    *text = 0;
    if (!line->timeline.count)
        return;
    if (line->kind == PLOT_LAYER) {
        snprintf(text, text_bytes, "  up to %s", unit_text(panel->unit, line->peak).text);
        return;
    }
    snprintf(text, text_bytes, "  peak %s at %s", unit_text(panel->unit, line->peak).text,
             text_duration(middle_ns).text);
}

static void write_legend(FILE *out, const struct terminal_size *size,
                         const struct plot_panel *panel)
{
    size_t used = 0;
    for (size_t i = 0; i < panel->line_count; i++) {
        const struct plot_line *line = plot_line_at(panel, i);
        char figures[96];
        describe(panel, line, figures, sizeof figures);
        size_t width = text_columns(line->name);
        size_t limit = size->columns > 50 ? 40 : size->columns - 10;
        width = 5 + (width < limit ? width : limit) + strlen(figures);
        if (used && used + width > size->columns) {
            fputc('\n', out);
            used = 0;
        }
        fputs("  ", out);
        write_sample(out, size, panel, line);
        fputc(' ', out);
        write_name(out, size, line->name, limit);
        fputs(figures, out);
        used += width;
    }
    fputs(panel->line_count ? "\n" : "", out);
}

/* --- marks and phases --- */

static void write_spaces(FILE *out, size_t *column, size_t until)
{
    for (; *column < until; (*column)++)
        fputc(' ', out);
}

static void write_marks(FILE *out, const struct grid *grid)
{
    const struct glyphs *glyphs = glyphs_of(grid->size);
    const struct plot *plot = grid->plot;
    size_t used = 0;
    bool has_any = false;
    for (size_t i = 0; i < plot->mark_count; i++) {
        const struct plot_mark *mark = &plot->marks[i];
        size_t column = column_of(grid, (double)mark->time_ns);
        if (mark->time_ns < plot->window.from_ns || mark->time_ns > plot->window.to_ns ||
            column < used + (used > 0) || column + 4 > grid->columns)
            continue;
        if (!has_any)
            fprintf(out, "%*s  ", (int)grid->label_columns, "");
        has_any = true;
        write_spaces(out, &used, column);
        fprintf(out, "%s ", mark->is_snapshot ? glyphs->snapshot : glyphs->mark);
        size_t room = grid->columns - column - 2;
        used += 2 + write_name(out, grid->size, mark->name, room < 20 ? room : 20);
    }
    if (has_any)
        fputc('\n', out);
}

static void write_phase(FILE *out, const struct grid *grid, const struct plot_phase *phase,
                        size_t columns)
{
    const struct glyphs *glyphs = glyphs_of(grid->size);
    size_t used = 1;
    fputs(glyphs->phase_begin, out);
    if (columns < 2)
        return;
    if (columns > NAMED_COLUMNS)
        used += write_name(out, grid->size, phase->name, columns - 3);
    for (; used + 1 < columns; used++)
        fputs(glyphs->phase_line, out);
    fputs(glyphs->phase_end, out);
}

static bool is_on_level(const struct plot *plot, const struct plot_phase *phase, unsigned level)
{
    return phase->level == level && phase->end_ns >= plot->window.from_ns &&
           phase->begin_ns <= plot->window.to_ns;
}

/* Where the next phase of a level begins, or the plot ends. */
static size_t next_phase_column(const struct grid *grid, size_t phase, unsigned level)
{
    const struct plot *plot = grid->plot;
    for (size_t i = phase + 1; i < plot->phase_count; i++)
        if (is_on_level(plot, &plot->phases[i], level))
            return column_of(grid, (double)plot->phases[i].begin_ns);
    return grid->columns;
}

/* Beside one that has no room for it. */
static size_t write_phase_name(FILE *out, const struct grid *grid, const char *name, size_t room)
{
    if (room < 4)
        return 0;
    fputc(' ', out);
    return 1 + write_name(out, grid->size, name, room - 2 < 20 ? room - 2 : 20);
}

/* The phases of one level, those that find room. */
static bool write_phases(FILE *out, const struct grid *grid, unsigned level)
{
    const struct plot *plot = grid->plot;
    size_t used = 0;
    bool has_any = false;
    bool has_deeper = false;
    for (size_t i = 0; i < plot->phase_count; i++) {
        const struct plot_phase *phase = &plot->phases[i];
        has_deeper |= phase->level > level;
        if (!is_on_level(plot, phase, level))
            continue;
        size_t begin = column_of(grid, (double)phase->begin_ns);
        size_t end = column_of(grid, (double)phase->end_ns);
        if (begin < used)
            continue;
        if (!has_any)
            fprintf(out, "%*s  ", (int)grid->label_columns, "");
        has_any = true;
        write_spaces(out, &used, begin);
        write_phase(out, grid, phase, end - begin + 1);
        used = end + 1;
        size_t next = next_phase_column(grid, i, level);
        if (end - begin < NAMED_COLUMNS && next > used)
            used += write_phase_name(out, grid, phase->name, next - used);
    }
    if (has_any)
        fputc('\n', out);
    return has_deeper;
}

/* --- all --- */

static size_t panel_rows(const struct plot *plot, const struct terminal_size *size)
{
    size_t rows = plot->panel_count ? size->rows / plot->panel_count : size->rows;
    return rows < ROWS_LEAST ? ROWS_LEAST : rows;
}

static size_t ticks_for(size_t length, size_t each)
{
    return length / each < 2 ? 2 : length / each;
}

static size_t label_columns(const struct plot *plot, const struct terminal_size *size)
{
    size_t widest = 0;
    for (size_t i = 0; i < plot->panel_count; i++) {
        struct axis axis =
            plot_panel_axis(plot, &plot->panels[i], ticks_for(panel_rows(plot, size), TICK_ROWS));
        for (size_t j = 0; j < axis.tick_count; j++) {
            size_t width = text_columns(axis.ticks[j].label.text);
            widest = width > widest ? width : widest;
        }
    }
    return widest < 3 ? 3 : widest;
}

static bool write_panel(FILE *out, struct grid *grid)
{
    grid->axis = plot_panel_axis(grid->plot, grid->panel, ticks_for(grid->rows, TICK_ROWS));
    grid->cells = calloc(grid->columns * grid->rows, sizeof *grid->cells);
    if (!grid->cells)
        return false;
    write_legend(out, grid->size, grid->panel);
    draw_panel(grid);
    for (size_t row = 0; row < grid->rows; row++)
        write_row(out, grid, row);
    free(grid->cells);
    return true;
}

static void write_head(FILE *out, const struct plot *plot, const struct terminal_size *size)
{
    fputs(size->has_color ? "\033[1m" : "", out);
    write_name(out, size, plot->title, size->columns);
    fputs(size->has_color ? "\033[0m" : "", out);
    if (*plot->subtitle) {
        fputs("  ", out);
        write_plain(out, size, plot->subtitle);
    }
    fputc('\n', out);
}

static void write_foot(FILE *out, const struct grid *grid)
{
    unsigned level = 0;
    write_marks(out, grid);
    while (write_phases(out, grid, level) && level < 8)
        level++;
    for (size_t i = 0; i < grid->plot->note_count; i++) {
        fputs("  ", out);
        write_name(out, grid->size, grid->plot->notes[i], SIZE_MAX);
        fputc('\n', out);
    }
}

bool plot_write_terminal(FILE *out, const struct plot *plot, const struct terminal_size *size)
{
    struct grid grid = {
        .size = size,
        .plot = plot,
        .rows = panel_rows(plot, size),
        .dots_across = size->is_ascii ? 1 : 2,
        .dots_down = size->is_ascii ? 1 : 4,
        .label_columns = label_columns(plot, size),
    };
    size_t beside = grid.label_columns + 3;
    grid.columns = size->columns > beside + 16 ? size->columns - beside : 16;
    grid.time = axis_of_time(plot->window, ticks_for(grid.columns, TICK_COLUMNS));
    write_head(out, plot, size);
    for (size_t i = 0; i < plot->panel_count; i++) {
        grid.panel = &plot->panels[i];
        if (!write_panel(out, &grid))
            return false;
    }
    write_time_axis(out, &grid);
    write_foot(out, &grid);
    return true;
}
