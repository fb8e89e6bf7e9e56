/* SPDX-License-Identifier: BSD-2-Clause */
/* runtime.h -- Which frames belong to the runtime, and are not a person's own code. */
#ifndef MEMTRACE_RUNTIME_H
#define MEMTRACE_RUNTIME_H

#include "frame.h"

/* Sets is_runtime, is_allocator, is_start and is_nameless, from the rest of the frame.
 *
 * Runtime is libc, libstdc++, libgcc, ld.so and libmemtrace; operator new; what the compiler put in
 * from the headers and the library of the language; and functions of installed libraries whose
 * source is not at hand and that are named like allocators, *alloc* or *dup*. */
void frame_classify(struct frame *frame);

#endif
