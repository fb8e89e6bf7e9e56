/* SPDX-License-Identifier: BSD-2-Clause */
/* target.c -- The program that is to be run: where it is, and whether a recorder can see into it.
 *
 * A wrong guess here costs a line of explanation or a preload that does nothing, never the run. */
#include "target.h"

#include "text.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
    SCRIPT_LEVELS_MAX = 4
};

#if defined(__x86_64__)
enum {
    OWN_MACHINE = EM_X86_64
};
#else
enum {
    OWN_MACHINE = EM_AARCH64
};
#endif

/* --- where it is --- */

static bool is_program(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return false;
    if (!S_ISREG(status.st_mode) || access(path, X_OK) != 0) {
        errno = EACCES;
        return false;
    }
    return true;
}

static char *search_in(const char *directories, const char *name)
{
    int reason = ENOENT;
    for (const char *next = directories;;) {
        size_t length = strcspn(next, ":");
        char *path;
        /* An empty entry means the current directory. */
        if (asprintf(&path, "%.*s%s/%s", (int)length, next, length ? "" : ".", name) < 0)
            return NULL;
        if (is_program(path))
            return path;
        if (errno == EACCES)
            reason = EACCES;
        free(path);
        if (!next[length])
            break;
        next += length + 1;
    }
    errno = reason;
    return NULL;
}

char *target_search(const char *name)
{
    const char *directories = getenv("PATH");
    if (strchr(name, '/'))
        return is_program(name) ? strdup(name) : NULL;
    if (!*name) {
        errno = ENOENT;
        return NULL;
    }
    return search_in(directories ? directories : "/bin:/usr/bin", name);
}

/* --- what is in it --- */

/* An ELF file of our own class and byte order. */
struct image {
    const char *bytes;
    size_t size;
    const Elf64_Ehdr *header;
};

static const void *at(const struct image *image, uint64_t offset, uint64_t size)
{
    if (offset > image->size || size > image->size - offset)
        return NULL;
    return image->bytes + offset;
}

static const char *string_at(const struct image *image, uint64_t table, uint64_t table_size,
                             uint64_t offset)
{
    const char *strings = at(image, table, table_size);
    if (!strings || offset >= table_size || !memchr(strings + offset, 0, table_size - offset))
        return "";
    return strings + offset;
}

static const Elf64_Phdr *segment(const struct image *image, size_t index)
{
    if (index >= image->header->e_phnum || image->header->e_phentsize != sizeof(Elf64_Phdr))
        return NULL;
    uint64_t offset;
    if (__builtin_add_overflow(image->header->e_phoff, index * sizeof(Elf64_Phdr), &offset) ||
        offset % _Alignof(Elf64_Phdr))
        return NULL;
    return at(image, offset, sizeof(Elf64_Phdr));
}

static const Elf64_Shdr *section(const struct image *image, size_t index)
{
    if (index >= image->header->e_shnum || image->header->e_shentsize != sizeof(Elf64_Shdr))
        return NULL;
    uint64_t offset;
    if (__builtin_add_overflow(image->header->e_shoff, index * sizeof(Elf64_Shdr), &offset) ||
        offset % _Alignof(Elf64_Shdr))
        return NULL;
    return at(image, offset, sizeof(Elf64_Shdr));
}

static const char *interpreter(const struct image *image)
{
    const Elf64_Phdr *header;
    for (size_t i = 0; (header = segment(image, i)); i++)
        if (header->p_type == PT_INTERP)
            return string_at(image, header->p_offset, header->p_filesz, 0);
    return NULL;
}

/* What the symbols and the libraries it needs tell of a program. */
struct findings {
    bool has_malloc;
    const char *sanitizer; /* its name */
};

