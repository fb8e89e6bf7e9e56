/* SPDX-License-Identifier: BSD-2-Clause */
/* elf_symbols.h -- Looks up a dynamic symbol in a loaded ELF image, without the loader's help.
 *
 * dlsym is not used: it may allocate, takes the loader's lock, leaves its failures in the
 * program's dlerror, and some programs export their own. */
#ifndef MEMTRACE_ELF_SYMBOLS_H
#define MEMTRACE_ELF_SYMBOLS_H

#include <link.h>
#include <stddef.h>
#include <stdint.h>

/* What of an image's dynamic section is needed to look symbols up in it. */
struct elf_image {
    ElfW(Addr) bias;
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *gnu_hash;
    const uint32_t *sysv_hash;
};

/* dynamic is the image's dynamic section, bias its load bias. */
struct elf_image elf_image_read(const ElfW(Dyn) * dynamic, ElfW(Addr) bias);

/* The address of a defined function, or NULL. Only DT_GNU_HASH and DT_HASH tables; IFUNCs are
 * resolved by calling them. */
void *elf_image_symbol(const struct elf_image *image, const char *name);

/* The same for one symbol. */
void *elf_symbol(const ElfW(Dyn) * dynamic, ElfW(Addr) bias, const char *name);

/* The number of its dynamic symbols. */
uint32_t elf_image_count(const struct elf_image *image);

#endif
