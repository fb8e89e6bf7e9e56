/* SPDX-License-Identifier: BSD-2-Clause */
/* symbol_table.h -- Function names from an ELF symbol table, for code without DWARF. */
#ifndef MEMTRACE_SYMBOLS_SYMBOL_TABLE_H
#define MEMTRACE_SYMBOLS_SYMBOL_TABLE_H

#include "elf_file.h"

struct symbol_table {
    struct symbol *symbols; /* functions only, by address */
    size_t count;
    char *names;
};

/* Reads .symtab, or .dynsym when there is no .symtab. False: neither is there or makes sense. */
bool symbol_table_read(struct symbol_table *table, const struct elf_file *file);
void symbol_table_finish(struct symbol_table *table);

/* The function that contains the address, NULL when no symbol covers it. */
const char *symbol_table_find(const struct symbol_table *table, uint64_t address);

#endif
