/* SPDX-License-Identifier: BSD-2-Clause */
/* test_table.c -- Text in tracemalloc's words, and the annotated source. */
#include "../make_trace.h"
#include "annotate.h"
#include "fake_symbols.h"
#include "table.h"
#include "tap.h"

#include <stdlib.h>
#include <unistd.h>

static char source_path[] = "/tmp/memtrace-table-XXXXXX";
static const char source_text[] = "static void push(int i)\n"
                                  "{\n"
                                  "\tmalloc(16);\n"
                                  "}\n"
                                  "int main(void)\n"
                                  "{\n"
                                  "    push(1);\n"
                                  "}\n";

static struct trace_maker maker;

static void fill(void)
{
    const struct fake_symbol symbols[] = {
        {0x10, {"main", source_path, 7, false}},
        {0x20, {"push", source_path, 3, false}},
        {0x30, {"bad\033name", NULL, 0, false}},
    };
    fake_symbols_use(symbols, 3);
    maker_init(&maker);
    uint32_t demo = maker_module(&maker, "/src/demo");
    uint32_t outer = maker_node(&maker, 0, demo, 0x10);
    uint32_t inner = maker_node(&maker, outer, demo, 0x20);
    maker_counters(&maker, inner, 1,
                   &(struct trace_counters){20000, 320000, 0, 0, 0, 320000, 20000, 7});
    maker_counters(&maker, maker_node(&maker, 0, demo, 0x30), 1,
                   &(struct trace_counters){1, 16, 0, 0, 0, 16, 1, 7});
}

/* The output with the source's path replaced by "demo.c". */
static char *normalised(char *text)
{
    char *found;
    while ((found = strstr(text, source_path))) {
        memcpy(found, "demo.c", 6);
        memmove(found + 6, found + sizeof source_path - 1,
                strlen(found + sizeof source_path - 1) + 1);
    }
    return text;
}

static void test_lines(struct stacks *stacks, struct sources *sources)
{
    char *text = NULL;
    size_t size;
    struct error error;
    struct filters filters = {0};
    struct statistics statistics;
    const struct statistics_query query = {
        .group_by = GROUP_BY_LINE, .measure = MEASURE_LIVE, .filters = &filters};
    struct table table = {.out = open_memstream(&text, &size),
                          .style = {SIZE_MAX, "", "", "", ""},
                          .sources = sources,
                          .limit = 10};
    if (!tap_ok(statistics_init(&statistics, stacks, &query, &error), "statistics"))
        return;
    tap_number((int64_t)table_write(&table, &statistics), 2, "two lines");
    fclose(table.out);
    tap_text(normalised(text),
             "demo.c:3: size=312 KiB, count=20000, average=16 B  push\n"
             "demo+0x30: size=16 B, count=1, average=16 B  bad\\x1bname\n",
             "tracemalloc's words, escapes made harmless");
    free(text);
    statistics_finish(&statistics);
}

static void test_traceback(struct stacks *stacks, struct sources *sources)
{
    char *text = NULL;
    size_t size;
    struct error error;
    struct filters filters = {0};
    struct statistics statistics;
    const struct statistics_query query = {
        .group_by = GROUP_BY_TRACEBACK, .measure = MEASURE_LIVE, .filters = &filters};
    struct table table = {.out = open_memstream(&text, &size),
                          .style = {SIZE_MAX, "", "", "", ""},
                          .sources = sources,
                          .limit = 1,
                          .with_traceback = true};
    if (!tap_ok(statistics_init(&statistics, stacks, &query, &error), "statistics"))
        return;
    table_write(&table, &statistics);
    fclose(table.out);
    tap_text(normalised(text),
             "demo.c:3: size=312 KiB, count=20000, average=16 B\n"
             "  File \"demo.c\", line 7, in main    push(1);\n"
             "  File \"demo.c\", line 3, in push    malloc(16);\n",
             "a traceback with its source, oldest call first");
    free(text);
    statistics_finish(&statistics);
}

static void test_annotation(struct stacks *stacks, struct sources *sources)
{
    char *text = NULL;
    size_t size;
    struct error error;
    struct filters filters = {0};
    struct annotation annotation;
    const struct style style = {SIZE_MAX, "", "", "", ""};
    if (!tap_ok(annotation_init(&annotation, stacks, "push", false, &filters, &error),
                "annotation"))
        return;
    FILE *out = open_memstream(&text, &size);
    annotation_write(out, &annotation, sources, &style, UINT64_MAX);
    fclose(out);
    tap_text(normalised(text),
             "File: demo.c   Function: push at line 1\n"
             "\n"
             "Line #      Hits   Allocated     At peak        Live  Line Contents\n"
             "===================================================================\n"
             "     1                                                static void push(int i)\n"
             "     2                                                {\n"
             "     3     20000     312 KiB     312 KiB     312 KiB          malloc(16);\n"
             "     4                                                }\n",
             "a function's source with figures beside it");
    free(text);
    annotation_finish(&annotation);
}

int main(void)
{
    struct trace trace;
    struct stacks stacks;
    struct sources sources = {0};
    struct error error;
    int source = mkstemp(source_path);
    if (source < 0 || write(source, source_text, sizeof source_text - 1) < 0)
        return 99;
    fill();
    int fd = maker_write(&maker);
    if (!trace_read(&trace, fd, &error) || !stacks_init(&stacks, &trace, false, &error))
        return 99;
    test_lines(&stacks, &sources);
    test_traceback(&stacks, &sources);
    test_annotation(&stacks, &sources);
    stacks_finish(&stacks);
    sources_finish(&sources);
    trace_close(&trace);
    close(fd);
    close(source);
    unlink(source_path);
    return tap_end();
}
