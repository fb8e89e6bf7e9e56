/* SPDX-License-Identifier: BSD-2-Clause */
/* operators.c -- C++'s operators new and delete, where an allocator brings its own.
 *
 * To vanish from our symbol table is to have another one: the loader looks for the table in the
 * dynamic section each time, and is shown a copy there in which these symbols are undefined. */
#include "operators.h"

#include "elf_symbols.h"
#include "real.h"
#include "sys.h"
#include "text.h"

#include <sys/mman.h>

enum {
    SYMBOLS_MAX = 256,
    PAGE = 4096 /* where pages are larger, the kernel refuses, and nothing vanishes */
};

/* In the order of the stubs. */
static const char *const names[OPERATOR_COUNT] = {"_Znwm",
                                                  "_Znam",
                                                  "_ZnwmRKSt9nothrow_t",
                                                  "_ZnamRKSt9nothrow_t",
                                                  "_ZnwmSt11align_val_t",
                                                  "_ZnamSt11align_val_t",
                                                  "_ZnwmSt11align_val_tRKSt9nothrow_t",
                                                  "_ZnamSt11align_val_tRKSt9nothrow_t",
                                                  "_ZdlPv",
                                                  "_ZdaPv",
                                                  "_ZdlPvm",
                                                  "_ZdaPvm",
                                                  "_ZdlPvRKSt9nothrow_t",
                                                  "_ZdaPvRKSt9nothrow_t",
                                                  "_ZdlPvSt11align_val_t",
                                                  "_ZdaPvSt11align_val_t",
                                                  "_ZdlPvmSt11align_val_t",
                                                  "_ZdaPvmSt11align_val_t",
                                                  "_ZdlPvSt11align_val_tRKSt9nothrow_t",
                                                  "_ZdaPvSt11align_val_tRKSt9nothrow_t"};

void *(*operators_next[OPERATOR_COUNT])(uint64_t first, uint64_t second, uint64_t third);
void *operators_targets[OPERATOR_COUNT];

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));
extern void *malloc(size_t);
extern void *memalign(size_t, size_t);
extern void free(void *);

/* Nobody can be linked with operators that nobody defines; but a weak reference has met ours. */
static void *new_without_next(uint64_t size, uint64_t second, uint64_t third, uint32_t number)
{
    (void)third;
    return number < OPERATORS_NEW_ALIGNED ? malloc(size) : memalign(second, size);
}

/* --- looking up --- */

static bool defines(const struct link_map *entry, const char *name)
{
    return elf_symbol(entry->l_ld, entry->l_addr, name) != NULL;
}

/* Another copy of this library is on everybody's way. */
static bool provides(const struct link_map *entry, const char *name)
{
    return entry->l_ld && defines(entry, name) && !defines(entry, "memtrace_marker");
}

static void *recorder_of(uint32_t number)
{
    return number < OPERATORS_DELETE ? (void *)operator_new_recorded
                                     : (void *)operator_delete_recorded;
}

static void *substitute_of(uint32_t number)
{
    return number < OPERATORS_DELETE ? (void *)new_without_next : (void *)free;
}

/* Where calls go that are bound to ours; what is next is stored first. */
static void *look_up(uint32_t number, const struct link_map *entry)
{
    while (entry && !provides(entry, names[number]))
        entry = entry->l_next;
    if (!entry)
        return substitute_of(number);
    void *found = elf_symbol(entry->l_ld, entry->l_addr, names[number]);
    operators_next[number] = (__typeof__(operators_next[0]))found;
    return defines(entry, "malloc") ? recorder_of(number) : found;
}

/* The first object behind us that has any of them. Most programs that have none are seen through
 * with one look at each library. */
static const struct link_map *first_provider(void)
{
    const struct link_map *entry = real_own_entry();
    for (entry = entry ? entry->l_next : NULL; entry; entry = entry->l_next)
        if (provides(entry, names[0]) || provides(entry, names[OPERATORS_DELETE]))
            return entry;
    return NULL;
}

void *operators_find(uint32_t number)
{
    const struct link_map *entry = first_provider();
    real_init();
    for (uint32_t i = 0; i < OPERATOR_COUNT; i++)
        if (!operators_targets[i])
            __atomic_store_n(&operators_targets[i], look_up(i, entry), __ATOMIC_RELEASE);
    return operators_targets[number];
}

/* --- vanishing --- */

static bool is_recorded(uint32_t number)
{
    return operators_targets[number] == recorder_of(number);
}

static bool is_withdrawn(const char *name)
{
    if (name[0] != '_' || name[1] != 'Z')
        return false;
    for (uint32_t i = 0; i < OPERATOR_COUNT; i++)
        if (text_equal(name, names[i]))
            return !is_recorded(i);
    return false;
}

/* The copy, NULL when nothing is to vanish. */
static ElfW(Sym) * shortened(const struct link_map *own)
{
    static ElfW(Sym) copy[SYMBOLS_MAX];
    struct elf_image image = elf_image_read(own->l_ld, own->l_addr);
    uint32_t count = elf_image_count(&image);
    bool is_shorter = false;
    if (count > SYMBOLS_MAX)
        return NULL;
    memcpy(copy, image.symbols, count * sizeof *copy);
    for (uint32_t i = 1; i < count; i++)
        if (is_withdrawn(image.strings + copy[i].st_name)) {
            copy[i].st_shndx = SHN_UNDEF;
            copy[i].st_value = 0;
            is_shorter = true;
        }
    return is_shorter ? copy : NULL;
}

/* The loader has made our dynamic section read-only, if the linker has asked for it. */
static bool is_read_only(const void *place)
{
    const ElfW(Phdr) *segment = (const void *)((const char *)&__ehdr_start + __ehdr_start.e_phoff);
    uint64_t offset = (uint64_t)place - (uint64_t)&__ehdr_start;
    for (uint32_t i = 0; i < __ehdr_start.e_phnum; i++)
        if (segment[i].p_type == PT_GNU_RELRO && offset >= segment[i].p_vaddr &&
            offset < segment[i].p_vaddr + segment[i].p_memsz)
            return true;
    return false;
}

static bool protect(void *place, uint64_t size_bytes, int protection)
{
    uint64_t start = (uint64_t)place / PAGE * PAGE;
    return sys(__NR_mprotect, start, (uint64_t)place + size_bytes - start, protection) == 0;
}

static void point_at(ElfW(Dyn) * entry, const ElfW(Sym) * symbols)
{
    bool is_protected = is_read_only(entry);
    if (is_protected && !protect(entry, sizeof *entry, PROT_READ | PROT_WRITE))
        return;
    __atomic_store_n(&entry->d_un.d_ptr, (uint64_t)symbols, __ATOMIC_RELEASE);
    if (is_protected)
        protect(entry, sizeof *entry, PROT_READ);
}

void operators_settle(bool is_recording)
{
    const struct link_map *own = real_own_entry();
    operators_find(0);
    for (uint32_t i = 0; i < OPERATOR_COUNT && !is_recording; i++)
        if (operators_next[i])
            operators_targets[i] = (void *)operators_next[i];
    const ElfW(Sym) *symbols = own ? shortened(own) : NULL;
    for (ElfW(Dyn) *entry = symbols ? own->l_ld : NULL; entry && entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_SYMTAB)
            point_at(entry, symbols);
}
