/* SPDX-License-Identifier: BSD-2-Clause */
/* who.c -- Who allocated the block that an address is in: its call site, thread and age. */
#include "who.h"

#include "live_ages.h"
#include "report_json.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    NEAR_BYTES = 64 /* what is written so close behind a block may have been meant for it */
};

bool who_find(struct who *who, const struct live_table *table, const struct pool_table *pools,
              uint64_t address, struct error *error)
{
    *who = (struct who){.address = address};
    if (!pool_table_find(pools, address, &who->entry, error))
        return false;
    who->is_live = who->is_pool = who->entry.counters != 0;
    if (who->is_live)
        return true;
    enum live_answer answer = live_table_find(table, address, &who->entry, error);
    who->is_live = answer == LIVE_INSIDE;
    return answer != LIVE_FAILED;
}

/* --- age and thread --- */

static uint64_t saturated_difference(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static void explain_age(struct who *who, const struct trace *trace)
{
    who->has_age = who->entry.has_stamp;
    if (!who->has_age)
        return;
    const struct age age = live_age(trace, who->entry.stamp);
    who->age_min_ns = age.min_ns;
    who->age_max_ns = age.max_ns;
}

/* Counters go on to other threads when theirs ends: a block that is older than its counters' thread
 * was made by one of those before. */
static void explain_thread(struct who *who, const struct trace *trace)
{
    uint32_t index = trace->owners[who->entry.counters].thread_domain & OWNER_THREAD_MASK;
    uint64_t now_ns = trace->sections.moment.time_ns;
    if (!index || index >= trace->thread_count)
        return;
    const struct trace_thread *thread = &trace->threads[index];
    uint64_t thread_age_ns = saturated_difference(now_ns, thread->start_time_ns);
    bool is_older = who->has_age && who->age_min_ns > thread_age_ns;
    who->thread = is_older ? NULL : thread;
}

void who_explain(struct who *who, const struct trace *trace)
{
    if (!who->is_live || who->entry.counters >= trace->owner_count)
        return;
    who->node = trace->owners[who->entry.counters].node;
    explain_age(who, trace);
    explain_thread(who, trace);
}

/* --- telling --- */

static void write_place(FILE *out, const struct who *who)
{
    const struct live_entry *entry = &who->entry;
    uint64_t offset = who->address - entry->address;
    struct number_text size = text_size((double)entry->size_bytes);
    const char *kind = who->is_pool ? " from a custom pool" : "";
    if (offset == 0) {
        fprintf(out, "a block of %s%s", size.text, kind);
        return;
    }
    fprintf(out, "%" PRIu64 " %s into a block of %s%s at 0x%" PRIx64, offset,
            offset == 1 ? "byte" : "bytes", size.text, kind, entry->address);
}

static void write_age(FILE *out, const struct who *who)
{
    if (who->age_min_ns)
        fprintf(out, ", at least %s old", text_duration(who->age_min_ns).text);
    else if (who->has_age)
        fprintf(out, ", at most %s old", text_duration(who->age_max_ns).text);
}

static void write_thread(FILE *out, const struct who *who)
{
    if (!who->thread) {
        fputs(", by a thread that has ended", out);
        return;
    }
    char name[sizeof who->thread->name + 1] = "";
    memcpy(name, who->thread->name, sizeof who->thread->name);
    fprintf(out, ", by thread %" PRIu32 " (", who->thread->tid);
    text_write(out, name);
    fputs(who->thread->is_alive ? ")" : "), which has ended", out);
}

static void write_outside(FILE *out, const struct who *who)
{
    const struct live_entry *entry = &who->entry;
    uint64_t end = entry->address + entry->size_bytes;
    fputs("in no live block: freed, or never allocated", out);
    if (entry->counters && who->address >= end && who->address - end < NEAR_BYTES)
        fprintf(out, "; %" PRIu64 " bytes behind the block of %s at 0x%" PRIx64, who->address - end,
                text_size((double)entry->size_bytes).text, entry->address);
    fputc('\n', out);
}

void who_write(const struct table *table, const struct who *who, const struct stacks *stacks)
{
    fprintf(table->out, "%s0x%" PRIx64 "%s: ", table->style.strong, who->address,
            table->style.plain);
    if (!who->is_live) {
        write_outside(table->out, who);
        return;
    }
    write_place(table->out, who);
    write_age(table->out, who);
    write_thread(table->out, who);
    fputc('\n', table->out);
    if (who->node)
        table_write_traceback(table, stacks, who->node);
}

static void json_member_address(struct json *json, const char *name, uint64_t address)
{
    char text[32];
    snprintf(text, sizeof text, "0x%" PRIx64, address);
    json_member_string(json, name, text);
}

static void write_json_block(struct json *json, const struct who *who, const struct stacks *stacks)
{
    json_member_address(json, "block", who->entry.address);
    json_member_unsigned(json, "offset", who->address - who->entry.address);
    json_member_unsigned(json, "size", who->entry.size_bytes);
    json_member_string(json, "domain", who->is_pool ? "pool" : "heap");
    if (who->has_age) {
        json_member_unsigned(json, "age_min_ns", who->age_min_ns);
        json_member_unsigned(json, "age_max_ns", who->age_max_ns);
    }
    if (who->thread) {
        char name[sizeof who->thread->name + 1] = "";
        memcpy(name, who->thread->name, sizeof who->thread->name);
        json_member_unsigned(json, "tid", who->thread->tid);
        json_member_string(json, "thread", name);
    }
    if (who->node)
        report_json_write_traceback(json, stacks, who->node);
}

void who_write_json(struct json *json, const struct who *who, const struct stacks *stacks)
{
    json_open_object(json);
    json_member_address(json, "address", who->address);
    json_member_bool(json, "live", who->is_live);
    if (who->is_live)
        write_json_block(json, who, stacks);
    json_close_object(json);
}
