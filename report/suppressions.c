/* SPDX-License-Identifier: BSD-2-Clause */
/* suppressions.c -- Which leaks are not to be told of: LeakSanitizer's files. */
#include "suppressions.h"

#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILE_BYTES_MAX = 1 << 24,
    FRAME_UNKNOWN = 0, /* not looked at yet */
    FRAME_FREE,        /* no pattern matches */
    FRAME_FIRST        /* the first pattern does, and so on */
};

/* --- patterns --- */

/* The first length bytes of pattern in text, from its start only if so told. Returns what is behind
 * them. */
static const char *match_part(const char *text, const char *pattern, size_t length,
                              bool is_at_start)
{
    if (is_at_start)
        return strncmp(text, pattern, length) == 0 ? text + length : NULL;
    const char *found = memmem(text, strlen(text), pattern, length);
    return found ? found + length : NULL;
}

static bool match_end(const char *text, const char *pattern, size_t length, bool is_at_start)
{
    size_t left = strlen(text);
    if (left < length || (is_at_start && left != length))
        return false;
    return memcmp(text + left - length, pattern, length) == 0;
}

bool suppression_matches(const char *pattern, const char *name)
{
    bool is_at_start = *pattern == '^';
    if (!name || !*name)
        return false;
    for (pattern += is_at_start;; is_at_start = false) {
        size_t length = strcspn(pattern, "*$");
        if (pattern[length] == '$')
            return match_end(name, pattern, length, is_at_start);
        name = match_part(name, pattern, length, is_at_start);
        if (!name || !pattern[length])
            return name != NULL;
        pattern += length + 1;
    }
}

static bool matches_frame(const struct suppression *suppression, const struct frame *frame)
{
    const char *pattern = suppression->pattern;
    if (suppression->is_of_runtime)
        return frame->is_runtime && suppression_matches(pattern, frame->function);
    return suppression_matches(pattern, frame->function) ||
           suppression_matches(pattern, frame->file) || suppression_matches(pattern, frame->module);
}

/* --- stacks --- */

static uint32_t judge_frame(const struct suppressions *suppressions, const struct frame *frame)
{
    if (frame->is_special)
        return FRAME_FREE;
    for (uint32_t i = 0; i < suppressions->count; i++)
        if (matches_frame(&suppressions->items[i], frame))
            return FRAME_FIRST + i;
    return FRAME_FREE;
}

/* Makes room to remember what is found out. Without memory there is none, and no harm done. */
static void remember(struct suppressions *suppressions, const struct stacks *stacks)
{
    if (suppressions->stacks_id == stacks->id && suppressions->frame_count == stacks->frame_count)
        return;
    uint32_t known = suppressions->stacks_id == stacks->id ? suppressions->frame_count : 0;
    uint32_t *frames = realloc(suppressions->frames,
                               ((size_t)stacks->frame_count + 1) * sizeof *suppressions->frames);
    if (frames) {
        suppressions->frames = frames;
        memset(frames + known, 0, (stacks->frame_count - known) * sizeof *frames);
    }
    suppressions->frame_count = frames ? stacks->frame_count : 0;
    suppressions->stacks_id = stacks->id;
}

static uint32_t verdict(struct suppressions *suppressions, const struct stacks *stacks,
                        uint32_t frame)
{
    if (frame >= suppressions->frame_count)
        return judge_frame(suppressions, &stacks->frames[frame]);
    if (suppressions->frames[frame] == FRAME_UNKNOWN)
        suppressions->frames[frame] = judge_frame(suppressions, &stacks->frames[frame]);
    return suppressions->frames[frame];
}

static bool is_runtime_alone(const struct frame *frame)
{
    return frame->is_runtime && !frame->is_allocator && !frame->is_special;
}

struct suppression *suppressions_find(struct suppressions *suppressions,
                                      const struct stacks *stacks, uint32_t node)
{
    struct stack_walk walk = stack_walk(stacks, node);
    bool is_runtime_only = true;
    uint32_t frame;
    if (!suppressions->count)
        return NULL;
    remember(suppressions, stacks);
    while ((frame = stack_walk_next(&walk)) != NO_FRAME) {
        uint32_t found = verdict(suppressions, stacks, frame);
        if (found >= FRAME_FIRST)
            return &suppressions->items[found - FRAME_FIRST];
        is_runtime_only = is_runtime_only && is_runtime_alone(&stacks->frames[frame]);
    }
    return is_runtime_only ? suppressions->runtime_only : NULL;
}

/* --- files --- */

static bool add(struct suppressions *suppressions, const char *pattern, size_t length,
                bool is_of_runtime)
{
    size_t count = suppressions->count;
    if ((count & (count - 1)) == 0) { /* full at each power of two */
        struct suppression *items =
            realloc(suppressions->items, (count ? 2 * count : 1) * sizeof *items);
        if (!items)
            return false;
        suppressions->items = items;
    }
    char *copy = strndup(pattern, length);
    if (!copy)
        return false;
    suppressions->items[suppressions->count++] =
        (struct suppression){.pattern = copy, .is_of_runtime = is_of_runtime};
    return true;
}

