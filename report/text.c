/* SPDX-License-Identifier: BSD-2-Clause */
/* text.c -- Sizes, counts and times as people read them, and text of others made harmless. */
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct number_text format_size(double size_bytes, const char *narrow, const char *wide)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    struct number_text result;
    size_t unit = 0;
    for (;; unit++, size_bytes /= 1024) {
        double magnitude = fabs(size_bytes);
        bool is_narrow = unit && magnitude < 100;
        if (!is_narrow && magnitude >= 10 * 1024 && unit + 1 < sizeof units / sizeof *units)
            continue;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(result.text, sizeof result.text, is_narrow ? narrow : wide, size_bytes,
                 units[unit]);
#pragma GCC diagnostic pop
        return result;
    }
}

struct number_text text_size(double size_bytes)
{
    return format_size(size_bytes, "%.1f %s", "%.0f %s");
}

struct number_text text_size_change(double size_bytes)
{
    return format_size(size_bytes, "%+.1f %s", "%+.0f %s");
}

const struct text_unit *text_parse_amount(const char *text, const struct text_unit *units,
                                          size_t count, double *ret_amount)
{
    char *end;
    if (*text < '0' || *text > '9' || text[strspn(text, "0123456789.")] == 'x')
        return NULL;
    double number = strtod(text, &end);
    end += *end == ' ';
    for (size_t i = 0; i < count; i++) {
        if (strcmp(end, units[i].name) != 0)
            continue;
        *ret_amount = number * units[i].factor;
        return isfinite(*ret_amount) ? &units[i] : NULL;
    }
    return NULL;
}

struct number_text text_count(uint64_t count)
{
    struct number_text result;
    char digits[24];
    size_t length = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, count);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            result.text[used++] = ',';
        result.text[used++] = digits[i];
    }
    result.text[used] = 0;
    return result;
}

struct number_text text_duration(uint64_t time_ns)
{
    struct number_text result;
    uint64_t seconds = time_ns / 1000000000;
    if (seconds < 60)
        snprintf(result.text, sizeof result.text, seconds ? "%.2f s" : "%.3g s",
                 (double)time_ns / 1e9);
    else if (seconds < 3600)
        snprintf(result.text, sizeof result.text, "%" PRIu64 " min %" PRIu64 " s", seconds / 60,
                 seconds % 60);
    else
        snprintf(result.text, sizeof result.text, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600,
                 seconds / 60 % 60);
    return result;
}

/* --- text of others --- */

static size_t sequence_length(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if (first >= 0xe0 && first <= 0xef)
        return 3;
    return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

size_t text_decode(const char *text, size_t size, uint32_t *ret_character)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)text;
    size_t length = sequence_length(bytes[0]);
    if (!length || length > size)
        return 0;
    uint32_t character = length == 1 ? bytes[0] : bytes[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        character = character << 6 | (bytes[i] & 0x3fu);
    }
    if (character < smallest[length] || character > 0x10ffff ||
        (character >= 0xd800 && character <= 0xdfff))
        return 0;
    *ret_character = character;
    return length;
}

bool text_is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character <= 0x9f) ||
           (character >= 0x202a && character <= 0x202e) || character == 0x2028 ||
           character == 0x2029 || (character >= 0x2066 && character <= 0x2069);
}

/* The next piece of text as it is to be shown. */
struct piece {
    size_t length;  /* bytes of the input */
    size_t columns; /* of the output */
    char shown[16];
};

static void escape_bytes(struct piece *piece, const char *text)
{
    piece->columns = 0;
    for (size_t i = 0; i < piece->length; i++)
        piece->columns +=
            (size_t)snprintf(piece->shown + piece->columns, 5, "\\x%02x", (unsigned char)text[i]);
}

static struct piece next_piece(const char *text, size_t size)
{
    struct piece piece = {.columns = 1};
    uint32_t character = 0;
    piece.length = text_decode(text, size, &character);
    if (!piece.length || text_is_control(character)) {
        piece.length = piece.length ? piece.length : 1;
        if (character == '\n' || character == '\t') {
            strcpy(piece.shown, character == '\n' ? "\\n" : "\\t");
            piece.columns = 2;
        } else {
            escape_bytes(&piece, text);
        }
        return piece;
    }
    memcpy(piece.shown, text, piece.length);
    piece.shown[piece.length] = 0;
    return piece;
}

size_t text_columns(const char *text)
{
    size_t columns = 0;
    for (size_t size = strlen(text); size;) {
        struct piece piece = next_piece(text, size);
        columns += piece.columns;
        text += piece.length;
        size -= piece.length;
    }
    return columns;
}

size_t text_write_cut(FILE *out, const char *text, size_t columns)
{
    bool fits = columns == SIZE_MAX || text_columns(text) <= columns;
    size_t limit = fits ? SIZE_MAX : columns - (columns > 0);
    size_t written = 0;
    for (size_t size = strlen(text); size;) {
        struct piece piece = next_piece(text, size);
        if (written + piece.columns > limit)
            break;
        fputs(piece.shown, out);
        written += piece.columns;
        text += piece.length;
        size -= piece.length;
    }
    if (!fits && columns) {
        fputs("…", out);
        written++;
    }
    return written;
}

size_t text_write(FILE *out, const char *text)
{
    return text_write_cut(out, text, SIZE_MAX);
}

size_t text_write_tail(FILE *out, const char *text, size_t columns)
{
    size_t total = text_columns(text);
    if (total <= columns || !columns)
        return text_write_cut(out, text, columns);
    size_t size = strlen(text);
    while (size && total > columns - 1) {
        struct piece piece = next_piece(text, size);
        total -= piece.columns;
        text += piece.length;
        size -= piece.length;
    }
    fputs("…", out);
    return 1 + text_write(out, text);
}

