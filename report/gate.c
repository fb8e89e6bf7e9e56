/* SPDX-License-Identifier: BSD-2-Clause */
/* gate.c -- Limits that a run has to keep: for tests that are to fail when memory grows. */
#include "gate.h"

#include "summary.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct {
    const char *name;
    enum measure measure;
} kinds[GATE_COUNT] = {
    [GATE_PEAK] = {"max-peak", MEASURE_PEAK},
    [GATE_LIVE] = {"max-live", MEASURE_LIVE},
    [GATE_ALLOCS] = {"max-allocs", MEASURE_COUNT},
};

bool gates_set(struct gates *gates, enum gate_kind kind, const char *value)
{
    gates->is_set[kind] = true;
    return kind == GATE_ALLOCS ? text_to_number(value, INT64_MAX, &gates->limits[kind])
                               : text_to_size(value, &gates->limits[kind]);
}

bool gates_are_set(const struct gates *gates)
{
    return gates->is_set[GATE_PEAK] || gates->is_set[GATE_LIVE] || gates->is_set[GATE_ALLOCS];
}

const char *gate_name(enum gate_kind kind)
{
    return kinds[kind].name;
}

/* --- judging --- */

static struct filters filters_of(const struct gates *gates, enum gate_kind kind)
{
    struct filters filters = gates->filters;
    filters.suppressions = kind == GATE_LIVE ? gates->suppressions : NULL;
    return filters;
}

static bool find_stacks(struct judgement *judgement, struct error *error)
{
    if (!judgement->has_stacks)
        judgement->has_stacks = stacks_init(&judgement->stacks, judgement->trace, false, error);
    return judgement->has_stacks;
}

/* What the filters keep, by line. */
static bool find_lines(struct judgement *judgement, enum gate_kind kind,
                       const struct filters *filters, struct error *error)
{
    const struct statistics_query query = {
        .group_by = GROUP_BY_LINE, .measure = kinds[kind].measure, .filters = filters};
    struct statistics *lines = &judgement->verdicts[kind].lines;
    if (!find_stacks(judgement, error) ||
        !statistics_init(lines, &judgement->stacks, &query, error))
        return false;
    lines->filters = NULL; /* they do not live as long */
    return true;
}

static bool is_exceeded(enum gate_kind kind, struct amount amount, uint64_t limit)
{
    int64_t number = kind == GATE_ALLOCS ? amount.count : amount.size_bytes;
    bool is_any = kind == GATE_LIVE && limit == 0 && amount.count > 0;
    return (number > 0 && (uint64_t)number > limit) || is_any;
}

/* Names are looked up only where they matter: it takes its time. */
static bool judge(struct judgement *judgement, enum gate_kind kind, const struct gates *gates,
                  struct error *error)
{
    struct gate_verdict *verdict = &judgement->verdicts[kind];
    const struct filters filters = filters_of(gates, kind);
    bool is_filtered = filters.count || filters.suppressions;
    if (is_filtered && !find_lines(judgement, kind, &filters, error))
        return false;
    struct figures total = is_filtered ? verdict->lines.total : trace_total(judgement->trace, NULL);
    verdict->is_judged = true;
    verdict->limit = gates->limits[kind];
    verdict->amount = figures_amount(&total, kinds[kind].measure);
    verdict->is_failed = is_exceeded(kind, verdict->amount, verdict->limit);
    judgement->is_failed = judgement->is_failed || verdict->is_failed;
    return !verdict->is_failed || is_filtered || find_lines(judgement, kind, &filters, error);
}

static bool count_suppressed(struct judgement *judgement, const struct gates *gates,
                             struct error *error)
{
    const struct filters filters = filters_of(gates, GATE_LIVE);
    if (!filters.suppressions)
        return true;
    return filters_count_suppressed(&filters, &judgement->stacks) || error_out_of_memory(error);
}

static bool judge_all(struct judgement *judgement, const struct gates *gates, struct error *error)
{
    bool has_end = judgement->trace->header.state != TRACE_EXECED;
    for (int i = 0; i < GATE_COUNT; i++)
        if (gates->is_set[i] && (i != GATE_LIVE || has_end) &&
            !judge(judgement, (enum gate_kind)i, gates, error))
            return false;
    return !judgement->verdicts[GATE_LIVE].is_judged || count_suppressed(judgement, gates, error);
}

bool judgement_init(struct judgement *judgement, const struct trace *trace,
                    const struct gates *gates, struct error *error)
{
    *judgement = (struct judgement){.trace = trace};
    if (judge_all(judgement, gates, error))
        return true;
    judgement_finish(judgement);
    return false;
}

void judgement_finish(struct judgement *judgement)
{
    for (int i = 0; i < GATE_COUNT; i++)
        statistics_finish(&judgement->verdicts[i].lines);
    if (judgement->has_stacks)
        stacks_finish(&judgement->stacks);
    *judgement = (struct judgement){0};
}

/* --- telling --- */

static struct number_text describe(enum gate_kind kind, uint64_t number)
{
    return kind == GATE_ALLOCS ? text_count(number) : text_size((double)number);
}

/* "left 102 KiB in 7123 blocks", "432 KiB live at its peak", "34,648 allocations" */
static void write_amount(FILE *out, enum gate_kind kind, struct amount amount, bool is_over)
{
    int64_t number = kind == GATE_ALLOCS ? amount.count : amount.size_bytes;
    const struct number_text text = describe(kind, number > 0 ? (uint64_t)number : 0);
    if (kind == GATE_PEAK)
        fprintf(out, "%s live at its peak", text.text);
    else if (kind == GATE_ALLOCS)
        fprintf(out, "%s %s", text.text, number == 1 ? "allocation" : "allocations");
    else
        fprintf(out, is_over ? "left %s in %" PRId64 " %s" : "%s live in %" PRId64 " %s", text.text,
                amount.count, amount.count == 1 ? "block" : "blocks");
}

static void write_verdict(FILE *out, enum gate_kind kind, const struct gate_verdict *verdict,
                          const char *name, bool is_over, const struct style *style)
{
    fprintf(out, "%s%-6s%s ", verdict->is_failed ? style->warning : "",
            verdict->is_failed ? "failed" : "ok", style->plain);
    text_write(out, name);
    fputs(": ", out);
    write_amount(out, kind, verdict->amount, is_over);
    fprintf(out, ", limit %s\n", describe(kind, verdict->limit).text);
}

void judgement_write(FILE *out, struct judgement *judgement, const char *name, bool is_brief,
                     const struct style *style)
{
    bool is_over = !judgement->trace->was_running && trace_knows_all(judgement->trace);
    for (int i = 0; i < GATE_COUNT; i++) {
        struct gate_verdict *verdict = &judgement->verdicts[i];
        if (!verdict->is_judged || (is_brief && !verdict->is_failed))
            continue;
        write_verdict(out, (enum gate_kind)i, verdict, name, is_over, style);
        if (verdict->is_failed)
            summary_write_top(out, &verdict->lines, style);
    }
}
