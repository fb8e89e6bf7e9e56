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

static bool write_data(FILE *out, const struct page_trace *traces, size_t count,
                       struct error *error)
{
    FILE *text = base64_open(out);
    FILE *packed = text ? compressed_open(text, false) : NULL;
    bool is_ok = packed ? write_traces(packed, traces, count, error)
                        : error_set(error, "cannot write: %s", strerror(errno));
    bool is_written = !packed || (!ferror(packed) && fclose(packed) == 0);
    is_written = (!text || fclose(text) == 0) && is_written;
    if (is_ok && !is_written)
        return error_set(error, "cannot write: %s", strerror(errno ? errno : EIO));
    return is_ok;
}

bool page_write(FILE *out, const struct page_trace *traces, size_t count, struct error *error)
{
    const char *data = slot();
    const char *rest = data + strlen(SLOT);
    fwrite(page_template, 1, (size_t)(data - page_template), out);
    bool is_ok = write_data(out, traces, count, error);
    fwrite(rest, 1, (size_t)(page_template_end - rest), out);
    return is_ok;
}