static bool take_line(struct suppressions *suppressions, const char *line, size_t length,
                      struct error *error)
{
    static const char kind[] = "leak:";
    for (; length && (*line == ' ' || *line == '\t'); line++)
        length--;
    while (length && strchr(" \t\r", line[length - 1]))
        length--;
    if (!length || *line == '#')
        return true;
    if (length < sizeof kind - 1 || memcmp(line, kind, sizeof kind - 1) != 0 ||
        memchr(line, 0, length))
        return error_set(error, "neither leak:PATTERN nor a # comment");
    return add(suppressions, line + sizeof kind - 1, length - (sizeof kind - 1), false) ||
           error_out_of_memory(error);
}

static bool take_text(struct suppressions *suppressions, const char *path, const char *text,
                      size_t size_bytes, struct error *error)
{
    const char *end = text + size_bytes;
    for (uint32_t number = 1; text < end; number++) {
        struct error reason;
        const char *feed = memchr(text, '\n', (size_t)(end - text));
        const char *line_end = feed ? feed : end;
        if (!take_line(suppressions, text, (size_t)(line_end - text), &reason))
            return error_set(error, "%.120s:%" PRIu32 ": %.80s", path, number, reason.text);
        text = line_end + 1;
    }
    return true;
}

/* Reads a file, or a pipe, that is not too large. */
static char *read_stream(FILE *file, size_t *ret_size_bytes)
{
    char *text = NULL;
    size_t size_bytes = 0;
    char buffer[4096];
    size_t got;
    FILE *out = open_memstream(&text, &size_bytes);
    if (!out)
        return NULL;
    for (size_t total = 0; total <= FILE_BYTES_MAX && (got = fread(buffer, 1, sizeof buffer, file));
         total += got)
        fwrite(buffer, 1, got, out);
    bool is_ok = fclose(out) == 0;
    if (ferror(file) || (is_ok && size_bytes > FILE_BYTES_MAX)) {
        errno = ferror(file) ? errno : EFBIG;
        is_ok = false;
    }
    if (!is_ok)
        free(text);
    *ret_size_bytes = size_bytes;
    return is_ok ? text : NULL;
}

static char *read_text(const char *path, size_t *ret_size_bytes, struct error *error)
{
    FILE *file = fopen(path, "re");
    char *text = file ? read_stream(file, ret_size_bytes) : NULL;
    if (!text)
        error_set(error, "%.120s: %s", path, strerror(errno));
    if (file)
        fclose(file);
    return text;
}

bool suppressions_init(struct suppressions *suppressions, const char *path, struct error *error)
{
    size_t size_bytes;
    *suppressions = (struct suppressions){0};
    if (!path)
        path = getenv("MEMTRACE_SUPPRESSIONS");
    if (!path || !*path)
        return true;
    char *text = read_text(path, &size_bytes, error);
    bool is_ok = text && take_text(suppressions, path, text, size_bytes, error);
    free(text);
    if (!is_ok)
        suppressions_finish(suppressions);
    return is_ok;
}

bool suppressions_add_runtime(struct suppressions *suppressions, struct error *error)
{
    static const char *const patterns[] = {"IO_file_doallocate$",
                                           "IO_wfile_doallocate$",
                                           "dl_allocate_tls$",
                                           "setlocale$",
                                           "bindtextdomain$",
                                           "textdomain$",
                                           "dcgettext$",
                                           "dcigettext$",
                                           "setenv$",
                                           "putenv$",
                                           "cxa_atexit$",
                                           "tzset$",
                                           "tz_convert$",
                                           "localtime*",
                                           "mktime$",
                                           "strftime*",
                                           "nss_*",
                                           "getpw*",
                                           "getgr*",
                                           "<runtime only>"};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (!add(suppressions, patterns[i], strlen(patterns[i]), true))
            return error_out_of_memory(error);
    suppressions->runtime_only = &suppressions->items[suppressions->count - 1];
    return true;
}

void suppressions_finish(struct suppressions *suppressions)
{
    for (size_t i = 0; i < suppressions->count; i++)
        free(suppressions->items[i].pattern);
    free(suppressions->items);
    free(suppressions->frames);
    *suppressions = (struct suppressions){0};
}

/* --- what was suppressed --- */

void suppressions_write(FILE *out, const struct suppressions *suppressions)
{
    static const char rule[] = "-----------------------------------------------------\n";
    bool is_begun = false;
    for (size_t i = 0; i < suppressions->count; i++) {
        const struct suppression *item = &suppressions->items[i];
        if (!item->block_count)
            continue;
        if (!is_begun)
            fprintf(out, "%sSuppressions used:\n  count      bytes template\n", rule);
        is_begun = true;
        fprintf(out, "%7" PRIu64 " %10" PRIu64 " ", item->block_count, item->size_bytes);
        text_write(out, item->pattern);
        fputc('\n', out);
    }
    if (is_begun)
        fputs(rule, out);
}
