/* SPDX-License-Identifier: BSD-2-Clause */
/* audit_library.c -- For LD_AUDIT: the loader asks it about every library and every symbol. */
#include <link.h>
#include <stdint.h>
#include <stdlib.h>

unsigned la_version(unsigned version);
unsigned la_objopen(struct link_map *map, Lmid_t where, uintptr_t *cookie);
uintptr_t la_symbind64(Elf64_Sym *symbol, unsigned index, uintptr_t *from, uintptr_t *to,
                       unsigned *flags, const char *name);

unsigned la_version(unsigned version)
{
    return version;
}

unsigned la_objopen(struct link_map *map, Lmid_t where, uintptr_t *cookie)
{
    (void)map, (void)where, (void)cookie;
    return LA_FLG_BINDTO | LA_FLG_BINDFROM;
}

/* It allocates, in a libc of its own. */
uintptr_t la_symbind64(Elf64_Sym *symbol, unsigned index, uintptr_t *from, uintptr_t *to,
                       unsigned *flags, const char *name)
{
    (void)index, (void)from, (void)to, (void)flags, (void)name;
    free(malloc(100));
    return symbol->st_value;
}
