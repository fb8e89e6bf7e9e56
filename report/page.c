/* SPDX-License-Identifier: BSD-2-Clause */
/* page.c -- The page that memtrace html writes: a template, and one trace or two in it. */
#include "page.h"

#include "base64.h"
#include "compressed.h"

#include <errno.h>
#include <string.h>

/* In page_template.S, made by the build. */
extern const char page_template[];
extern const char page_template_end[];

#define SLOT "@DATA@"

static const char *slot(void)
{
    return memmem(page_template, (size_t)(page_template_end - page_template), SLOT, strlen(SLOT));
}

/* Without a page the build leaves the reason. */
const char *page_missing(void)
{
    return slot() ? NULL : page_template;
}

static bool write_traces(FILE *out, const struct page_trace *traces, size_t count,
                         struct error *error)
{
    struct json json = json_begin(out);
    bool is_ok = true;
    json_open_object(&json);
    json_member_unsigned(&json, "schema", 1);
    json_name(&json, "traces");
    json_open_array(&json);
    for (size_t i = 0; is_ok && i < count; i++)
        is_ok = page_data_write(&json, &traces[i], error);
    json_close_array(&json);
    json_close_object(&json);
    json_end(&json);
    return is_ok;
}

/* Why not is asked again: since it failed, sources may have been looked for in vain. */
static bool cannot_write(FILE *out, struct error *error)
{
    errno = 0;
    if (fputc('\n', out) != EOF && fflush(out) == 0)
        errno = 0;
    return error_set(error, "cannot write: %s", strerror(errno ? errno : EIO));
}

static bool write_data(FILE *out, const struct page_trace *traces, size_t count,
                       struct error *error)
{
    FILE *text = base64_open(out);
    FILE *packed = text ? compressed_open(text, false) : NULL;
    bool is_ok = packed ? write_traces(packed, traces, count, error) : cannot_write(out, error);
    bool is_written = !packed || (!ferror(packed) && fclose(packed) == 0);
    is_written = (!text || fclose(text) == 0) && is_written;
    return is_ok && !is_written ? cannot_write(out, error) : is_ok;
}

static bool write_template(FILE *out, const char *begin, const char *end, struct error *error)
{
    size_t size = (size_t)(end - begin);
    errno = 0;
    return (fwrite(begin, 1, size, out) == size && fflush(out) == 0) || cannot_write(out, error);
}

/* A disk that is full from the start is told before all the work. */
bool page_write(FILE *out, const struct page_trace *traces, size_t count, struct error *error)
{
    const char *data = slot();
    return write_template(out, page_template, data, error) &&
           write_data(out, traces, count, error) &&
           write_template(out, data + strlen(SLOT), page_template_end, error);
}
