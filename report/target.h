/* SPDX-License-Identifier: BSD-2-Clause */
/* target.h -- The program that is to be run: where it is, and whether a recorder can see into it.
 */
#ifndef MEMTRACE_TARGET_H
#define MEMTRACE_TARGET_H

#include <stdbool.h>

/* The path under which execvp would find name, to be freed; NULL with errno: ENOENT or EACCES. */
char *target_search(const char *name);

struct target {
    bool is_elf;      /* false: perhaps a script that sh has to run */
    bool can_preload; /* false: the recorder would keep it from running, or do nothing */
    char note[320];   /* why not everything can be seen, in words; "" if there is no reason */
};

/* Judges the file at path; for a script, its interpreter. */
void target_inspect(struct target *target, const char *path);

#endif
