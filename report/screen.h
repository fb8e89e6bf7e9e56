/* SPDX-License-Identifier: BSD-2-Clause */
/* screen.h -- A terminal's whole window, to draw on and to read keys from.
 *
 * Uses a handful of escape sequences that every terminal of the last thirty years knows. While it
 * is open the signals that end, stop or resize us are taken; each comes back as an event, except
 * that being stopped and continued is dealt with here. Whatever happens, also if we crash, the
 * window is given back as it was: the other screen, the cursor shown, keys echoed. */
#ifndef MEMTRACE_SCREEN_H
#define MEMTRACE_SCREEN_H

#include "error.h"
#include "grid.h"
#include "keys.h"

#include <stdbool.h>
#include <stdint.h>

struct screen;

/* Whether stdout is a terminal that can be drawn on, or why not. */
bool screen_check(struct error *error);
/* The terminal of stdout. NULL with a reason: not a terminal, or one that cannot be drawn on. */
struct screen *screen_open(bool with_colors, struct error *error);
/* Gives the window back; NULL is nothing. */
void screen_close(struct screen *screen);

void screen_size(const struct screen *screen, unsigned *ret_rows, unsigned *ret_columns);
/* Whether this terminal shows UTF-8, by the locale. To be asked after setlocale. */
bool screen_is_utf8(void);

/* Brings the window to what the grid holds: only what changed is sent. A window that still has
 * not taken all of the last frame is left alone; then false, and the next call makes up for it. */
bool screen_show(struct screen *screen, const struct grid *grid);

enum screen_event {
    SCREEN_TIME,    /* the deadline has come */
    SCREEN_KEY,     /* *ret_what is the key */
    SCREEN_RESIZED, /* or whatever else asks for drawing anew */
    SCREEN_WOKEN,   /* the other descriptor can be read */
    SCREEN_SIGNAL,  /* *ret_what is its number: the caller is to end */
    SCREEN_CHILD,   /* a child of ours changed its state */
    SCREEN_GONE     /* nobody is there any more */
};

/* Waits for what comes first, until deadline_ns of CLOCK_MONOTONIC. other_fd may be -1. */
enum screen_event screen_wait(struct screen *screen, uint64_t deadline_ns, int other_fd,
                              uint32_t *ret_what);

#endif
