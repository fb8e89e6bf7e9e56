/* SPDX-License-Identifier: BSD-2-Clause */
/* elf_file.c -- Opens an ELF file and reads its headers and build-id without trusting them. */
#include "elf_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Nobody has more; a header that claims more is not believed. */
#define PROGRAM_HEADERS_MAX 4096
#define NOTES_BYTES_MAX (1u << 20)
/* O_NONBLOCK: a path may name a FIFO by now. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

bool elf_read(const struct elf_file *file, uint64_t offset, void *buffer, size_t size)
{
    char *next = buffer;

    if (offset > file->size_bytes || size > file->size_bytes - offset)
        return false;
    if (file->image.data) {
        memcpy(buffer, file->image.data + offset, size);
        return true;
    }
    while (size > 0) {
        ssize_t got = pread(file->fd, next, size, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        next += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return true;
}

static uint8_t *read_copy(const struct elf_file *file, uint64_t offset, uint64_t size)
{
    uint8_t *copy;

    if (offset > file->size_bytes || size > file->size_bytes - offset)
        return NULL;
    copy = malloc((size_t)size + 1);
    if (!copy)
        return NULL;
    if (!elf_read(file, offset, copy, (size_t)size)) {
        free(copy);
        return NULL;
    }
    copy[size] = 0;
    return copy;
}

uint8_t *elf_read_section(const struct elf_file *file, const struct elf_section *section)
{
    if (section->type == SHT_NOBITS)
        return NULL;
    return read_copy(file, section->offset, section->size_bytes);
}

struct bytes elf_section_bytes(const struct elf_file *file, const struct elf_section *section)
{
    if (section->type == SHT_NOBITS)
        return (struct bytes){NULL, 0};
    return bytes_at(file->image, section->offset, section->size_bytes);
}

const struct elf_section *elf_find_section(const struct elf_file *file, const char *name)
{
    for (size_t i = 0; i < file->section_count; i++) {
        const struct elf_section *section = &file->sections[i];

        if (section->type != SHT_NOBITS && section->size_bytes > 0 &&
            strcmp(section->name, name) == 0)
            return section;
    }
    return NULL;
}

/* The first build-id among the notes at the given place of the file. */
static void find_build_id(struct elf_file *file, uint64_t offset, uint64_t size)
{
    struct bytes notes = {NULL, size > NOTES_BYTES_MAX ? NOTES_BYTES_MAX : (size_t)size};
    uint8_t *copy = read_copy(file, offset, notes.size);
    struct cursor cursor;

    notes.data = copy;
    cursor = cursor_at(notes, 0);
    while (copy && file->build_id_bytes == 0 && cursor_left(&cursor) >= sizeof(Elf64_Nhdr)) {
        uint64_t name_bytes = cursor_number(&cursor, 4);
        uint64_t id_bytes = cursor_number(&cursor, 4);
        uint64_t type = cursor_number(&cursor, 4);
        uint64_t name_padded = (name_bytes + 3) & ~(uint64_t)3;
        uint64_t id_padded = (id_bytes + 3) & ~(uint64_t)3;

        if (name_padded > cursor_left(&cursor) || id_bytes > cursor_left(&cursor) - name_padded)
            break;
        if (type == NT_GNU_BUILD_ID && name_bytes == 4 && memcmp(cursor.next, "GNU", 4) == 0 &&
            id_bytes > 0 && id_bytes <= ELF_BUILD_ID_MAX) {
            memcpy(file->build_id, cursor.next + name_padded, (size_t)id_bytes);
            file->build_id_bytes = (size_t)id_bytes;
        }
        if (id_padded > cursor_left(&cursor) - name_padded)
            break;
        cursor.next += name_padded + id_padded;
    }
    free(copy);
}

static bool read_program_headers(struct elf_file *file, const Elf64_Ehdr *header)
{
    Elf64_Phdr segment;

    if (header->e_phnum > PROGRAM_HEADERS_MAX ||
        (header->e_phnum && header->e_phentsize != sizeof(segment)))
        return false;
    file->code_start = UINT64_MAX;
    for (size_t i = 0; i < header->e_phnum; i++) {
        if (!elf_read(file, header->e_phoff + i * sizeof(segment), &segment, sizeof(segment)))
            return false;
        if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) &&
            segment.p_vaddr < file->code_start)
            file->code_start = segment.p_vaddr;
        /* In a separate debug file this points at nothing of use; there the section has it. */
        if (segment.p_type == PT_NOTE && file->build_id_bytes == 0)
            find_build_id(file, segment.p_offset, segment.p_filesz);
    }
    if (file->code_start == UINT64_MAX)
        file->code_start = 0;
    return true;
}

