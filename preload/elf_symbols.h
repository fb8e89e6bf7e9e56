/* SPDX-License-Identifier: BSD-2-Clause */
/* elf_symbols.h -- Looks up a dynamic symbol in a loaded ELF image, without the loader's help.
 *
 * dlsym is not used: it may allocate, takes the loader's lock, leaves its failures in the
 * program's dlerror, and some programs export their own. */
#ifndef MEMTRACE_ELF_SYMBOLS_H
#define MEMTRACE_ELF_SYMBOLS_H

#include <link.h>
#include <stddef.h>

/* The address of a defined function, or NULL. dynamic is the image's dynamic section, bias its
 * load bias. Only DT_GNU_HASH and DT_HASH tables; IFUNCs are resolved by calling them. */
void *elf_symbol(const ElfW(Dyn) * dynamic, ElfW(Addr) bias, const char *name);

#endif
