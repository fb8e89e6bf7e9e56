/* SPDX-License-Identifier: BSD-2-Clause */
/* elf_file.h -- A 64-bit little-endian ELF file, every number in it checked before it is used.
 *
 * Runs in the tool itself, so nothing here maps the file: somebody may truncate it meanwhile, and
 * touching a mapping would then kill us. Only a sandboxed child calls elf_map(). */
#ifndef MEMTRACE_SYMBOLS_ELF_FILE_H
#define MEMTRACE_SYMBOLS_ELF_FILE_H

#include "bytes.h"

#define ELF_BUILD_ID_MAX 64

struct elf_section {
    const char *name;
    uint32_t type;
    uint32_t link;
    uint64_t flags;
    uint64_t address;
    uint64_t offset;
    uint64_t size_bytes;
};

struct elf_file {
    char *path;
    const char *root;   /* in which path was found, NULL: in ours */
    int fd;             /* -1 when the file lies in memory only */
    struct bytes image; /* all of it: after elf_map() or elf_open_image() */
    bool image_is_mapped;
    uint64_t size_bytes;
    uint64_t mtime_ns;
    uint64_t code_start; /* lowest virtual address of executable code */
    uint16_t machine;
    struct elf_section *sections;
    size_t section_count;
    char *section_names;
    uint8_t build_id[ELF_BUILD_ID_MAX];
    size_t build_id_bytes; /* 0: it has none */
};

/* Opens and reads the headers. With a root, which must outlive file, path is looked for in there
 * first, and no link leads out of it; then here. On failure nothing is left open and errno tells
 * why; ENOEXEC means that the file is no ELF file of ours. */
bool elf_open(struct elf_file *file, const char *root, const char *path);

/* The same for an ELF file that lies in memory; bytes must outlive file. */
bool elf_open_image(struct elf_file *file, const char *path, struct bytes image);

void elf_close(struct elf_file *file);

/* Makes elf_section_bytes() possible without copying. For sandboxed children only. */
bool elf_map(struct elf_file *file);

/* NULL when there is no such section with contents in this file. */
const struct elf_section *elf_find_section(const struct elf_file *file, const char *name);

/* A copy of a section's bytes with one zero byte behind them, NULL when out of bounds or memory.
 * The caller frees it. */
uint8_t *elf_read_section(const struct elf_file *file, const struct elf_section *section);

/* The section's bytes in the mapped image. */
struct bytes elf_section_bytes(const struct elf_file *file, const struct elf_section *section);

/* Exactly size bytes at offset of the file; false when they are not there. */
bool elf_read(const struct elf_file *file, uint64_t offset, void *buffer, size_t size);

#endif
