/* SPDX-License-Identifier: BSD-2-Clause */
/* symbolize.h -- From (module, offset) to function, file and line, inlined calls expanded.
 *
 * Use: create, add every distinct address of the trace, resolve once, look up as often as needed.
 * Each module is read once, in a child process with resource limits: DWARF that kills the child
 * costs the lines of that module, never the report. Not thread-safe. Never prints, never exits. */
#ifndef MEMTRACE_SYMBOLIZE_H
#define MEMTRACE_SYMBOLIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbolizer;

/* What the trace says of a module. Strings and bytes must stay valid until destroy. */
struct symbol_module {
    const char *path;        /* absolute; "" when the code belongs to no file */
    const char *root;        /* NULL, or the directory that is "/" to the program: its files are
                                looked for there first, and no link in it leads out of it */
    const uint8_t *build_id; /* NULL when the recorder saw none */
    size_t build_id_bytes;
    uint64_t file_bytes;    /* 0: unknown; with the next one tells a replaced file */
    uint64_t file_mtime_ns; /* apart when there is no build-id */
};

/* One frame. An address has one frame per inlined call plus the enclosing function's.
 * Strings are owned by the symbolizer, are NULL when unknown, and equal strings are equal pointers.
 */
struct symbol_frame {
    const char *function;   /* demangled (C++, Rust) */
    const char *file;       /* as in the debug information, made absolute with the compilation dir,
                               without "." and ".." */
    uint32_t line;          /* 0: unknown */
    bool inlined;           /* this frame was inlined into the next one */
    uint32_t function_line; /* where the function is declared, 0: unknown */
    uint64_t function_offset; /* where a function without a name begins, 0: unknown */
};

enum symbol_source {
    SYMBOLS_UNREAD,  /* nothing asked of this module yet */
    SYMBOLS_LINES,   /* DWARF lines were found */
    SYMBOLS_NAMES,   /* no lines, function names from a symbol table */
    SYMBOLS_NONE,    /* the file holds neither */
    SYMBOLS_MISSING, /* the file is gone or unreadable */
    SYMBOLS_CHANGED, /* the file is not the one that ran (build-id, or size and time) */
    SYMBOLS_BROKEN   /* its debug information is broken; names from the symbol table if any */
};

struct symbol_options {
    const char *debug_root; /* NULL: /usr/lib/debug */
    bool keeps_mangled;     /* leave C++ and Rust names as the linker knows them */
};

/* modules[0] stands for "no module" and is never opened. Returns NULL when out of memory. */
struct symbolizer *symbolizer_create(const struct symbol_module *modules, size_t module_count);

/* The program has loaded more: modules begins as before, but may lie elsewhere now. False when out
 * of memory, everything as it was. */
bool symbolizer_extend(struct symbolizer *symbolizer, const struct symbol_module *modules,
                       size_t module_count);

/* To be called before the first resolve, if at all. debug_root must stay valid until destroy. */
void symbolizer_configure(struct symbolizer *symbolizer, const struct symbol_options *options);
void symbolizer_destroy(struct symbolizer *symbolizer);

/* Asks for an address: offset is relative to the module's load bias (an ELF virtual address) and
 * must already point into the instruction (return address minus one for a call). */
bool symbolizer_add(struct symbolizer *symbolizer, uint32_t module, uint64_t offset);

/* Reads the modules of all addresses added since the last time. May run in a thread of its own, as
 * long as no other one touches the symbolizer meanwhile. */
void symbolizer_resolve(struct symbolizer *symbolizer);

/* The frames of an address, innermost first; their count is returned, 0 when nothing is known. */
size_t symbolizer_lookup(const struct symbolizer *symbolizer, uint32_t module, uint64_t offset,
                         const struct symbol_frame **ret_frames);

/* Where the names of a module come from, and one line of explanation for people ("" if fine). */
enum symbol_source symbolizer_source(const struct symbolizer *symbolizer, uint32_t module,
                                     const char **ret_explanation);

#endif
