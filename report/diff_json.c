/* SPDX-License-Identifier: BSD-2-Clause */
/* diff_json.c -- Differences as JSON; its names are fixed in the design. */
#include "diff_json.h"

#include "diff_table.h"
#include "growth.h"
#include "label.h"
#include "report_json.h"

#include <stdlib.h>

static void write_side(struct json *json, const char *name, const char *path,
                       const struct trace *trace)
{
    static const char *const kinds[] = {"end", "tick", "peak", "start"};
    json_name(json, name);
    json_open_object(json);
    json_member_string(json, "path", path);
    json_member_string(json, "program", trace->program);
    json_member_unsigned(json, "pid", trace->header.pid);
    json_member_unsigned(json, "start_time_ns", trace->header.start_realtime_ns);
    json_member_string(json, "moment", kinds[trace->instant.kind]);
    json_member_unsigned(json, "time_ns",
                         trace_knows_all(trace) ? trace_duration_ns(trace)
                                                : trace->instant.time_ns);
    if (trace->instant.kind == INSTANT_TICK && trace->instant.mark < trace->mark_count)
        json_member_string(json, "snapshot", trace->mark_names[trace->instant.mark]);
    if (trace->header.sample_bytes)
        json_member_unsigned(json, "sample_bytes", trace->header.sample_bytes);
    json_close_object(json);
}

static void write_change(struct json *json, struct amount old, struct amount new)
{
    json_member_signed(json, "size", new.size_bytes);
    json_member_signed(json, "size_diff",
                       (int64_t)((uint64_t) new.size_bytes - (uint64_t)old.size_bytes));
    json_member_signed(json, "count", new.count);
    json_member_signed(json, "count_diff", (int64_t)((uint64_t) new.count - (uint64_t)old.count));
}

static void write_item(struct json *json, const struct comparison *comparison,
                       const struct difference *item)
{
    char *key = diff_label(comparison, item, LABEL_FULL);
    json_open_object(json);
    json_member_string(json, "key", key ? key : "");
    free(key);
    report_json_write_group(json, comparison->sides[item->side].stacks, comparison->query.group_by,
                            item->frame, item->node);
    write_change(json, item->old, item->new);
    json_close_object(json);
}

/* Modules of the new side that are not the old one's any more. */
static void write_changed_modules(struct json *json, const struct comparison *comparison)
{
    const struct naming_side *side = &comparison->naming.sides[SIDE_NEW];
    json_name(json, "changed_modules");
    json_open_array(json);
    for (uint32_t i = 1; i < side->stacks->trace->module_count; i++)
        if (side->is_changed[i])
            json_string(json, side->stacks->modules[i]);
    json_close_array(json);
}

static void write_growth(struct json *json, const struct comparison *comparison,
                         const struct growth *growth)
{
    json_name(json, "fail_above");
    json_open_object(json);
    json_member_string(json, "limit",
                       growth_text(growth->limit.unit, growth->limit.number, false).text);
    json_member_bool(json, "failed", growth->is_failed);
    json_name(json, "because");
    json_open_array(json);
    for (uint32_t i = 0; i < growth->item_count; i++) {
        char *key = diff_label(comparison, &comparison->items[growth->items[i]], LABEL_FULL);
        json_string(json, key ? key : "");
        free(key);
    }
    json_close_array(json);
    json_close_object(json);
}

void diff_json_write(FILE *out, const struct comparison *comparison, const struct diff_json *about)
{
    static const char *const names[SIDE_COUNT] = {"old", "new"};
    struct json json = json_begin(out);
    json_open_object(&json);
    json_member_unsigned(&json, "schema", 1);
    for (int side = 0; side < SIDE_COUNT; side++)
        write_side(&json, names[side], about->paths[side], about->traces[side]);
    json_member_string(&json, "group_by", label_group_by(comparison->query.group_by));
    json_member_string(&json, "measure", label_measure(comparison->query.measure));
    json_name(&json, "totals");
    json_open_object(&json);
    write_change(&json, comparison->totals[SIDE_OLD], comparison->totals[SIDE_NEW]);
    json_close_object(&json);
    write_changed_modules(&json, comparison);
    if (about->growth)
        write_growth(&json, comparison, about->growth);
    if (comparison->query.filters->suppressions)
        report_json_write_suppressions(&json, comparison->query.filters->suppressions);
    json_name(&json, "statistics");
    json_open_array(&json);
    for (uint32_t i = 0; i < comparison->count && (!about->limit || i < about->limit); i++)
        write_item(&json, comparison, &comparison->items[i]);
    json_close_array(&json);
    json_close_object(&json);
    json_end(&json);
}
