/* SPDX-License-Identifier: BSD-2-Clause */
/* diff_times.c -- What became slower and what faster, and whether the samples can tell. */
#include "diff_times.h"

#include "json.h"
#include "profile_rows.h"
#include "report_json.h"
#include "slowdown.h"
#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* So often chance may speak in the whole table. */
static const double chance_accepted = 0.05;

static const char *const verdicts[] = {"no telling", "perhaps", "faster", "slower"};

/* --- changes --- */

static struct times times_from(struct amount amount)
{
    return (struct times){.samples = (uint64_t)amount.count, .time_ns = amount.size_bytes};
}

static enum time_verdict judge(const struct time_change *change, uint32_t comparisons)
{
    if (change->chance * comparisons < chance_accepted)
        return change->z_score > 0 ? VERDICT_SLOWER : VERDICT_FASTER;
    return change->chance < chance_accepted ? VERDICT_PERHAPS : VERDICT_UNTOLD;
}

struct time_change diff_times_change(const struct comparison *comparison,
                                     const struct difference *item)
{
    const struct amount *totals = comparison->totals;
    struct time_change change = {.old = times_from(item ? item->old : totals[SIDE_OLD]),
                                 .new = times_from(item ? item->new : totals[SIDE_NEW])};
    change.z_score = times_z_score(&change.old, &change.new);
    change.error_ns =
        change.z_score ? (double)(change.new.time_ns - change.old.time_ns) / change.z_score : 0;
    change.chance = times_chance(change.z_score);
    change.verdict = judge(&change, item ? comparison->count : 1);
    return change;
}

/* --- text --- */

static const char *color_of(const struct style *style, enum time_verdict verdict)
{
    if (verdict == VERDICT_SLOWER)
        return style->warning;
    return verdict == VERDICT_UNTOLD ? style->dim : "";
}

static void write_row(const struct table *table, const struct time_change *change, const char *name)
{
    FILE *out = table->out;
    double change_s = (double)(change->new.time_ns - change->old.time_ns) / 1e9;
    fprintf(out, "%s%9.3f %8.3f %+8.3f %8.3f %+7.1f  %-10s ",
            color_of(&table->style, change->verdict), (double)change->old.time_ns / 1e9,
            (double)change->new.time_ns / 1e9, change_s, change->error_ns / 1e9, change->z_score,
            verdicts[change->verdict]);
    text_write(out, name);
    fprintf(out, "%s\n", table->style.plain);
}

char *diff_times_name(const struct comparison *comparison, const struct difference *item,
                      enum label_style style)
{
    const struct stacks *stacks = comparison->sides[item->side].stacks;
    enum group_by group_by = comparison->query.group_by;
    if (group_by == GROUP_BY_TRACEBACK)
        return label_site(stacks, group_by, item->frame, item->node, LABEL_FULL);
    return profile_frame_name(&stacks->frames[item->frame], group_by, style);
}

static void write_counts(const struct table *table, const struct comparison *comparison)
{
    uint64_t counts[4] = {0};
    for (uint32_t i = 0; i < comparison->count; i++)
        counts[diff_times_change(comparison, &comparison->items[i]).verdict]++;
    fprintf(table->out,
            "\n  %" PRIu64 " slower, %" PRIu64 " faster, %" PRIu64 " perhaps, %" PRIu64
            " where the samples cannot tell\n",
            counts[VERDICT_SLOWER], counts[VERDICT_FASTER], counts[VERDICT_PERHAPS],
            counts[VERDICT_UNTOLD]);
}

static void write_side(FILE *out, const char *word, const char *path, const struct times *times)
{
    fprintf(out, "  %-5s", word);
    text_write(out, path);
    fprintf(out, ": %.3f s in %s samples\n", (double)times->time_ns / 1e9,
            text_count(times->samples).text);
}

