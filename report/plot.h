/* SPDX-License-Identifier: BSD-2-Clause */
/* plot.h -- What a plot shows, and nothing of how: panels of lines over one axis of time, marks and
 * phases of the program, and words.
 *
 * Lines of one unit share a panel. A line is a timeline: single values, and bands where only a
 * smallest and a largest value of a span are known. A layer is a band too, from where it begins on
 * those below it to where it ends. Renderers escape all names. */
#ifndef MEMTRACE_PLOT_H
#define MEMTRACE_PLOT_H

#include "axis.h"
#include "regression.h"
#include "timeline.h"

#define PLOT_STYLE_REST UINT32_MAX /* of what stands for all others */

enum plot_line_kind {
    PLOT_LINE,
    PLOT_AREA, /* filled down to zero */
    PLOT_LAYER /* of a stack */
};

struct plot_line {
    char *name;
    struct timeline timeline;
    enum plot_line_kind kind;
    unsigned style; /* equal ones look alike */
    double peak;    /* of what is shown, also after points have been merged */
    uint64_t peak_begin_ns;
    uint64_t peak_end_ns;
    bool is_peak_marked;
    bool has_trend;
    struct regression trend;
};

struct plot_panel {
    enum unit unit;
    struct plot_line *lines;
    size_t line_count;
};

struct plot_mark {
    char *name;
    uint64_t time_ns;
    bool is_snapshot;
};

struct plot_phase {
    char *name;
    uint64_t begin_ns;
    uint64_t end_ns;
    unsigned level; /* within so many others */
};

struct plot {
    char *title;
    char *subtitle;
    struct window window;
    struct plot_panel panels[UNIT_COUNT_OF];
    size_t panel_count;
    struct plot_mark *marks;
    size_t mark_count;
    struct plot_phase *phases;
    size_t phase_count;
    char **notes; /* sentences below it */
    size_t note_count;
    bool is_log;
    bool is_zoomed; /* axes need not begin at zero */
};

/* False when out of memory, here and below. Strings are copied. */
bool plot_init(struct plot *plot, const char *title, const char *subtitle, struct window window);
void plot_finish(struct plot *plot);

/* Takes the timeline away from its owner, also on failure. NULL when out of memory. */
struct plot_line *plot_add_line(struct plot *plot, enum unit unit, const char *name,
                                struct timeline *timeline);
bool plot_add_mark(struct plot *plot, const char *name, uint64_t time_ns, bool is_snapshot);
bool plot_add_phase(struct plot *plot, const char *name, uint64_t begin_ns, uint64_t end_ns,
                    unsigned level);
bool plot_add_note(struct plot *plot, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The axis of a panel that has room for about so many ticks. */
struct axis plot_panel_axis(const struct plot *plot, const struct plot_panel *panel, size_t wanted);
/* The i-th line as they are listed: layers as they lie, the uppermost first. */
const struct plot_line *plot_line_at(const struct plot_panel *panel, size_t i);
/* Lines of all panels. */
size_t plot_line_count(const struct plot *plot);
/* "+35.2 MiB/h ±410 KiB/h" */
struct trend_text {
    char text[96];
};
struct trend_text plot_trend_text(enum unit unit, const struct regression *trend);

#endif
