/* SPDX-License-Identifier: BSD-2-Clause */
/* suppressions.h -- Which leaks are not to be told of: LeakSanitizer's files.
 *
 * A line is "leak:PATTERN", a comment after #, or empty. A stack is suppressed if a pattern matches
 * the function, the source file or the module of any of its frames, inlined ones included. A
 * pattern matches any part of a name, with * for anything; ^ at its beginning and $ at its end hold
 * it to the name's. */
#ifndef MEMTRACE_SUPPRESSIONS_H
#define MEMTRACE_SUPPRESSIONS_H

#include "stacks.h"

#include <stdio.h>

struct suppression {
    char *pattern;
    bool is_of_runtime;   /* for functions of the runtime alone */
    uint64_t block_count; /* what it has suppressed, once that was counted */
    uint64_t size_bytes;
};

struct suppressions {
    struct suppression *items;
    size_t count;
    struct suppression *runtime_only; /* for stacks of nothing but the runtime; or NULL */
    uint64_t stacks_id;               /* what is below is known of these stacks */
    uint32_t *frames; /* per frame the number of the first pattern that matches it, or so */
    uint32_t frame_count;
};

/* path NULL: the file that MEMTRACE_SUPPRESSIONS names, or none. Fails with a reason that names the
 * file, and leaves nothing to finish. */
bool suppressions_init(struct suppressions *suppressions, const char *path, struct error *error);
/* Adds, behind all others, what the runtime keeps for itself until the end: buffers of stdio, the
 * emergency pool of libstdc++, blocks of threads … Nobody can free them. */
bool suppressions_add_runtime(struct suppressions *suppressions, struct error *error);
void suppressions_finish(struct suppressions *suppressions);

/* The suppression that covers the stack of a node, which has its names; NULL if none does. What was
 * found out about frames is remembered until other stacks are asked for. */
struct suppression *suppressions_find(struct suppressions *suppressions,
                                      const struct stacks *stacks, uint32_t node);
bool suppression_matches(const char *pattern, const char *name);

/* As LeakSanitizer prints those that were used; nothing if none was. */
void suppressions_write(FILE *out, const struct suppressions *suppressions);

#endif
