/* SPDX-License-Identifier: BSD-2-Clause */
/* check_unwind.h -- Called after every capture when preload/ is built with MEMTRACE_CHECK. */
#ifndef MEMTRACE_CHECK_UNWIND_H
#define MEMTRACE_CHECK_UNWIND_H

#include "../../preload/unwind.h"

void check_stack(const struct unwinder *ours, struct frame_start start, bool is_same_site);

#endif
