/* SPDX-License-Identifier: BSD-2-Clause */
/* loader.c -- What the dynamic loader knows of an address, asked without its lock.
 *
 * _dl_find_object (glibc 2.35) was made for unwinders: lock-free, async-signal-safe. For the
 * executable it knows only the segment with the code, so extents come from program headers. */
#include "loader.h"

#include "sys.h"
#include "text.h"

#include <dlfcn.h>
#include <link.h>

#pragma weak _dl_find_object

static const ElfW(Phdr) * executable_headers;
static uint64_t executable_header_count;

void loader_init(uint64_t program_headers, uint64_t count)
{
    executable_headers = (const void *)program_headers;
    executable_header_count = count;
}

/* The loader maps the first segment, with the ELF header, at the start of the object. */
static const ElfW(Ehdr) * find_elf_header(const struct dl_find_object *found)
{
    const void *places[] = {found->dlfo_map_start, (const void *)found->dlfo_link_map->l_addr};
    for (size_t i = 0; i < 2; i++) {
        const ElfW(Ehdr) *elf = places[i];
        bool is_plausible = elf && (uint64_t)elf % 4096 == 0 && places[i] <= found->dlfo_map_start;
        if (is_plausible && memcmp(elf->e_ident, ELFMAG, SELFMAG) == 0 &&
            elf->e_phentsize == sizeof(ElfW(Phdr)) &&
            elf->e_phoff + elf->e_phnum * sizeof(ElfW(Phdr)) <= 4096)
            return elf;
    }
    return NULL;
}

static void add_segment(struct loaded_object *object, uint64_t start, uint64_t end)
{
    uint64_t tables = (uint64_t)object->eh_frame_hdr;
    if (start < object->start)
        object->start = start;
    if (end > object->end)
        object->end = end;
    if (tables >= start && tables < end) {
        object->tables_start = start;
        object->tables_end = end;
    }
}

static void add_segments(struct loaded_object *object, const ElfW(Phdr) * headers, uint64_t count)
{
    uint64_t bias = object->link_map->l_addr;
    for (uint64_t i = 0; i < count; i++)
        if (headers[i].p_type == PT_LOAD)
            add_segment(object, bias + headers[i].p_vaddr,
                        bias + headers[i].p_vaddr + headers[i].p_memsz);
}

static bool is_executable(const struct link_map *link_map)
{
    return !link_map->l_prev && link_map->l_name && !link_map->l_name[0];
}

bool loader_find(uint64_t address, struct loaded_object *ret_object)
{
    struct dl_find_object found;
    if (!_dl_find_object || _dl_find_object((void *)address, &found) != 0)
        return false;
    struct loaded_object object = {.start = (uint64_t)found.dlfo_map_start,
                                   .end = (uint64_t)found.dlfo_map_end,
                                   .link_map = found.dlfo_link_map,
                                   .eh_frame_hdr = found.dlfo_eh_frame};
    add_segment(&object, object.start, object.end);
    if (is_executable(object.link_map) && executable_headers) {
        add_segments(&object, executable_headers, executable_header_count);
        object.elf_header = (const uint8_t *)find_elf_header(&found);
    } else {
        const ElfW(Ehdr) *elf = find_elf_header(&found);
        object.elf_header = (const uint8_t *)elf;
        if (elf)
            add_segments(&object, (const void *)(object.elf_header + elf->e_phoff), elf->e_phnum);
    }
    *ret_object = object;
    return true;
}
