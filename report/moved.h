/* SPDX-License-Identifier: BSD-2-Clause */
/* moved.h -- Which paths of two trees are the same file, when the trees lie in different places. */
#ifndef MEMTRACE_MOVED_H
#define MEMTRACE_MOVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOVED_NONE UINT32_MAX

/* A new path is an old one that has moved if they have the same last component, and if no other
 * path shares as many components with either from the end on. matches, per new path, becomes the
 * index of the old one, or MOVED_NONE. False when out of memory. */
bool moved_match(const char *const *old, uint32_t old_count, const char *const *new,
                 uint32_t new_count, uint32_t *matches);

#endif
