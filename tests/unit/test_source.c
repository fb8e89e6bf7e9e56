/* SPDX-License-Identifier: BSD-2-Clause */
/* test_source.c -- Lines of files, and where a function begins and ends. */
#include "source.h"
#include "tap.h"

#include <stdlib.h>
#include <unistd.h>

static const char text[] = "#include <stdio.h>\n"                    /* 1 */
                           "/* push(1) { in a comment */\n"          /* 2 */
                           "static char brace = '{';\n"              /* 3 */
                           "static int push(int i);\n"               /* 4 */
                           "static int\n"                            /* 5 */
                           "push(int i)\n"                           /* 6 */
                           "{\n"                                     /* 7 */
                           "    if (push(i - 1)) {\n"                /* 8 */
                           "        puts(\"} // not a comment\");\n" /* 9 */
                           "    }\n"                                 /* 10 */
                           "    return 1;\n"                         /* 11 */
                           "}\n"                                     /* 12 */
                           "\n"                                      /* 13 */
                           "namespace space {\n"                     /* 14 */
                           "struct list {\n"                         /* 15 */
                           "    void add(int x) { total += x; }\n"   /* 16 */
                           "};\n"                                    /* 17 */
                           "}\n"                                     /* 18 */
                           "int last(void) { return 1'000'000; }";   /* 19 */

static void expect_bounds(const struct source_file *file, const char *name, uint32_t line,
                          uint32_t first, uint32_t last)
{
    uint32_t got_first, got_last;
    source_function_lines(file, name, line, &got_first, &got_last);
    tap_number(got_first, first, name);
    tap_number(got_last, last, name);
}

int main(void)
{
    char path[] = "/tmp/memtrace-source-XXXXXX";
    struct sources sources = {0};
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, text, sizeof text - 1) != sizeof text - 1)
        return 99;
    close(fd);
    const struct source_file *file = sources_file(&sources, path);
    tap_number(file->line_count, 19, "lines");
    tap_text(sources_line(&sources, path, 11), "    return 1;", "a line");
    tap_text(sources_line(&sources, path, 19), "int last(void) { return 1'000'000; }",
             "the last one, without end");
    tap_ok(!sources_line(&sources, path, 0) && !sources_line(&sources, path, 20), "no such line");
    tap_ok(sources_file(&sources, path) == file, "read once");
    expect_bounds(file, "push", 9, 5, 12);
    expect_bounds(file, "add", 16, 16, 16);
    expect_bounds(file, "last", 19, 19, 19);
    expect_bounds(file, "missing", 9, 0, 0);
    tap_ok(!sources_line(&sources, "/dev/zero", 1), "a device is no source");
    tap_ok(!sources_line(&sources, "/", 1), "nor is a directory");
    tap_ok(!sources_line(&sources, NULL, 1), "nor nothing");
    sources_finish(&sources);
    unlink(path);
    return tap_end();
}
