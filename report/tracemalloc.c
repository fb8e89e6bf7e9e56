/* SPDX-License-Identifier: BSD-2-Clause */
/* tracemalloc.c -- Our frames as Python's tracemalloc would know them: a file's name and a line. */
#include "tracemalloc.h"

#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static char *describe(const struct frame *frame)
{
    char *text = NULL;
    const char *module = frame->module[0] ? frame->module : "<no module>";
    if (frame->is_special)
        return strdup(frame->function);
    if (frame->file)
        return strdup(frame->file);
    if (frame->function)
        return asprintf(&text, "%s(%s)", module, frame->function) < 0 ? NULL : text;
    return asprintf(&text, "%s+0x%" PRIx64, module, frame->offset) < 0 ? NULL : text;
}

char *tracemalloc_file(const struct frame *frame)
{
    static const char replacement[] = "\xef\xbf\xbd";
    char *raw = describe(frame);
    size_t left = raw ? strlen(raw) : 0;
    char *text = raw ? malloc(left * 3 + 1) : NULL;
    char *end = text;
    for (const char *at = raw; text && left;) {
        uint32_t character;
        size_t length = text_decode(at, left, &character);
        const char *from = length ? at : replacement;
        size_t from_bytes = length ? length : 3;
        memcpy(end, from, from_bytes);
        end += from_bytes;
        at += length ? length : 1;
        left -= length ? length : 1;
    }
    if (text)
        *end = 0;
    free(raw);
    return text;
}

uint32_t tracemalloc_line(const struct frame *frame)
{
    return frame->file && !frame->is_special ? frame->line : 0;
}
