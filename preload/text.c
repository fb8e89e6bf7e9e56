/* SPDX-License-Identifier: BSD-2-Clause */
/* text.c -- Bytes and strings without libc. */
#include "text.h"

#include "sys.h"

struct text_unit {
    const char *name;
    uint64_t scale;
};

/* Without this the compiler would recognise the loops below as what they define. */
#if defined(__clang__)
#define NO_IDIOM __attribute__((no_builtin))
#define CALLED_BY_COMPILER
#else
#define NO_IDIOM __attribute__((optimize("no-tree-loop-distribute-patterns")))
/* Link-time optimisation sees no caller: the calls come into being after it. */
#define CALLED_BY_COMPILER __attribute__((used, externally_visible))
#endif

CALLED_BY_COMPILER NO_IDIOM void *memcpy(void *restrict to, const void *restrict from,
                                         size_t size_bytes)
{
#if defined(__x86_64__)
    void *d = to;
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(size_bytes) : : "memory");
#else
    char *d = to;
    const char *s = from;
    while (size_bytes--)
        *d++ = *s++;
#endif
    return to;
}

CALLED_BY_COMPILER NO_IDIOM void *memset(void *to, int byte, size_t size_bytes)
{
#if defined(__x86_64__)
    void *d = to;
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(size_bytes) : "a"(byte) : "memory");
#else
    char *d = to;
    while (size_bytes--)
        *d++ = (char)byte;
#endif
    return to;
}

CALLED_BY_COMPILER NO_IDIOM void *memmove(void *to, const void *from, size_t size_bytes)
{
    char *d = to;
    const char *s = from;
    if (d < s)
        return memcpy(to, from, size_bytes);
    while (size_bytes--)
        d[size_bytes] = s[size_bytes];
    return to;
}

CALLED_BY_COMPILER NO_IDIOM int memcmp(const void *a, const void *b, size_t size_bytes)
{
    const unsigned char *x = a;
    const unsigned char *y = b;
    for (; size_bytes; x++, y++, size_bytes--)
        if (*x != *y)
            return *x < *y ? -1 : 1;
    return 0;
}

NO_IDIOM size_t text_length(const char *text)
{
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}

bool text_equal(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

const char *text_after(const char *text, const char *prefix)
{
    for (; *prefix; text++, prefix++)
        if (*text != *prefix)
            return NULL;
    return text;
}

const char *text_line_after(const char *lines, const char *prefix)
{
    const char *rest = text_after(lines, prefix);
    for (; !rest && *lines; lines++)
        if (*lines == '\n')
            rest = text_after(lines + 1, prefix);
    return rest;
}

const char *text_after_last(const char *text, char character)
{
    const char *found = NULL;
    for (; *text; text++)
        if (*text == character)
            found = text + 1;
    return found;
}

const char *text_basename(const char *path)
{
    const char *base = path;
    for (; *path; path++)
        if (*path == '/' && path[1])
            base = path + 1;
    return base;
}

const char *text_read_number(const char *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    const char *start = text;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (number > (INT64_MAX - 9) / 10)
            return NULL;
        number = number * 10 + (uint64_t)(*text - '0');
    }
    *ret_number = number;
    return text == start ? NULL : text;
}

bool text_to_number(const char *text, uint64_t *ret_number)
{
    const char *end = text_read_number(text, ret_number);
    return end && !*end;
}

static const char *read_scaled(const char *text, const struct text_unit *units, uint64_t *ret_value)
{
    uint64_t number;
    const char *end = text_read_number(text, &number);
    if (!end)
        return NULL;
    for (; units->name; units++) {
        const char *rest = text_after(end, units->name);
        if (!rest || (*rest >= 'a' && *rest <= 'z') || (*rest >= 'A' && *rest <= 'Z'))
            continue;
        return __builtin_mul_overflow(number, units->scale, ret_value) || *ret_value > INT64_MAX
                   ? NULL
                   : rest;
    }
    return NULL;
}

const char *text_read_size(const char *text, uint64_t *ret_size_bytes)
{
    static const struct text_unit units[] = {{"", 1},          {"K", 1ul << 10}, {"M", 1ul << 20},
                                             {"G", 1ul << 30}, {"T", 1ul << 40}, {NULL, 0}};
    return read_scaled(text, units, ret_size_bytes);
}

const char *text_read_duration(const char *text, uint64_t *ret_time_ns)
{
    static const struct text_unit units[] = {
        {"ms", 1000000u},           {"s", 1000000000u},          {"m", 60 * 1000000000ul},
        {"h", 3600 * 1000000000ul}, {"d", 86400 * 1000000000ul}, {NULL, 0}};
    const char *end = read_scaled(text, units, ret_time_ns);
    if (end)
        return end;
    end = text_read_number(text, ret_time_ns); /* nothing needs no unit */
    return end && *ret_time_ns == 0 ? end : NULL;
}

void text_init(struct text *text, char *buffer, size_t capacity)
{
    *text = (struct text){.bytes = buffer, .capacity = capacity};
    buffer[0] = 0;
}

void text_add_bytes(struct text *text, const char *more, size_t size_bytes)
{
    size_t room = text->capacity - 1 - text->length;
    if (size_bytes > room) {
        size_bytes = room;
        text->is_cut = true;
    }
    memcpy(text->bytes + text->length, more, size_bytes);
    text->length += size_bytes;
    text->bytes[text->length] = 0;
}

void text_add(struct text *text, const char *more)
{
    text_add_bytes(text, more, text_length(more));
}

void text_add_number(struct text *text, uint64_t number)
{
    char digits[20];
    size_t first = sizeof digits;
    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    text_add_bytes(text, digits + first, sizeof digits - first);
}

void text_add_hex(struct text *text, uint64_t number)
{
    unsigned shift = 60;
    while (shift && !(number >> shift))
        shift -= 4;
    for (;; shift -= 4) {
        text_add_bytes(text, &"0123456789abcdef"[number >> shift & 15], 1);
        if (!shift)
            return;
    }
}

void text_warn(const char *a, const char *b, const char *c)
{
    char line[512];
    struct text text;
    text_init(&text, line, sizeof line - 1);
    text_add(&text, "memtrace: ");
    text_add(&text, a);
    text_add(&text, b);
    text_add(&text, c);
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[text.length] = '\n';
    sys(__NR_write, 2, line, text.length + 1);
}
