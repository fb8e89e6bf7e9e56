/* SPDX-License-Identifier: BSD-2-Clause */
/* residence_table.c -- What the resident memory of a process is made of, in words. */
#include "residence_table.h"

#include "text.h"

#include <inttypes.h>

enum {
    LABEL_COLUMNS = 26,
    SIZE_COLUMNS = 17,
    MOMENT_COLUMNS = SIZE_COLUMNS + 7,
    COLUMNS_MAX = 2
};

static const struct {
    const char *label;
    const char *meaning;
    const char *member;
} words[RESIDENCE_COUNT] = {
    [RESIDENCE_LIVE] = {"live blocks of the heap", "", "live"},
    [RESIDENCE_GAPS] = {"around them", "headers, rounding and gaps on pages with live blocks",
                        "gaps"},
    [RESIDENCE_FREE] = {"free, but not given back", "pages of the heap without a live block",
                        "free"},
    [RESIDENCE_ANONYMOUS] = {"other anonymous memory", "", "anonymous"},
    [RESIDENCE_FILES] = {"files", "code and data of the program, libraries and others", "files"},
    [RESIDENCE_STACKS] = {"stacks", "", "stacks"},
    [RESIDENCE_SHARED] = {"shared memory", "", "shared"},
    [RESIDENCE_RECORDER] = {"memtrace itself", "its tables, its code, the trace", "recorder"},
};

/* The moments side by side. */
struct columns {
    FILE *out;
    const struct style *style;
    const struct residence_column *items;
    size_t count;
};

static bool is_shown(const struct residence *residence, enum residence_kind kind)
{
    bool is_heap = kind == RESIDENCE_LIVE || kind == RESIDENCE_GAPS || kind == RESIDENCE_FREE;
    return residence->bytes[kind] || (is_heap && residence->knows_blocks);
}

static void write_values(const struct columns *columns, const char *label,
                         const int64_t bytes[COLUMNS_MAX])
{
    fprintf(columns->out, "  %-*s", LABEL_COLUMNS, label);
    for (size_t i = 0; i < columns->count; i++) {
        int64_t rss_bytes = columns->items[i].residence->rss_bytes;
        double share = rss_bytes > 0 ? 100.0 * (double)bytes[i] / (double)rss_bytes : 0;
        fprintf(columns->out, "%*s %5.1f%%", SIZE_COLUMNS, text_size((double)bytes[i]).text, share);
    }
}

/* There is room for it beside one column only. */
static void write_meaning(const struct columns *columns, const char *meaning)
{
    if (*meaning && columns->count == 1)
        fprintf(columns->out, "  %s%s%s", columns->style->dim, meaning, columns->style->plain);
    fputc('\n', columns->out);
}

static void write_kind(const struct columns *columns, enum residence_kind kind)
{
    int64_t bytes[COLUMNS_MAX];
    char absent[80] = "";
    bool is_wanted = false;
    const struct residence *first = columns->items[0].residence;
    const char *label = words[kind].label;
    for (size_t i = 0; i < columns->count; i++) {
        bytes[i] = columns->items[i].residence->bytes[kind];
        is_wanted = is_wanted || is_shown(columns->items[i].residence, kind);
    }
    if (!is_wanted)
        return;
    if (kind == RESIDENCE_ANONYMOUS && !first->knows_blocks)
        label = "heap and other anonymous";
    if (kind == RESIDENCE_LIVE && first->absent_live_bytes)
        snprintf(absent, sizeof absent, "and %s that are not: never touched, or swapped out",
                 text_size((double)first->absent_live_bytes).text);
    write_values(columns, label, bytes);
    write_meaning(columns, *absent ? absent : words[kind].meaning);
}

static void write_rest(const struct columns *columns)
{
    int64_t bytes[COLUMNS_MAX], rss_bytes[COLUMNS_MAX];
    bool is_wanted = false;
    for (size_t i = 0; i < columns->count; i++) {
        rss_bytes[i] = columns->items[i].residence->rss_bytes;
        bytes[i] = residence_unexplained(columns->items[i].residence);
        is_wanted = is_wanted || bytes[i];
    }
    if (is_wanted) {
        write_values(columns, "not explained", bytes);
        write_meaning(columns, "it went on while it was looked at");
    }
    write_values(columns, "resident (RSS)", rss_bytes);
    fputc('\n', columns->out);
}

static void write_head(const struct columns *columns)
{
    fprintf(columns->out, "\n%s%-*s", columns->style->dim, LABEL_COLUMNS + 2, "what is resident:");
    for (size_t i = 0; i < columns->count; i++)
        fprintf(columns->out, "%*s", MOMENT_COLUMNS, columns->items[i].moment);
    fprintf(columns->out, "\n%-*s", LABEL_COLUMNS + 2, "");
    for (size_t i = 0; i < columns->count; i++)
        fprintf(columns->out, "%*s", MOMENT_COLUMNS, text_duration(columns->items[i].time_ns).text);
    fprintf(columns->out, "%s\n", columns->style->plain);
}

void residence_table_write(FILE *out, const struct residence_column *items, size_t count,
                           const struct style *style)
{
    const struct columns columns = {out, style, items, count};
    write_head(&columns);
    for (int kind = 0; kind < RESIDENCE_COUNT; kind++)
        write_kind(&columns, (enum residence_kind)kind);
    write_rest(&columns);
}

void residence_table_write_json(struct json *json, const struct residence *residence)
{
    json_member_signed(json, "rss_bytes", residence->rss_bytes);
    json_member_bool(json, "knows_blocks", residence->knows_blocks);
    for (int kind = 0; kind < RESIDENCE_COUNT; kind++) {
        char name[32];
        snprintf(name, sizeof name, "%s_bytes", words[kind].member);
        if (is_shown(residence, (enum residence_kind)kind))
            json_member_signed(json, name, residence->bytes[kind]);
    }
    json_member_signed(json, "unexplained_bytes", residence_unexplained(residence));
    if (residence->knows_blocks)
        json_member_signed(json, "absent_live_bytes", residence->absent_live_bytes);
}
