/* SPDX-License-Identifier: BSD-2-Clause */
/* opened.h -- The traces that a command line names, opened: one, at the moment it names, or
 * several, added up. */
#ifndef MEMTRACE_OPENED_H
#define MEMTRACE_OPENED_H

#include "trace.h"

#include <stddef.h>

struct opened {
    struct trace *trace; /* all of them */
    struct trace *traces;
    struct trace merged;
    char **paths; /* as many as count, found or NULL */
    size_t count;
    const char *failed; /* the operand that could not be opened */
};

/* No operand means the newest trace here. After a failure there is still something to finish. */
bool opened_init(struct opened *opened, char *const *operands, int count, struct error *error);
void opened_finish(struct opened *opened);

/* What a complaint is about. */
const char *opened_subject(const struct opened *opened, const char *otherwise);

#endif
