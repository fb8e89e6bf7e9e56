/* SPDX-License-Identifier: BSD-2-Clause */
/* traceback.h -- The call stack of a live block, for the program itself. */
#ifndef MEMTRACE_TRACEBACK_H
#define MEMTRACE_TRACEBACK_H

#include "memtrace.h"

/* Fills frames, innermost first, with as many as there are and there is room for. Returns how many
 * there are; 0: no block that is known begins here. Takes no lock. */
size_t traceback_of_block(const void *block, struct memtrace_frame *frames, size_t room);

/* Writes it to a file as text. */
void traceback_dump(int fd, const void *block);

#endif
