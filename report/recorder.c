/* SPDX-License-Identifier: BSD-2-Clause */
/* recorder.c -- How a program comes to be recorded: by its environment. */
#include "recorder.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Programs change directories: the template is made absolute, a % in our directory doubled. */
static char *absolute_template(const char *template)
{
    char directory[PATH_MAX];
    char *text = NULL;
    size_t text_bytes = 0;
    if (template[0] == '/' || !getcwd(directory, sizeof directory))
        return strdup(template);
    FILE *out = open_memstream(&text, &text_bytes);
    if (!out)
        return NULL;
    for (const char *c = directory; *c; c++)
        fprintf(out, *c == '%' ? "%%%%" : "%c", *c);
    fprintf(out, "%s%s", directory[1] ? "/" : "", template);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

char *recorder_output(const char *template)
{
    const char *given = template ? template : getenv("MEMTRACE_OUTPUT");
    return absolute_template(given && *given ? given : "%n.%p.memtrace");
}

/* Ours comes first, so that what others preload is next in line. */
static void preload(const char *library)
{
    const char *others = getenv("LD_PRELOAD");
    char *value = NULL;
    if (!others || !*others)
        setenv("LD_PRELOAD", library, 1);
    else if (asprintf(&value, "%s:%s", library, others) > 0)
        setenv("LD_PRELOAD", value, 1);
    free(value);
}

void recorder_prepare(const char *library, const char *output)
{
    preload(library);
    setenv("MEMTRACE_OUTPUT", output, 1);
}
