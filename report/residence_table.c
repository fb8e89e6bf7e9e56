/* SPDX-License-Identifier: BSD-2-Clause */
/* residence_table.c -- What the resident memory of a running process is made of, in words. */
#include "residence_table.h"

#include "text.h"

#include <inttypes.h>

enum {
    LABEL_COLUMNS = 30,
    SIZE_COLUMNS = 11
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

static void write_row(FILE *out, const char *label, int64_t bytes, int64_t rss_bytes)
{
    double share = rss_bytes > 0 ? 100.0 * (double)bytes / (double)rss_bytes : 0;
    fprintf(out, "  %-*s%*s %5.1f%%", LABEL_COLUMNS, label, SIZE_COLUMNS,
            text_size((double)bytes).text, share);
}

static void write_kind(FILE *out, const struct residence *residence, enum residence_kind kind,
                       const struct style *style)
{
    const char *label = words[kind].label;
    if (kind == RESIDENCE_ANONYMOUS && !residence->knows_blocks)
        label = "the heap and other anonymous";
    write_row(out, label, residence->bytes[kind], residence->rss_bytes);
    if (kind == RESIDENCE_LIVE && residence->absent_live_bytes)
        fprintf(out, "  %sand %s that are not: never touched, or swapped out%s", style->dim,
                text_size((double)residence->absent_live_bytes).text, style->plain);
    else if (*words[kind].meaning)
        fprintf(out, "  %s%s%s", style->dim, words[kind].meaning, style->plain);
    fputc('\n', out);
}

static bool is_shown(const struct residence *residence, enum residence_kind kind)
{
    bool is_heap = kind == RESIDENCE_LIVE || kind == RESIDENCE_GAPS || kind == RESIDENCE_FREE;
    return residence->bytes[kind] || (is_heap && residence->knows_blocks);
}

void residence_table_write(FILE *out, const struct residence *residence, const struct style *style)
{
    fprintf(out, "what is resident now:\n");
    for (int kind = 0; kind < RESIDENCE_COUNT; kind++)
        if (is_shown(residence, (enum residence_kind)kind))
            write_kind(out, residence, (enum residence_kind)kind, style);
    int64_t unexplained = residence_unexplained(residence);
    if (unexplained) {
        write_row(out, "not explained", unexplained, residence->rss_bytes);
        fprintf(out, "  %sit went on while it was looked at%s\n", style->dim, style->plain);
    }
    write_row(out, "resident (RSS)", residence->rss_bytes, residence->rss_bytes);
    fputc('\n', out);
}

void residence_table_write_json(struct json *json, const struct residence *residence)
{
    json_open_object(json);
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
    json_close_object(json);
}
