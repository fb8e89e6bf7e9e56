/* SPDX-License-Identifier: BSD-2-Clause */
/* top_view.h -- What memtrace top shows: a model, and what the person chose, as a grid. */
#ifndef MEMTRACE_TOP_VIEW_H
#define MEMTRACE_TOP_VIEW_H

#include "completeness.h"
#include "grid.h"
#include "source.h"
#include "text_page.h"
#include "top_model.h"

enum top_page {
    TOP_TABLE,
    TOP_STACKS, /* of the selected line */
    TOP_HELP,
    TOP_OUTPUT /* of the program that top runs */
};

/* What is to be said besides the figures. */
struct top_status {
    const char *program;
    uint32_t pid;
    bool is_running;
    char end[96]; /* how it ended, "" while it runs */
    uint64_t duration_ns;
    int64_t thread_count; /* -1: not known */
    int64_t rss_bytes;    /* the same */
    uint64_t sample_bytes;
    bool is_recording_paused;
    uint64_t interval_ns;
    const char *trace_path;
    const char *output_path;          /* NULL: the program was not started by us */
    struct completeness completeness; /* why figures are less than the whole truth */
};

struct top_view {
    enum top_page page;
    uint32_t selected;   /* the group */
    bool is_row_chosen;  /* false: the selected line is the first, whichever that is */
    uint32_t first;      /* line of the table that is shown first */
    uint32_t page_first; /* the same of a page */
    uint32_t page_count; /* lines the page has; as it was drawn last, like the next two */
    unsigned page_rows;  /* lines that find room */
    bool is_paused;
    bool is_typing;               /* a filter */
    char typed[TOP_FILTER_BYTES]; /* so far */
    const char *question;         /* to be answered before anything else, or NULL */
    char message[200];            /* shown until the next key */
    uint64_t limit;               /* of lines in the table, 0: none */
    struct sources sources;       /* kept from frame to frame */
};

void top_view_finish(struct top_view *view);

void top_view_draw(struct top_view *view, const struct top_model *model,
                   const struct top_status *status, struct grid *grid);
/* The same as plain lines, for scripts: all of the table, no curves, no keys. grid is what each
 * is drawn on, and as wide as they may be. */
void top_view_print(FILE *out, struct top_view *view, const struct top_model *model,
                    const struct top_status *status, struct grid *grid);

/* Moves the selection, or what is shown of a page, by lines. */
void top_view_move(struct top_view *view, const struct top_model *model, int64_t lines);
void top_view_move_to_start(struct top_view *view, const struct top_model *model);
void top_view_open(struct top_view *view, enum top_page page);

/* The row that is selected, or NULL when there is none. */
const struct top_row *top_view_selected(const struct top_view *view, const struct top_model *model);

#endif