static const char *sanitizer_of_symbol(const char *name)
{
    static const struct {
        const char *symbol, *sanitizer;
    } known[] = {{"__asan_init", "AddressSanitizer"},
                 {"__tsan_init", "ThreadSanitizer"},
                 {"__msan_init", "MemorySanitizer"},
                 {"__hwasan_init", "HWAddressSanitizer"},
                 {"__lsan_init", "LeakSanitizer"}};
    if (name[0] != '_')
        return NULL;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].symbol) == 0)
            return known[i].sanitizer;
    return NULL;
}

static void look_at_symbols(const struct image *image, const Elf64_Shdr *table,
                            struct findings *findings)
{
    const Elf64_Shdr *strings = section(image, table->sh_link);
    uint64_t count = table->sh_size / sizeof(Elf64_Sym);
    const Elf64_Sym *symbols = at(image, table->sh_offset, count * sizeof(Elf64_Sym));
    if (!symbols || !strings || table->sh_offset % _Alignof(Elf64_Sym))
        return;
    for (uint64_t i = 0; i < count; i++) {
        const char *name =
            string_at(image, strings->sh_offset, strings->sh_size, symbols[i].st_name);
        if (ELF64_ST_BIND(symbols[i].st_info) == STB_LOCAL)
            continue;
        if (symbols[i].st_shndx != SHN_UNDEF && strcmp(name, "malloc") == 0)
            findings->has_malloc = true;
        if (!findings->sanitizer)
            findings->sanitizer = sanitizer_of_symbol(name);
    }
}

static void look_at_libraries(const struct image *image, const Elf64_Shdr *table,
                              struct findings *findings)
{
    static const char *const names[][2] = {
        {"libasan.so", "AddressSanitizer"},       {"libtsan.so", "ThreadSanitizer"},
        {"liblsan.so", "LeakSanitizer"},          {"libhwasan.so", "HWAddressSanitizer"},
        {"libclang_rt.asan", "AddressSanitizer"}, {"libclang_rt.tsan", "ThreadSanitizer"}};
    const Elf64_Shdr *strings = section(image, table->sh_link);
    uint64_t count = table->sh_size / sizeof(Elf64_Dyn);
    const Elf64_Dyn *entries = at(image, table->sh_offset, count * sizeof(Elf64_Dyn));
    if (!entries || !strings || table->sh_offset % _Alignof(Elf64_Dyn))
        return;
    for (uint64_t i = 0; i < count && entries[i].d_tag != DT_NULL; i++) {
        if (entries[i].d_tag != DT_NEEDED)
            continue;
        const char *name =
            string_at(image, strings->sh_offset, strings->sh_size, entries[i].d_un.d_val);
        for (size_t j = 0; j < sizeof names / sizeof *names; j++)
            if (text_starts_with(text_basename(name), names[j][0]))
                findings->sanitizer = names[j][1];
    }
}

static struct findings look_inside(const struct image *image)
{
    struct findings findings = {0};
    const Elf64_Shdr *header;
    for (size_t i = 0; (header = section(image, i)); i++) {
        if (header->sh_type == SHT_DYNSYM || header->sh_type == SHT_SYMTAB)
            look_at_symbols(image, header, &findings);
        else if (header->sh_type == SHT_DYNAMIC)
            look_at_libraries(image, header, &findings);
    }
    return findings;
}

/* --- the verdict --- */