/* --- names --- */

const char *text_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

const char *text_short_path(const char *path)
{
    static char directory[PATH_MAX];
    if (!directory[0] && !getcwd(directory, sizeof directory))
        strcpy(directory, "?");
    size_t length = strlen(directory);
    if (length > 1 && strncmp(path, directory, length) == 0 && path[length] == '/' &&
        path[length + 1])
        return path + length + 1;
    return path;
}

/* Whether the < or > at text[at] belongs to an operator's name, or is the arrow of a pointer. */
static bool is_operator_sign(const char *text, size_t at)
{
    static const char word[] = "operator";
    size_t start = at;
    while (start && strchr("<>=-", text[start - 1]))
        start--;
    return (start >= sizeof word - 1 &&
            strncmp(text + start - (sizeof word - 1), word, sizeof word - 1) == 0) ||
           (text[at] == '>' && at && text[at - 1] == '-');
}

static bool ends_with_operator(const char *buffer, size_t used)
{
    return used >= 8 && strncmp(buffer + used - 8, "operator", 8) == 0;
}

/* "(anonymous namespace)" and "{lambda(int)#1}" are parts of a name, not its parameters. */
static bool begins_parameters(const char *at, const char *buffer, size_t used)
{
    return *at == '(' && !text_starts_with(at, "(anonymous") && !ends_with_operator(buffer, used);
}

/* What c does to the nesting of template arguments; 0 for a character of the name. */
static int angle_step(const char *function, size_t at, int depth)
{
    char c = function[at];
    if ((c != '<' && c != '>') || at == 0 || is_operator_sign(function, at))
        return 0;
    if (c == '>' && depth == 0)
        return 0; /* closes a Rust "<T as Trait>", whose < is at 0 */
    return c == '<' ? 1 : -1;
}

const char *text_short_function(const char *function, char *buffer, size_t buffer_bytes)
{
    size_t used = 0;
    int angles = 0;
    int braces = 0; /* of "{lambda(int)#1}", kept whole */
    for (size_t i = 0; function[i] && used + 1 < buffer_bytes; i++) {
        int step = braces ? 0 : angle_step(function, i, angles);
        bool was_inside = angles > 0;
        angles += step;
        if (step || was_inside)
            continue;
        braces += function[i] == '{' ? 1 : function[i] == '}' && braces ? -1 : 0;
        if (!braces && begins_parameters(function + i, buffer, used))
            break;
        if (!braces && function[i] == ' ' && used && !ends_with_operator(buffer, used) &&
            !text_starts_with(function + i, " namespace)") && buffer[0] != '<')
            used = 0; /* what came before was the return type */
        else
            buffer[used++] = function[i];
    }
    buffer[used] = 0;
    return used ? buffer : function;
}

bool text_starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

bool text_to_number(const char *text, uint64_t limit, uint64_t *ret_number)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno || *end || number > limit)
        return false;
    *ret_number = number;
    return true;
}

/* --- durations and sizes --- */

static const struct unit {
    const char *name;
    double time_ns;
} units[] = {
    {"ns", 1},     {"us", 1e3}, {"ms", 1e6},   {"sec", 1e9},   {"s", 1e9},
    {"min", 60e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}, {"w", 604800e9},
};

/* Letters end a unit: the one that fits whole. */
static const struct unit *take_unit(const char **text)
{
    size_t length = strcspn(*text, "0123456789.");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strlen(units[i].name) != length || strncmp(*text, units[i].name, length) != 0)
            continue;
        *text += length;
        return &units[i];
    }
    return NULL;
}

/* Digits with at most one point, and no more of them than a double holds. */
static bool take_decimal(const char **text, double *ret_number)
{
    double number = 0;
    double scale = 0;
    const char *at = *text;
    for (; (*at >= '0' && *at <= '9') || (*at == '.' && !scale); at++) {
        if (*at == '.') {
            scale = 1;
            continue;
        }
        number = number * 10 + (*at - '0');
        scale *= 10;
    }
    if (at == *text || at - *text > 18 || (at - *text == 1 && scale))
        return false;
    *text = at;
    *ret_number = scale ? number / scale : number;
    return true;
}

bool text_to_duration(const char *text, uint64_t *ret_time_ns)
{
    double total_ns = 0;
    bool is_first = true;
    do {
        double number;
        if (!take_decimal(&text, &number))
            return false;
        const struct unit *unit = take_unit(&text);
        if (!unit && !(is_first && !*text))
            return false;
        total_ns += number * (unit ? unit->time_ns : 1e9);
        is_first = false;
    } while (*text);
    if (total_ns > 9e18)
        return false;
    *ret_time_ns = (uint64_t)(total_ns + 0.5);
    return true;
}

bool text_to_size(const char *text, uint64_t *ret_size_bytes)
{
    static const char letters[] = "KMGT";
    double size_bytes;
    if (!take_decimal(&text, &size_bytes))
        return false;
    const char *letter = *text ? strchr(letters, *text) : NULL;
    if (letter) {
        size_bytes *= (double)(UINT64_C(1024) << 10 * (letter - letters));
        text += text[1] == 'i' && text[2] == 'B' ? 3 : 1;
    } else if (*text == 'B') {
        text++;
    }
    if (*text || size_bytes > 9e18)
        return false;
    *ret_size_bytes = (uint64_t)(size_bytes + 0.5);
    return true;
}
