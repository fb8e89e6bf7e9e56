/* SPDX-License-Identifier: BSD-2-Clause */
/* elf_symbols.c -- Looks up a dynamic symbol in a loaded ELF image, without the loader's help.
 *
 * The hash tables are described in the System V ABI (DT_HASH) and in binutils' gnu-hash
 * (DT_GNU_HASH: bloom filter, buckets, chains whose last element has bit 0 set). */
#include "elf_symbols.h"

#include "sys.h"
#include "text.h"

/* glibc relocates these pointers in place, except in images it maps read-only (the vDSO). */
static const void *pointer_of(const ElfW(Dyn) * entry, ElfW(Addr) bias)
{
    ElfW(Addr) value = entry->d_un.d_ptr;
    return (const void *)(value < bias ? value + bias : value);
}

struct elf_image elf_image_read(const ElfW(Dyn) * dynamic, ElfW(Addr) bias)
{
    struct elf_image image = {.bias = bias};
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        if (dynamic->d_tag == DT_SYMTAB)
            image.symbols = pointer_of(dynamic, bias);
        else if (dynamic->d_tag == DT_STRTAB)
            image.strings = pointer_of(dynamic, bias);
        else if (dynamic->d_tag == DT_GNU_HASH)
            image.gnu_hash = pointer_of(dynamic, bias);
        else if (dynamic->d_tag == DT_HASH)
            image.sysv_hash = pointer_of(dynamic, bias);
    }
    return image;
}

static bool is_wanted(const struct elf_image *image, uint32_t index, const char *name)
{
    const ElfW(Sym) *symbol = &image->symbols[index];
    unsigned type = symbol->st_info & 15;
    return symbol->st_shndx != SHN_UNDEF && (type == STT_FUNC || type == STT_GNU_IFUNC) &&
           symbol->st_info >> 4 != STB_LOCAL && text_equal(image->strings + symbol->st_name, name);
}

static uint32_t gnu_hash_of(const char *name)
{
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

/* False: no symbol of this hash is there. */
static bool may_have(const uint32_t *table, uint32_t hash)
{
    enum {
        WORD_BITS = 8 * sizeof(ElfW(Addr))
    };
    const ElfW(Addr) *bloom = (const ElfW(Addr) *)(table + 4);
    ElfW(Addr) word = bloom[hash / WORD_BITS % table[2]];
    return word >> hash % WORD_BITS & word >> (hash >> table[3]) % WORD_BITS & 1;
}

static uint32_t find_gnu(const struct elf_image *image, const char *name)
{
    const uint32_t *table = image->gnu_hash;
    uint32_t bucket_count = table[0];
    uint32_t first = table[1];
    uint32_t bloom_words = table[2];
    const uint32_t *buckets = table + 4 + bloom_words * (sizeof(ElfW(Addr)) / 4);
    const uint32_t *chain = buckets + bucket_count;
    uint32_t hash = gnu_hash_of(name);
    if (!bucket_count || !bloom_words || !may_have(table, hash))
        return 0;
    uint32_t index = buckets[hash % bucket_count];
    if (index < first)
        return 0;
    for (;; index++) {
        uint32_t other = chain[index - first];
        if ((other | 1) == (hash | 1) && is_wanted(image, index, name))
            return index;
        if (other & 1)
            return 0;
    }
}

static uint32_t sysv_hash_of(const char *name)
{
    uint32_t hash = 0;
    for (; *name; name++) {
        hash = (hash << 4) + (unsigned char)*name;
        hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
    }
    return hash;
}

static uint32_t find_sysv(const struct elf_image *image, const char *name)
{
    const uint32_t *table = image->sysv_hash;
    uint32_t bucket_count = table[0];
    const uint32_t *chain = table + 2 + bucket_count;
    uint32_t index = bucket_count ? table[2 + sysv_hash_of(name) % bucket_count] : 0;
    while (index && !is_wanted(image, index, name))
        index = chain[index];
    return index;
}

void *elf_image_symbol(const struct elf_image *image, const char *name)
{
    if (!image->symbols || !image->strings)
        return NULL;
    uint32_t index = image->gnu_hash    ? find_gnu(image, name)
                     : image->sysv_hash ? find_sysv(image, name)
                                        : 0;
    if (!index)
        return NULL;
    const ElfW(Sym) *symbol = &image->symbols[index];
    void *address = (void *)(image->bias + symbol->st_value);
    if ((symbol->st_info & 15) == STT_GNU_IFUNC)
        address = ((void *(*)(void))address)();
    return address;
}

void *elf_symbol(const ElfW(Dyn) * dynamic, ElfW(Addr) bias, const char *name)
{
    struct elf_image image = elf_image_read(dynamic, bias);
    return elf_image_symbol(&image, name);
}

/* The chain of the last bucket ends with the last symbol; those before the first are undefined. */
static uint32_t count_gnu(const uint32_t *table)
{
    uint32_t bucket_count = table[0];
    uint32_t first = table[1];
    const uint32_t *buckets = table + 4 + table[2] * (sizeof(ElfW(Addr)) / 4);
    const uint32_t *chain = buckets + bucket_count;
    uint32_t last = 0;
    for (uint32_t i = 0; i < bucket_count; i++)
        if (buckets[i] > last)
            last = buckets[i];
    if (last < first)
        return first;
    while (!(chain[last - first] & 1))
        last++;
    return last + 1;
}

uint32_t elf_image_count(const struct elf_image *image)
{
    return image->gnu_hash    ? count_gnu(image->gnu_hash)
           : image->sysv_hash ? image->sysv_hash[1]
                              : 0;
}