uint64_t diff_times_write(const struct table *table, const struct comparison *comparison,
                          const char *const paths[SIDE_COUNT])
{
    FILE *out = table->out;
    struct time_change all = diff_times_change(comparison, NULL);
    uint64_t written = 0;
    write_side(out, "old", paths[SIDE_OLD], &all.old);
    write_side(out, "new", paths[SIDE_NEW], &all.new);
    fputs("\n      old      new   change       ±       z  ", out);
    fprintf(out, "verdict    %s\n",
            comparison->query.group_by <= GROUP_BY_FUNCTION ? "filename:lineno(function)"
                                                            : "where");
    for (; written < comparison->count && (!table->limit || written < table->limit); written++) {
        const struct difference *item = &comparison->items[written];
        struct time_change change = diff_times_change(comparison, item);
        char *name = diff_times_name(comparison, item, LABEL_SHORT);
        write_row(table, &change, name ? name : "?");
        free(name);
    }
    if (written < comparison->count)
        fprintf(out, "  and %" PRIu64 " more\n", comparison->count - written);
    write_row(table, &all, "all");
    write_counts(table, comparison);
    return written;
}

/* --- JSON --- */

static void write_change(struct json *json, const struct time_change *change)
{
    char number[64];
    json_member_signed(json, "old_ns", change->old.time_ns);
    json_member_signed(json, "new_ns", change->new.time_ns);
    json_member_signed(json, "change_ns", change->new.time_ns - change->old.time_ns);
    json_member_signed(json, "error_ns", (int64_t)change->error_ns);
    json_member_unsigned(json, "old_samples", change->old.samples);
    json_member_unsigned(json, "new_samples", change->new.samples);
    snprintf(number, sizeof number, "%.3f", change->z_score);
    json_member_string(json, "z_score", number);
    snprintf(number, sizeof number, "%.3g", change->chance);
    json_member_string(json, "chance", number);
    json_member_string(json, "verdict", verdicts[change->verdict]);
}

static void write_slowdown(struct json *json, const struct comparison *comparison,
                           const struct slowdown *slowdown)
{
    json_name(json, "fail_above");
    json_open_object(json);
    json_member_string(json, "limit", slowdown_limit_text(&slowdown->limit).text);
    json_member_bool(json, "failed", slowdown->is_failed);
    json_member_bool(json, "whole_failed", slowdown->is_whole_failed);
    json_name(json, "because");
    json_open_array(json);
    for (uint32_t i = 0; i < slowdown->item_count; i++) {
        char *key = diff_times_name(comparison, &comparison->items[slowdown->items[i]], LABEL_FULL);
        json_string(json, key ? key : "");
        free(key);
    }
    json_close_array(json);
    json_close_object(json);
}

void diff_times_write_json(FILE *out, const struct comparison *comparison,
                           const char *const paths[SIDE_COUNT], uint64_t limit,
                           const struct slowdown *slowdown)
{
    struct json json = json_begin(out);
    struct time_change all = diff_times_change(comparison, NULL);
    json_open_object(&json);
    json_member_unsigned(&json, "schema", 1);
    json_member_string(&json, "old", paths[SIDE_OLD]);
    json_member_string(&json, "new", paths[SIDE_NEW]);
    json_member_string(&json, "group_by", label_group_by(comparison->query.group_by));
    json_name(&json, "totals");
    json_open_object(&json);
    write_change(&json, &all);
    json_close_object(&json);
    if (slowdown)
        write_slowdown(&json, comparison, slowdown);
    json_name(&json, "statistics");
    json_open_array(&json);
    for (uint32_t i = 0; i < comparison->count && (!limit || i < limit); i++) {
        const struct difference *item = &comparison->items[i];
        struct time_change change = diff_times_change(comparison, item);
        char *name = diff_times_name(comparison, item, LABEL_FULL);
        json_open_object(&json);
        json_member_string(&json, "key", name ? name : "");
        free(name);
        report_json_write_group(&json, comparison->sides[item->side].stacks,
                                comparison->query.group_by, item->frame, item->node);
        write_change(&json, &change);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_close_object(&json);
    json_end(&json);
}
