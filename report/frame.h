/* SPDX-License-Identifier: BSD-2-Clause */
/* frame.h -- One frame of a call stack, with names: a function that was running, inlined or not. */
#ifndef MEMTRACE_FRAME_H
#define MEMTRACE_FRAME_H

#include <stdbool.h>
#include <stdint.h>

struct frame {
    const char *function;     /* NULL: unknown; equal strings are equal pointers */
    const char *file;         /* NULL: unknown; the same */
    const char *module;       /* path, "" if none; the same */
    uint64_t offset;          /* of the call itself: an ELF virtual address */
    uint64_t function_offset; /* where a function without a name begins, 0: unknown */
    uint32_t line;            /* 0: unknown */
    uint32_t function_line;   /* where the function begins, 0: unknown */
    uint32_t module_index;
    bool is_inlined;
    bool is_special;   /* stands for something other than code: function names it */
    bool is_runtime;   /* skipped when somebody's own line is looked for */
    bool is_allocator; /* runtime for its name's sake: an installed library's wrapper */
    bool is_start;    /* libc's, where a program or a thread begins: what is outside is not shown */
    bool is_nameless; /* of an installed library without names */
};

/* In place of the index of a frame. */
#define NO_FRAME UINT32_MAX

#endif
