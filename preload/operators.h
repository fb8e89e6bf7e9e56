/* SPDX-License-Identifier: BSD-2-Clause */
/* operators.h -- C++'s operators new and delete, where an allocator brings its own.
 *
 * libstdc++'s call malloc and free, which are recorded; they stay as they are. jemalloc, tcmalloc,
 * mimalloc and others define both families, and their operators pass malloc by: those are recorded
 * themselves, and what they call in turn is not counted twice.
 *
 * The library exports all operators, for it cannot know whom it will meet. Once all that is loaded
 * at the start has been seen, those that need no recording go straight to the next definition, and
 * vanish from our symbol table: whatever is bound or loaded later finds what it would find without
 * us, a plugin's own operators included. */
#ifndef MEMTRACE_OPERATORS_H
#define MEMTRACE_OPERATORS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    OPERATORS_NEW_ALIGNED =
        4, /* from here to OPERATORS_DELETE the second argument is an alignment */
    OPERATORS_DELETE = 8,
    OPERATOR_COUNT = 20
};

/* By the number that the stubs know each by: the next definition, NULL if there is none. What does
 * not fit its parameters is ignored by it. */
extern void *(*operators_next[OPERATOR_COUNT])(uint64_t first, uint64_t second, uint64_t third);

/* To be called when this library is initialised: looks up what has not been looked up yet, and
 * withdraws what need not be recorded; all of it if nothing is recorded. */
void operators_settle(bool is_recording);

/* For the stubs in stubs.S, which jump to targets: where a call goes, called when that is not known
 * yet. */
extern void *operators_targets[OPERATOR_COUNT];
void *operators_find(uint32_t number);

/* In interpose.c. They get the number behind the operator's own arguments. */
void *operator_new_recorded(uint64_t size, uint64_t second, uint64_t third, uint32_t number);
void operator_delete_recorded(void *block, uint64_t second, uint64_t third, uint32_t number);

#endif