/* More than 65279 sections are counted in the first of them. */
static bool section_table(const struct elf_file *file, const Elf64_Ehdr *header, uint64_t *count,
                          uint64_t *names)
{
    Elf64_Shdr first;

    *count = header->e_shnum;
    *names = header->e_shstrndx;
    if (header->e_shoff == 0) {
        *count = 0;
        return true;
    }
    if (header->e_shentsize != sizeof(first))
        return false;
    if (*count == 0 || *names == SHN_XINDEX) {
        if (!elf_read(file, header->e_shoff, &first, sizeof(first)))
            return false;
        *count = *count ? *count : first.sh_size;
        *names = *names == SHN_XINDEX ? first.sh_link : *names;
    }
    return *count <= file->size_bytes / sizeof(first);
}

static bool read_section_headers(struct elf_file *file, const Elf64_Ehdr *header)
{
    uint64_t count, names;
    Elf64_Shdr *table;
    uint64_t names_bytes = 0;

    if (!section_table(file, header, &count, &names))
        return false;
    if (count == 0)
        return true;
    table = (Elf64_Shdr *)read_copy(file, header->e_shoff, count * sizeof(*table));
    file->sections = calloc(count, sizeof(*file->sections));
    if (!table || !file->sections) {
        free(table);
        return false;
    }
    if (names < count && table[names].sh_type != SHT_NOBITS) {
        names_bytes = table[names].sh_size;
        file->section_names = (char *)read_copy(file, table[names].sh_offset, names_bytes);
    }
    for (size_t i = 0; i < count; i++) {
        bool is_named = file->section_names && table[i].sh_name < names_bytes;

        file->sections[i] = (struct elf_section){
            .name = is_named ? file->section_names + table[i].sh_name : "",
            .type = table[i].sh_type,
            .link = table[i].sh_link,
            .flags = table[i].sh_flags,
            .address = table[i].sh_addr,
            .offset = table[i].sh_offset,
            .size_bytes = table[i].sh_size,
        };
    }
    file->section_count = (size_t)count;
    free(table);
    return true;
}

static void find_build_id_section(struct elf_file *file)
{
    for (size_t i = 0; i < file->section_count && file->build_id_bytes == 0; i++)
        if (file->sections[i].type == SHT_NOTE)
            find_build_id(file, file->sections[i].offset, file->sections[i].size_bytes);
}

static bool read_headers(struct elf_file *file)
{
    Elf64_Ehdr header;

    if (!elf_read(file, 0, &header, sizeof(header)) ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_ident[EI_DATA] != ELFDATA2LSB)
        return false;
    file->machine = header.e_machine;
    if (!read_section_headers(file, &header))
        return false;
    find_build_id_section(file);
    return read_program_headers(file, &header);
}

bool elf_open_image(struct elf_file *file, const char *path, struct bytes image)
{
    memset(file, 0, sizeof(*file));
    file->fd = -1;
    file->image = image;
    file->size_bytes = image.size;
    file->path = strdup(path);
    if (file->path && read_headers(file))
        return true;
    elf_close(file);
    errno = ENOEXEC;
    return false;
}

/* As the program would, to which root is "/": links cannot lead out of it. */
static int open_inside(const char *root, const char *path)
{
    struct open_how how = {.flags = OPEN_FLAGS, .resolve = RESOLVE_IN_ROOT};
    int directory = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -1;
    int fd = (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
    close(directory);
    return fd;
}

bool elf_open(struct elf_file *file, const char *root, const char *path)
{
    struct stat status;
    int error = ENOEXEC;

    memset(file, 0, sizeof(*file));
    file->fd = root ? open_inside(root, path) : -1;
    file->root = file->fd < 0 ? NULL : root;
    if (file->fd < 0)
        file->fd = open(path, OPEN_FLAGS);
    if (file->fd < 0)
        return false;
    file->path = strdup(path);
    if (!file->path || fstat(file->fd, &status) != 0)
        error = errno;
    else if (S_ISREG(status.st_mode)) {
        file->size_bytes = (uint64_t)status.st_size;
        file->mtime_ns =
            (uint64_t)status.st_mtim.tv_sec * 1000000000u + (uint64_t)status.st_mtim.tv_nsec;
        if (read_headers(file))
            return true;
    }
    elf_close(file);
    errno = error;
    return false;
}

bool elf_map(struct elf_file *file)
{
    void *map;

    if (file->image.data)
        return true;
    if (file->fd < 0 || file->size_bytes == 0)
        return false;
    map = mmap(NULL, (size_t)file->size_bytes, PROT_READ, MAP_PRIVATE, file->fd, 0);
    if (map == MAP_FAILED)
        return false;
    file->image = (struct bytes){map, (size_t)file->size_bytes};
    file->image_is_mapped = true;
    return true;
}

void elf_close(struct elf_file *file)
{
    if (file->image_is_mapped)
        munmap((void *)file->image.data, file->image.size);
    if (file->fd >= 0)
        close(file->fd);
    free(file->path);
    free(file->sections);
    free(file->section_names);
    memset(file, 0, sizeof(*file));
    file->fd = -1;
}
