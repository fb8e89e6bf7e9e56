/* SPDX-License-Identifier: BSD-2-Clause */
/* harvest.h -- The traces that a run left: of the program, and of its descendants. */
#ifndef MEMTRACE_HARVEST_H
#define MEMTRACE_HARVEST_H

#include "child.h"
#include "find.h"

#include <stdbool.h>

struct harvest {
    struct trace_list list;
    const struct trace_entry *own;    /* the last program the child became */
    const struct trace_entry *before; /* one that it was before an exec, NULL if none */
    bool *is_ours; /* per entry of the list: it is of the child, then or now, or a descendant */
    size_t child_count; /* traces of its descendants */
};

/* template is that of the traces' paths, absolute. With any_name they need not be called
 * *.memtrace. */
bool harvest_init(struct harvest *harvest, const char *template, bool any_name,
                  const struct child *child, struct error *error);
void harvest_finish(struct harvest *harvest);

#endif
