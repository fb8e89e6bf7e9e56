/* SPDX-License-Identifier: BSD-2-Clause */
/* page_history.h -- What changed from tick to tick, about the stacks of a tree, thinned for the
 * page. */
#ifndef MEMTRACE_PAGE_HISTORY_H
#define MEMTRACE_PAGE_HISTORY_H

#include "call_tree.h"
#include "history.h"
#include "json.h"

/* The member "history", if there is any; false when out of memory. */
bool page_history_write(struct json *json, const struct history *history,
                        const struct call_tree *tree);

#endif
