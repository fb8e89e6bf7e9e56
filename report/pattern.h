/* SPDX-License-Identifier: BSD-2-Clause */
/* pattern.h -- Shell patterns, to the letter as Python's fnmatch takes them.
 *
 * "*" is anything, slashes included, "?" one character, "[a-z]" one of these, "[!a-z]" one that is
 * none of these; a "[" that nothing closes stands for itself, and nothing is escaped but by
 * brackets: "[*]". Text is UTF-8, whatever the locale. */
#ifndef MEMTRACE_PATTERN_H
#define MEMTRACE_PATTERN_H

#include <stdbool.h>

bool pattern_matches(const char *pattern, const char *text);

#endif
