/* SPDX-License-Identifier: BSD-2-Clause */
/* show_everything.h -- Shows a trace in every way the tool can, for tests with damaged ones. */
#ifndef MEMTRACE_SHOW_EVERYTHING_H
#define MEMTRACE_SHOW_EVERYTHING_H

#include "error.h"

#include <stdbool.h>
#include <stdio.h>

/* The trace that all others are compared with; to be called once, before anything is shown. */
bool show_compare_with(int good);

/* False, with a reason, if it was refused. */
bool show_everything(int fd, FILE *out, struct error *error);

#endif
