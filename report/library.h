/* SPDX-License-Identifier: BSD-2-Clause */
/* library.h -- Where the recorder, libmemtrace.so, is. */
#ifndef MEMTRACE_LIBRARY_H
#define MEMTRACE_LIBRARY_H

#include "error.h"

/* Its path, to be freed; NULL with a reason. It is looked for beside the tool first, so that a
 * build folder, an installed tree and one that was moved all find their own. */
char *library_find(struct error *error);

#endif
