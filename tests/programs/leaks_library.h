/* SPDX-License-Identifier: BSD-2-Clause */
/* leaks_library.h -- A library that makes blocks which leaks.c loses. */
#ifndef MEMTRACE_LEAKS_LIBRARY_H
#define MEMTRACE_LEAKS_LIBRARY_H

#include <stddef.h>

void *library_makes(size_t size);
void *library_makes_by(void (*function)(void));

#endif