static void judge(struct target *target, bool can_preload, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void judge(struct target *target, bool can_preload, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(target->note, sizeof target->note, format, arguments);
    va_end(arguments);
    target->can_preload = can_preload;
}

static void judge_inside(struct target *target, const struct image *image)
{
    const char *loader = interpreter(image);
    struct findings findings = look_inside(image);
    if (!loader)
        judge(target, false,
              "statically linked, nothing can be put into it: running it unrecorded");
    else if (strstr(loader, "ld-musl"))
        judge(target, false,
              "linked with musl, and the recorder with glibc: running it unrecorded");
    else if (findings.sanitizer)
        judge(target, false,
              "built with %s, which replaces malloc itself: running it unrecorded; build it "
              "without to record",
              findings.sanitizer);
    else if (findings.has_malloc)
        judge(target, true,
              "brings its own malloc, so its calls do not reach the recorder: expect few or none");
}

static void judge_elf(struct target *target, const char *bytes, size_t size)
{
    const struct image image = {bytes, size, (const Elf64_Ehdr *)bytes};
    if (bytes[EI_CLASS] != ELFCLASS64 || size < sizeof(Elf64_Ehdr) ||
        bytes[EI_DATA] != (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB) ||
        image.header->e_machine != OWN_MACHINE)
        judge(target, false,
              "built for another architecture (%s, ELF machine %u): running it unrecorded",
              bytes[EI_CLASS] == ELFCLASS32 ? "32 bits" : "64 bits",
              size >= sizeof(Elf64_Ehdr) ? image.header->e_machine : 0u);
    else
        judge_inside(target, &image);
}

/* With other privileges the loader takes no library from us. */
static bool gains_privileges(const struct stat *status, const char *path)
{
    if ((status->st_mode & S_ISUID) && status->st_uid != getuid())
        return true;
    if ((status->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
        status->st_gid != getgid())
        return true;
    return getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
}

/* --- scripts --- */

/* Splits off the next word of a #! line; returns where the rest begins. */
static char *take_word(char *line, char **ret_word)
{
    line += strspn(line, " \t");
    *ret_word = *line ? line : NULL;
    line += strcspn(line, " \t");
    if (*line)
        *line++ = 0;
    return line;
}

/* "/usr/bin/env [-S] [NAME=VALUE…] X" runs X. */
static char *program_of_env(char *rest)
{
    char *word;
    do {
        rest = take_word(rest, &word);
        if (word && text_starts_with(word, "-S") && word[2])
            word += 2;
        else if (word && (word[0] == '-' || strchr(word, '=')))
            continue;
        break;
    } while (word);
    return word ? target_search(word) : NULL;
}

/* The program that runs a script, to be freed; NULL if there is no telling. */
static char *script_interpreter(const char *bytes, size_t size)
{
    char line[512];
    size_t length = size - 2 < sizeof line - 1 ? size - 2 : sizeof line - 1;
    memcpy(line, bytes + 2, length);
    line[length] = 0;
    line[strcspn(line, "\n")] = 0;
    char *word;
    char *rest = take_word(line, &word);
    if (!word)
        return NULL;
    return strcmp(text_basename(word), "env") == 0 ? program_of_env(rest) : strdup(word);
}

/* --- reading --- */

static void inspect_level(struct target *target, const char *path, int level);

static void inspect_bytes(struct target *target, const char *bytes, size_t size, int level)
{
    if (size >= EI_NIDENT && memcmp(bytes, ELFMAG, SELFMAG) == 0) {
        target->is_elf = target->is_elf || level == 0;
        judge_elf(target, bytes, size);
    } else if (size > 2 && memcmp(bytes, "#!", 2) == 0 && level < SCRIPT_LEVELS_MAX) {
        char *path = script_interpreter(bytes, size);
        if (path)
            inspect_level(target, path, level + 1);
        free(path);
    }
}

static void inspect_level(struct target *target, const char *path, int level)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (stat(path, &status) == 0 && S_ISREG(status.st_mode) && gains_privileges(&status, path)) {
        judge(target, false,
              "runs with other privileges (setuid, setgid or capabilities), so the loader takes no "
              "recorder in: running it unrecorded");
    } else if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
               status.st_size > 0) {
        size_t size = (size_t)status.st_size;
        char *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes != MAP_FAILED) {
            inspect_bytes(target, bytes, size, level);
            munmap(bytes, size);
        }
    }
    if (fd >= 0)
        close(fd);
    if (level && target->note[0] && !strstr(target->note, "interpreter")) {
        char note[sizeof target->note];
        snprintf(note, sizeof note, "its interpreter %.80s is %.200s", path, target->note);
        strcpy(target->note, note);
    }
}

void target_inspect(struct target *target, const char *path)
{
    *target = (struct target){.can_preload = true};
    inspect_level(target, path, 0);
}
