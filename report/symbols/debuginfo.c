/* SPDX-License-Identifier: BSD-2-Clause */
/* debuginfo.c -- Finds the files that describe a module and makes sure they belong to it. */
#include "debuginfo.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

static bool has_dwarf(const struct elf_file *file)
{
    return elf_find_section(file, ".debug_info") || elf_find_section(file, ".zdebug_info");
}

static bool same_bytes(const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes)
{
    return a_bytes == b_bytes && memcmp(a, b, a_bytes) == 0;
}

static bool has_build_id(const struct elf_file *file, const uint8_t *id, size_t id_bytes)
{
    return same_bytes(file->build_id, file->build_id_bytes, id, id_bytes);
}

/* At most 40 characters, which is all of the usual build-id. */
static const char *hex(const uint8_t *bytes, size_t size, char text[41])
{
    text[0] = 0;
    for (size_t i = 0; i < size && i < 20; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return text;
}

static bool open_with_build_id(struct elf_file *file, const char *root, const char *path,
                               const uint8_t *id, size_t id_bytes)
{
    if (!elf_open(file, root, path))
        return false;
    if (has_build_id(file, id, id_bytes))
        return true;
    elf_close(file);
    return false;
}

/* ROOT/.build-id/ab/cdef….debug */
static bool open_by_build_id(struct elf_file *file, const char *program_root, const char *root,
                             const uint8_t *id, size_t id_bytes)
{
    char path[PATH_MAX];
    size_t used;

    if (id_bytes < 2 || id_bytes > ELF_BUILD_ID_MAX)
        return false;
    used = (size_t)snprintf(path, sizeof(path), "%s/.build-id/%02x/", root, id[0]);
    if (used + 2 * id_bytes + sizeof(".debug") > sizeof(path))
        return false;
    for (size_t i = 1; i < id_bytes; i++)
        used += (size_t)snprintf(path + used, sizeof(path) - used, "%02x", id[i]);
    snprintf(path + used, sizeof(path) - used, ".debug");
    return open_with_build_id(file, program_root, path, id, id_bytes);
}

static bool has_crc(const struct elf_file *file, uint32_t wanted)
{
    uint8_t piece[64u << 10];
    uLong crc = crc32(0, NULL, 0);

    for (uint64_t offset = 0; offset < file->size_bytes; offset += sizeof(piece)) {
        uint64_t left = file->size_bytes - offset;
        size_t size = left < sizeof(piece) ? (size_t)left : sizeof(piece);

        if (!elf_read(file, offset, piece, size))
            return false;
        crc = crc32(crc, piece, (uInt)size);
    }
    return crc == wanted;
}

/* A debug file belongs to the module when the CRC in the link says so; where both have a build-id
 * these decide, being stronger and cheaper. */
static bool open_link(struct elf_file *file, const struct elf_file *module, const char *path,
                      uint32_t crc)
{
    bool is_its;

    if (strcmp(path, module->path) == 0 || !elf_open(file, module->root, path))
        return false;
    if (file->build_id_bytes && module->build_id_bytes)
        is_its = has_build_id(file, module->build_id, module->build_id_bytes);
    else
        is_its = has_crc(file, crc);
    if (!is_its || !has_dwarf(file)) {
        elf_close(file);
        return false;
    }
    return true;
}

static int directory_length(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? (int)(slash - path) : 0;
}

/* The contents of a link section: a file name, and behind it whatever identifies the file. */
static char *read_link(const struct elf_file *file, const char *section_name, struct bytes *ret_all)
{
    const struct elf_section *section = elf_find_section(file, section_name);
    char *text;

    if (!section || section->size_bytes > PATH_MAX)
        return NULL;
    text = (char *)elf_read_section(file, section);
    *ret_all = (struct bytes){(uint8_t *)text, (size_t)section->size_bytes};
    return text;
}

static bool open_by_debuglink(struct elf_file *file, const struct elf_file *module,
                              const char *root)
{
    const char *prefixes[] = {"", "", root};
    const char *folders[] = {"/", "/.debug/", "/"};
    char path[PATH_MAX];
    struct bytes all;
    char *name = read_link(module, ".gnu_debuglink", &all);
    bool found = false;

    /* Only a plain name: the link is not to lead us anywhere else. */
    if (name && *name && !strchr(name, '/')) {
        struct cursor cursor = cursor_at(all, (strlen(name) + 4) & ~(size_t)3);
        uint32_t crc = (uint32_t)cursor_number(&cursor, 4);

        for (size_t i = 0; i < 3 && !cursor.failed && !found; i++) {
            int length = snprintf(path, sizeof(path), "%s%.*s%s%s", prefixes[i],
                                  directory_length(module->path), module->path, folders[i], name);

            if (length > 0 && (size_t)length < sizeof(path))
                found = open_link(file, module, path, crc);
        }
    }
    free(name);
    return found;
}

/* The name in a .gnu_debugaltlink is absolute or relative to the file it stands in. */
static bool open_supplement_by_name(struct elf_file *file, const struct elf_file *dwarf,
                                    const char *name, const char *root, const uint8_t *id,
                                    size_t id_bytes)
{
    char path[PATH_MAX];
    char real[PATH_MAX];
    int length;

    if (name[0] == '/') {
        if (open_with_build_id(file, dwarf->root, name, id, id_bytes))
            return true;
        if (strncmp(name, DEBUG_ROOT "/", sizeof(DEBUG_ROOT)) != 0)
            return false;
        length = snprintf(path, sizeof(path), "%s%s", root, name + sizeof(DEBUG_ROOT) - 1);
    } else {
        /* In another root only its own links would tell: what is beside the path will do. */
        if (dwarf->root)
            snprintf(real, sizeof(real), "%s", dwarf->path);
        else if (!realpath(dwarf->path, real))
            return false;
        length = snprintf(path, sizeof(path), "%.*s/%s", directory_length(real), real, name);
    }
    return length > 0 && (size_t)length < sizeof(path) &&
           open_with_build_id(file, dwarf->root, path, id, id_bytes);
}

static void find_supplement(struct debuginfo *info, const char *root)
{
    struct bytes all;
    char *name = read_link(info->dwarf, ".gnu_debugaltlink", &all);
    struct bytes id;

    if (!name)
        return;
    id = bytes_from(all, strlen(name) + 1);
    info->supplement_is_missing =
        id.size == 0 ||
        (!open_supplement_by_name(&info->supplement, info->dwarf, name, root, id.data, id.size) &&
         !open_by_build_id(&info->supplement, info->dwarf->root, root, id.data, id.size));
    free(name);
}

/* Says why the open file is not the one that ran; false when it is. */
static bool has_changed(struct debuginfo *info, const struct symbol_module *module)
{
    const struct elf_file *file = &info->module;
    char ran[41], is[41];

    if (module->build_id && module->build_id_bytes) {
        if (has_build_id(file, module->build_id, module->build_id_bytes))
            return false;
        snprintf(info->explanation, sizeof(info->explanation),
                 "%s is not the file that ran: its build-id is %s, recorded was %s", module->path,
                 file->build_id_bytes ? hex(file->build_id, file->build_id_bytes, is) : "missing",
                 hex(module->build_id, module->build_id_bytes, ran));
        return true;
    }
    if ((module->file_bytes == 0 || module->file_bytes == file->size_bytes) &&
        (module->file_mtime_ns == 0 || module->file_mtime_ns == file->mtime_ns))
        return false;
    snprintf(info->explanation, sizeof(info->explanation),
             "%s is not the file that ran: its %s changed since", module->path,
             module->file_bytes && module->file_bytes != file->size_bytes ? "size"
                                                                          : "modification time");
    return true;
}

static void open_module(struct debuginfo *info, const struct symbol_module *module)
{
    if (!module->path || module->path[0] != '/') {
        info->source = SYMBOLS_NONE;
        snprintf(info->explanation, sizeof(info->explanation), "the code belongs to no file");
    } else if (!elf_open(&info->module, module->root, module->path)) {
        info->source = errno == ENOEXEC ? SYMBOLS_NONE : SYMBOLS_MISSING;
        snprintf(info->explanation, sizeof(info->explanation), "%s cannot be read: %s",
                 module->path, errno == ENOEXEC ? "not a 64-bit ELF file" : strerror(errno));
    } else if (has_changed(info, module)) {
        info->source = SYMBOLS_CHANGED;
        elf_close(&info->module);
    }
}

static void find_debug_file(struct debuginfo *info, const struct symbol_module *module,
                            const char *root)
{
    const uint8_t *id = module->build_id ? module->build_id : info->module.build_id;
    size_t id_bytes = module->build_id ? module->build_id_bytes : info->module.build_id_bytes;

    if (info->module.path && has_dwarf(&info->module)) {
        info->dwarf = &info->module;
        return;
    }
    if (!open_by_build_id(&info->debug, module->root, root, id, id_bytes) &&
        !(info->module.path && open_by_debuglink(&info->debug, &info->module, root)))
        return;
    if (has_dwarf(&info->debug))
        info->dwarf = &info->debug;
    /* The debug file of the right build-id stands in for a file that is gone. */
    info->source = SYMBOLS_UNREAD;
    info->explanation[0] = 0;
}

void debuginfo_find(struct debuginfo *info, const struct symbol_module *module,
                    const char *debug_root)
{
    memset(info, 0, sizeof(*info));
    info->module.fd = info->debug.fd = info->supplement.fd = -1;
    info->source = SYMBOLS_UNREAD;
    open_module(info, module);
    find_debug_file(info, module, debug_root);
    if (info->dwarf)
        find_supplement(info, debug_root);
}

void debuginfo_finish(struct debuginfo *info)
{
    elf_close(&info->module);
    elf_close(&info->debug);
    elf_close(&info->supplement);
}
