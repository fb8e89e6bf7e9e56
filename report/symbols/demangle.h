/* SPDX-License-Identifier: BSD-2-Clause */
/* demangle.h -- C++ and Rust names as their authors wrote them. */
#ifndef MEMTRACE_SYMBOLS_DEMANGLE_H
#define MEMTRACE_SYMBOLS_DEMANGLE_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the name is written in a scheme that demangle_all() might know. */
bool is_mangled(const char *name);

/* Replaces names[] of count mangled names by their readable forms; a name that is none after all
 * becomes NULL. The demangler is libiberty's, for which a name can be a bomb, so it runs in a
 * sandbox. The caller frees the results. */
void demangle_all(const char *const *names, size_t count, char **ret_readable);

#endif
