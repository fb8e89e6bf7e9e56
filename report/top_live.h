/* SPDX-License-Identifier: BSD-2-Clause */
/* top_live.h -- A trace, its names and the model of it, kept up to date. */
#ifndef MEMTRACE_TOP_LIVE_H
#define MEMTRACE_TOP_LIVE_H

#include "follow.h"
#include "namer.h"
#include "top_model.h"
#include "top_view.h"

struct top_live {
    struct follow follow;
    struct stacks stacks;
    struct namer namer;
    struct top_model model;
    char *path;
    bool is_final; /* there is nothing more to be read */
};

/* Takes path, which is to be freed. A reading is made, names are not looked for yet. interval_ns is
 * how often there will be one; 0: the past does not matter. NULL with a reason. */
struct top_live *top_live_open(char *path, uint64_t interval_ns, struct error *error);
void top_live_close(struct top_live *live); /* NULL is nothing */

/* Another reading, unless the program has ended. */
bool top_live_read(struct top_live *live, struct error *error);
/* Begins to look for new names, if there are any and it is time. */
bool top_live_ask_names(struct top_live *live, struct error *error);
/* To be called when top_live_fd can be read: names were found. */
bool top_live_take_names(struct top_live *live, struct error *error);
int top_live_fd(const struct top_live *live);
/* Finds all names and waits for them. */
bool top_live_find_names(struct top_live *live, struct error *error);
/* Whether names are still to be found, although there may be nothing more to read. */
bool top_live_is_naming(const struct top_live *live);

void top_live_describe(const struct top_live *live, struct top_status *status);

#endif
