/* SPDX-License-Identifier: BSD-2-Clause */
/* smaps.c -- The mappings of the process, and how much of each is resident.
 *
 * The kernel writes some twenty lines for each mapping. They are read in small pieces: it holds off
 * whoever wants to map something for as long as it makes one of them. */
#include "smaps.h"

#include "sys.h"
#include "text.h"

#include <fcntl.h>

enum {
    BUFFER_BYTES = 4096 + 1
};

/* Too large for a stack. */
static struct {
    long fd;
    size_t begin; /* of what has not been looked at */
    size_t end;
    bool is_skipping; /* the rest of a line that was too long */
    char bytes[BUFFER_BYTES];
} file;

/* --- lines --- */

static bool open_file(void)
{
    file.begin = file.end = 0;
    file.is_skipping = false;
    file.fd = sys(__NR_openat, AT_FDCWD, "/proc/self/smaps",
                  O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return file.fd >= 0;
}

static bool read_more(void)
{
    size_t left = file.end - file.begin;
    memmove(file.bytes, file.bytes + file.begin, left);
    file.begin = 0;
    file.end = left;
    long got = sys(__NR_read, file.fd, file.bytes + left, BUFFER_BYTES - 1 - left);
    if (got > 0)
        file.end += (size_t)got;
    return got > 0;
}

/* Up to the end of the line, or NULL when that is not there. */
static char *take_line(void)
{
    for (size_t i = file.begin; i < file.end; i++) {
        if (file.bytes[i] != '\n')
            continue;
        char *line = file.bytes + file.begin;
        file.bytes[i] = 0;
        file.begin = i + 1;
        return line;
    }
    return NULL;
}

/* Its beginning is all that there is room for. */
static char *take_long_line(void)
{
    file.bytes[file.end] = 0;
    file.begin = file.end;
    return file.bytes;
}

/* NULL at the end. */
static char *next_line(void)
{
    for (;;) {
        char *line = take_line();
        bool is_long = !line && file.begin == 0 && file.end == BUFFER_BYTES - 1;
        if (is_long)
            line = take_long_line();
        bool is_rest = line && file.is_skipping;
        if (line)
            file.is_skipping = is_long;
        if (line && !is_rest)
            return line;
        if (!line && !read_more())
            return NULL;
    }
}

/* --- what they say --- */

static const char *read_hex(const char *text, uint64_t *ret_number)
{
    const char *start = text;
    *ret_number = 0;
    for (;; text++) {
        unsigned digit = *text >= '0' && *text <= '9'   ? (unsigned)(*text - '0')
                         : *text >= 'a' && *text <= 'f' ? (unsigned)(*text - 'a' + 10)
                                                        : 16;
        if (digit == 16)
            return text == start ? NULL : text;
        *ret_number = *ret_number << 4 | digit;
    }
}

static const char *after_spaces(const char *text)
{
    while (*text == ' ')
        text++;
    return text;
}

static const char *after_word(const char *text)
{
    while (*text && *text != ' ')
        text++;
    return after_spaces(text);
}

/* start-end permissions offset device inode path */
static bool parse_head(const char *line, struct mapping *mapping)
{
    struct text name;
    *mapping = (struct mapping){0};
    const char *rest = read_hex(line, &mapping->start);
    if (!rest || *rest != '-' || !(rest = read_hex(rest + 1, &mapping->end)))
        return false;
    const char *permissions = after_spaces(rest);
    for (int i = 0; i < 4; i++)
        if (!permissions[i])
            return false;
    mapping->is_writable = permissions[1] == 'w';
    mapping->is_shared = permissions[3] == 's';
    rest = text_read_number(after_word(after_word(after_word(permissions))), &mapping->inode);
    if (!rest || mapping->end <= mapping->start)
        return false;
    text_init(&name, mapping->name, sizeof mapping->name);
    text_add(&name, after_spaces(rest));
    return true;
}

static bool has_flag(const char *flags, char a, char b)
{
    for (; *flags; flags = after_word(flags))
        if (flags[0] == a && flags[1] == b)
            return true;
    return false;
}

static void parse_detail(const char *line, struct mapping *mapping)
{
    uint64_t kilobytes;
    const char *value = text_after(line, "Rss:");
    if (value && text_read_number(after_spaces(value), &kilobytes) &&
        kilobytes <= (mapping->end - mapping->start) / 1024)
        mapping->rss_bytes = (int64_t)(kilobytes * 1024);
    value = *line == 'V' ? text_after(line, "VmFlags:") : NULL;
    if (value)
        mapping->is_kept_from_dumps = has_flag(after_spaces(value), 'd', 'd');
}

static bool is_detail(const char *line)
{
    return *line >= 'A' && *line <= 'Z';
}

bool smaps_visit(void (*visit)(const struct mapping *mapping, void *data), void *data)
{
    struct mapping mapping;
    bool has_mapping = false, is_known = false;
    if (!open_file())
        return false;
    for (const char *line; (line = next_line());) {
        if (is_detail(line) && has_mapping) {
            parse_detail(line, &mapping);
        } else if (!is_detail(line)) {
            if (has_mapping)
                visit(&mapping, data);
            has_mapping = parse_head(line, &mapping);
            is_known = is_known || has_mapping;
        }
    }
    if (has_mapping)
        visit(&mapping, data);
    sys(__NR_close, file.fd);
    return is_known;
}
