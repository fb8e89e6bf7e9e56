/* SPDX-License-Identifier: BSD-2-Clause */
/* shortened.h -- Call trees cut to a size that a browser takes: the lightest branches lose the
 * frames in their middle.
 *
 * Such a stack goes from the last caller that is left to the frame that is charged. So what is
 * charged to lines stays exact, and what callers have that are left. */
#ifndef MEMTRACE_SHORTENED_H
#define MEMTRACE_SHORTENED_H

#include "call_tree.h"

/* If there are more nodes than node_max, leaves about so many at most; *ret_is_shortened says
 * whether. False when out of memory: the tree is then as it was. */
bool call_tree_shorten(struct call_tree *tree, uint32_t node_max, bool *ret_is_shortened);

#endif
