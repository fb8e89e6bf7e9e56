/* SPDX-License-Identifier: BSD-2-Clause */
/* debuginfo.h -- Where the debug information and the symbol table of a module lie. */
#ifndef MEMTRACE_SYMBOLS_DEBUGINFO_H
#define MEMTRACE_SYMBOLS_DEBUGINFO_H

#include "elf_file.h"
#include "symbolize.h"

struct debuginfo {
    struct elf_file module;     /* the file that ran; path is NULL when it is not open */
    struct elf_file debug;      /* its separate debug file, if there is one */
    struct elf_file supplement; /* what dwz moved out of several debug files into one */

    const struct elf_file *dwarf; /* which of the two has DWARF, NULL: neither */
    bool supplement_is_missing;
    enum symbol_source source; /* UNREAD: all is well so far; MISSING, CHANGED or NONE otherwise */
    char explanation[512];
};

#define DEBUG_ROOT "/usr/lib/debug"

/* Opens what there is, in this order: the file itself, the debug file of its build-id, the file
 * that its .gnu_debuglink names, and dwz's supplement to whichever has the DWARF. A file that is
 * not the one that ran is left alone, but its debug file may still be found by build-id. */
void debuginfo_find(struct debuginfo *info, const struct symbol_module *module,
                    const char *debug_root);
void debuginfo_finish(struct debuginfo *info);

#endif
