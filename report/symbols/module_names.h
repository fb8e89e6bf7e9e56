/* SPDX-License-Identifier: BSD-2-Clause */
/* module_names.h -- The frames of some addresses of one module, from the best source there is. */
#ifndef MEMTRACE_SYMBOLS_MODULE_NAMES_H
#define MEMTRACE_SYMBOLS_MODULE_NAMES_H

#include "debuginfo.h"
#include "string_pool.h"

struct found_frame {
    uint32_t function; /* numbers of strings, 0: unknown */
    uint32_t file;
    uint32_t line;
    uint32_t function_line;
    uint64_t function_offset; /* where it begins, if it has no name; 0: unknown */
    bool is_inlined;
    bool is_plain; /* the function has a mangled name, but this is not it */
};

struct found_frames {
    struct found_frame *frames; /* innermost first */
    uint32_t frame_count;
};

struct module_names {
    uint64_t *addresses; /* sorted */
    size_t address_count;
    struct string_pool *strings; /* shared by all modules */
    struct debuginfo info;

    struct found_frames *answers; /* one per address */
    enum symbol_source source;
    char explanation[1024];
};

/* Opens the module's files. Takes ownership of addresses, which were malloc'ed. */
void module_names_init(struct module_names *names, const struct symbol_module *module,
                       uint64_t *addresses, size_t address_count, const char *debug_root,
                       struct string_pool *strings);

/* Finds the frames of all addresses of several modules, side by side. */
void module_names_find(struct module_names *modules, size_t count);
void module_names_finish(struct module_names *names);

#endif
