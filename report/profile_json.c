/* SPDX-License-Identifier: BSD-2-Clause */
/* profile_json.c -- A profile as JSON. */
#include "profile_json.h"

#include "label.h"
#include "report_json.h"

#include <stdlib.h>

static void write_group(struct json *json, const struct profile *profile,
                        const struct profile_item *item)
{
    const struct stacks *stacks = profile->tree->stacks;
    const struct frame *frame;
    if (profile->group_by == GROUP_BY_THREAD) {
        report_json_write_thread(json, &stacks->trace->threads[item->thread]);
        return;
    }
    frame = &stacks->frames[item->frame];
    if (profile->group_by != GROUP_BY_TRACEBACK) {
        report_json_write_group(json, stacks, profile->group_by, item->frame, 0);
    } else {
        if (frame->file)
            json_member_string(json, "file", frame->file);
        if (frame->file)
            json_member_unsigned(json, "line", frame->line);
        if (frame->function)
            json_member_string(json, "function", frame->function);
        if (*frame->module)
            json_member_string(json, "module", frame->module);
    }
    bool is_by_function =
        profile->group_by == GROUP_BY_FUNCTION || profile->group_by == GROUP_BY_TRACEBACK;
    if (is_by_function && frame->function_line)
        json_member_unsigned(json, "function_line", frame->function_line);
}

static void write_row(struct json *json, const struct profile *profile,
                      const struct profile_row *row, enum times_kind kind)
{
    const struct profile_item *item = row->item;
    json_open_object(json);
    json_member_string(json, "key", row->name);
    write_group(json, profile, item);
    json_member_unsigned(json, "samples", item->total.samples);
    json_member_unsigned(json, "self_samples", item->self.samples);
    json_member_signed(json, "self_ns", item->self.time_ns);
    json_member_signed(json, "self_error_ns",
                       (int64_t)times_error_ns(&item->self, &profile->whole));
    json_member_signed(json, "total_ns", item->total.time_ns);
    json_member_signed(json, "total_error_ns",
                       (int64_t)times_error_ns(&item->total, &profile->whole));
    if (kind == TIMES_WALL) {
        json_member_signed(json, "self_off_cpu_ns", item->self.off_ns);
        json_member_signed(json, "total_off_cpu_ns", item->total.off_ns);
    } else {
        json_member_signed(json, "self_kernel_ns", item->self.kernel_ns);
        json_member_signed(json, "total_kernel_ns", item->total.kernel_ns);
    }
    if (item->frame == NO_FRAME)
        json_member_unsigned(json, "cpu_time_ns",
                             profile->tree->stacks->trace->threads[item->thread].cpu_ns);
    json_close_object(json);
}

void profile_json_write(FILE *out, const struct profile_rows *rows, const struct budget *budget,
                        enum times_kind kind)
{
    const struct profile *profile = rows->profile;
    const struct stacks *stacks = profile->tree->stacks;
    struct json json = json_begin(out);
    json_open_object(&json);
    report_json_write_head(&json, stacks->trace);
    json_member_string(&json, "domain", kind == TIMES_CPU ? "cpu" : "wall");
    budget_write_json(&json, budget, &profile->whole, kind);
    report_json_write_modules(&json, stacks);
    json_member_string(&json, "group_by",
                       profile->group_by == GROUP_BY_TRACEBACK ? "function-line"
                                                               : label_group_by(profile->group_by));
    json_name(&json, "statistics");
    json_open_array(&json);
    for (uint32_t i = 0; i < rows->kept; i++)
        write_row(&json, profile, &rows->items[i], kind);
    json_close_array(&json);
    json_close_object(&json);
    json_end(&json);
}
