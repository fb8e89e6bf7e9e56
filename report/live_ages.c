/* SPDX-License-Identifier: BSD-2-Clause */
/* live_ages.c -- How old the blocks are that a running process has live: what their stamps tell. */
#include "live_ages.h"

#include <stdlib.h>

/* The recorder's clock for stamps goes on every tenth of a second, if it has a thread for that. */
#define STAMP_NS (UINT64_C(1) << LIVE_STAMP_SHIFT)
#define RESOLUTION_NS (2 * STAMP_NS)
#define TICKING_NS UINT64_C(2000000000) /* it was heard of within this time */

/* On the way through the table. */
struct reading {
    const struct trace *trace;
    struct live_ages *ages;
    uint64_t old_ns;
    uint64_t oldish_ns;
};

static uint64_t saturated_difference(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

struct age live_age(const struct trace *trace, uint32_t stamp)
{
    const struct trace_header *header = &trace->header;
    uint64_t now_ns = trace->sections.moment.time_ns;
    uint64_t birth_ns = header->live_origin_ns + stamp * STAMP_NS;
    bool is_ticking = saturated_difference(now_ns, header->last_seen_ns) < TICKING_NS;
    struct age age = {.max_ns = saturated_difference(now_ns, birth_ns)};
    if (is_ticking)
        age.min_ns = saturated_difference(age.max_ns, RESOLUTION_NS);
    return age;
}

static void take_oldest(struct age *oldest, const struct age *age)
{
    oldest->min_ns = oldest->min_ns > age->min_ns ? oldest->min_ns : age->min_ns;
    oldest->max_ns = oldest->max_ns > age->max_ns ? oldest->max_ns : age->max_ns;
}

static void take_block(void *context, const struct live_entry *entry)
{
    struct reading *reading = context;
    if (entry->counters >= reading->trace->owner_count)
        return; /* newer than the trace */
    struct live_ages *ages = &reading->ages[entry->counters];
    if (!entry->has_stamp) {
        ages->unstamped_count++;
        ages->unstamped_bytes += entry->size_bytes;
        return;
    }
    const struct age age = live_age(reading->trace, entry->stamp);
    ages->stamped_count++;
    take_oldest(&ages->oldest, &age);
    if (age.min_ns >= reading->old_ns) {
        ages->old_count++;
        ages->old_bytes += entry->size_bytes;
    }
    if (age.max_ns >= reading->oldish_ns) {
        ages->oldish_count++;
        ages->oldish_bytes += entry->size_bytes;
    }
}

void live_ages_add(struct live_ages *sum, const struct live_ages *more)
{
    sum->stamped_count += more->stamped_count;
    sum->unstamped_count += more->unstamped_count;
    sum->unstamped_bytes += more->unstamped_bytes;
    take_oldest(&sum->oldest, &more->oldest);
    sum->old_count += more->old_count;
    sum->old_bytes += more->old_bytes;
    sum->oldish_count += more->oldish_count;
    sum->oldish_bytes += more->oldish_bytes;
}

bool live_ages_read(struct live_ages **ret_ages, const struct live_table *table,
                    const struct trace *trace, uint64_t old_ns, uint64_t oldish_ns,
                    struct error *error)
{
    struct reading reading = {trace, NULL, old_ns, oldish_ns};
    reading.ages = calloc((size_t)trace->owner_count + 1, sizeof *reading.ages);
    if (!reading.ages)
        return error_out_of_memory(error);
    *ret_ages = reading.ages;
    if (live_table_visit(table, take_block, &reading, error))
        return true;
    free(reading.ages);
    *ret_ages = NULL;
    return false;
}
