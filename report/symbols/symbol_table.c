/* SPDX-License-Identifier: BSD-2-Clause */
/* symbol_table.c -- Reads .symtab or .dynsym into a sorted table of functions. */
#include "symbol_table.h"

#include <elf.h>
#include <stdlib.h>

/* How many symbols before an address are looked at for one that reaches it. */
#define LOOK_BACK 64
#define IS_LABEL (1u << 16) /* in a rank: the symbol has no size */

struct symbol {
    uint64_t start;
    uint64_t end;
    const char *name;
    uint32_t rank; /* among names for the same code the smallest is shown */
};

/* Of malloc, __malloc and __libc_malloc the plain one is the one people know. */
static uint32_t rank_of(const char *name, unsigned binding)
{
    uint32_t underscores = 0;
    uint32_t scope = binding == STB_GLOBAL ? 0 : binding == STB_WEAK ? 1 : 2;

    while (name[underscores] == '_' && underscores < 255)
        underscores++;
    if (name[0] == '_' && (name[1] == 'Z' || name[1] == 'R'))
        underscores = 0;
    return scope << 8 | underscores;
}

static int by_address(const void *a, const void *b)
{
    const struct symbol *left = a;
    const struct symbol *right = b;

    if (left->start != right->start)
        return left->start < right->start ? -1 : 1;
    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    return strcmp(left->name, right->name);
}

static bool is_code(const struct elf_file *file, const Elf64_Sym *symbol)
{
    unsigned type = ELF64_ST_TYPE(symbol->st_info);

    if (symbol->st_shndx == SHN_UNDEF || symbol->st_value == 0)
        return false;
    if (type == STT_FUNC || type == STT_GNU_IFUNC)
        return true;
    /* Assembler code often forgets .type. */
    return type == STT_NOTYPE && symbol->st_shndx < file->section_count &&
           (file->sections[symbol->st_shndx].flags & SHF_EXECINSTR);
}

static const char *name_of(const char *names, uint64_t names_bytes, const Elf64_Sym *symbol)
{
    const char *name = symbol->st_name < names_bytes ? names + symbol->st_name : "";

    /* $x, $d and the like mark kinds of code on ARM; .L are the compiler's labels. */
    return name[0] == '$' || (name[0] == '.' && name[1] == 'L') ? "" : name;
}

static uint64_t section_end(const struct elf_file *file, const Elf64_Sym *symbol)
{
    const struct elf_section *section;

    if (symbol->st_shndx >= file->section_count)
        return symbol->st_value + 1;
    section = &file->sections[symbol->st_shndx];
    return section->address + section->size_bytes;
}

static void collect(struct symbol_table *table, const struct elf_file *file, const uint8_t *raw,
                    size_t raw_count, uint64_t names_bytes)
{
    for (size_t i = 0; i < raw_count; i++) {
        Elf64_Sym symbol;
        const char *name;
        uint64_t end;

        memcpy(&symbol, raw + i * sizeof(symbol), sizeof(symbol));
        if (!is_code(file, &symbol))
            continue;
        name = name_of(table->names, names_bytes, &symbol);
        end = symbol.st_size ? symbol.st_value + symbol.st_size : section_end(file, &symbol);
        if (!*name || end <= symbol.st_value)
            continue;
        table->symbols[table->count++] = (struct symbol){
            symbol.st_value, end, name,
            rank_of(name, ELF64_ST_BIND(symbol.st_info)) | (symbol.st_size ? 0 : IS_LABEL)};
    }
}

/* A symbol without a size ends where the next one begins. */
static void end_unsized(struct symbol_table *table)
{
    uint64_t next_start = UINT64_MAX;

    for (size_t i = table->count; i-- > 0;) {
        struct symbol *symbol = &table->symbols[i];

        if ((symbol->rank & IS_LABEL) && symbol->end > next_start)
            symbol->end = next_start;
        if (i > 0 && table->symbols[i - 1].start < symbol->start)
            next_start = symbol->start;
    }
}

static bool read_table(struct symbol_table *table, const struct elf_file *file,
                       const struct elf_section *section)
{
    const struct elf_section *names;
    size_t raw_count = (size_t)(section->size_bytes / sizeof(Elf64_Sym));
    uint8_t *raw;

    if (section->link >= file->section_count)
        return false;
    names = &file->sections[section->link];
    raw = elf_read_section(file, section);
    table->names = (char *)elf_read_section(file, names);
    table->symbols = raw ? calloc(raw_count + 1, sizeof(*table->symbols)) : NULL;
    if (table->symbols && table->names) {
        collect(table, file, raw, raw_count, names->size_bytes);
        qsort(table->symbols, table->count, sizeof(*table->symbols), by_address);
        end_unsized(table);
    }
    free(raw);
    return table->count > 0;
}

bool symbol_table_read(struct symbol_table *table, const struct elf_file *file)
{
    const char *names[] = {".symtab", ".dynsym"};

    memset(table, 0, sizeof(*table));
    for (size_t i = 0; i < 2; i++) {
        const struct elf_section *section = elf_find_section(file, names[i]);

        if (section && read_table(table, file, section))
            return true;
        symbol_table_finish(table);
    }
    return false;
}

void symbol_table_finish(struct symbol_table *table)
{
    free(table->symbols);
    free(table->names);
    memset(table, 0, sizeof(*table));
}

/* The index of the first symbol that starts behind the address. */
static size_t first_behind(const struct symbol_table *table, uint64_t address)
{
    size_t low = 0;
    size_t high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (table->symbols[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Going back, the later symbol at one address is the better ranked one; and a symbol that has a
 * size is better than a label without, which may stand in the middle of a function. */
const char *symbol_table_find(const struct symbol_table *table, uint64_t address)
{
    size_t behind = first_behind(table, address);
    const struct symbol *sized = NULL;
    const struct symbol *label = NULL;

    for (size_t i = behind; i-- > 0 && behind - i <= LOOK_BACK;) {
        const struct symbol *symbol = &table->symbols[i];
        const struct symbol **best = symbol->rank & IS_LABEL ? &label : &sized;

        if (address < symbol->end && (!*best || symbol->start == (*best)->start))
            *best = symbol;
        if (sized && symbol->start != sized->start)
            break;
    }
    return sized ? sized->name : label ? label->name : NULL;
}
