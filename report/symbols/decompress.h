/* SPDX-License-Identifier: BSD-2-Clause */
/* decompress.h -- Compressed sections of ELF files. For sandboxed children only. */
#ifndef MEMTRACE_SYMBOLS_DECOMPRESS_H
#define MEMTRACE_SYMBOLS_DECOMPRESS_H

#include "elf_file.h"

/* The contents of a debug section of a mapped file, given by its name without the dot and the
 * suffix (say, "debug_info"); empty when there is none or it makes no sense. Decompressed contents
 * are never freed: the child does not live long. */
struct bytes debug_section(const struct elf_file *file, const char *name, const char *suffix);

/* The ELF file that an .xz compressed .gnu_debugdata section holds; empty likewise. */
struct bytes decompress_xz(struct bytes compressed);

#endif
