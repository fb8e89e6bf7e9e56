/* SPDX-License-Identifier: BSD-2-Clause */
/* family.h -- The traces of a program's children, their children, and what they became by exec. */
#ifndef MEMTRACE_FAMILY_H
#define MEMTRACE_FAMILY_H

#include "find.h"
#include "trace.h"

struct family {
    struct trace_list list;       /* all traces in the directory */
    struct trace_entry **members; /* without the program itself, in the order of their start */
    size_t count;
};

/* Children are the traces in the directory of path whose parent, or parent's parent, is trace's
 * process. */
bool family_init(struct family *family, const char *path, const struct trace *trace,
                 struct error *error);
void family_finish(struct family *family);

#endif
