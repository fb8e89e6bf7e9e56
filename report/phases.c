/* SPDX-License-Identifier: BSD-2-Clause */
/* phases.c -- The phases of a run: from memtrace_phase_begin() to its memtrace_phase_end(). */
#include "phases.h"

#include <stdlib.h>
#include <string.h>

enum {
    NESTING_MAX = 64 /* what is deeper is left out */
};

/* What a thread has begun and not ended: numbers of phases. */
struct open_phases {
    uint32_t items[NESTING_MAX];
    uint32_t depth;
};

static void begin(struct phases *phases, struct open_phases *open, const struct trace *trace,
                  uint32_t mark)
{
    if (open->depth == NESTING_MAX)
        return;
    open->items[open->depth] = (uint32_t)phases->count;
    phases->items[phases->count++] = (struct phase){
        .name = trace->mark_names[mark],
        .begin_ns = trace_mark_time_ns(trace, &trace->marks[mark]),
        .end_ns = trace_duration_ns(trace),
        .thread = trace->marks[mark].thread,
        .level = open->depth++,
    };
}

/* The innermost one of that name; those within it that nobody ended are over as well. */
static void end(struct phases *phases, struct open_phases *open, const struct trace *trace,
                uint32_t mark)
{
    uint32_t depth = open->depth;
    uint64_t end_ns = trace_mark_time_ns(trace, &trace->marks[mark]);
    while (depth && strcmp(phases->items[open->items[depth - 1]].name, trace->mark_names[mark]))
        depth--;
    if (!depth)
        return;
    while (open->depth >= depth)
        phases->items[open->items[--open->depth]].end_ns = end_ns;
}

/* A hostile trace may have its marks in any order. */
static void order_ends(struct phases *phases)
{
    for (size_t i = 0; i < phases->count; i++)
        if (phases->items[i].end_ns < phases->items[i].begin_ns)
            phases->items[i].end_ns = phases->items[i].begin_ns;
}

bool phases_init(struct phases *phases, const struct trace *trace)
{
    struct open_phases *open = calloc((size_t)trace->thread_count + 1, sizeof *open);
    *phases = (struct phases){.items = calloc((size_t)trace->mark_count + 1, sizeof(struct phase))};
    for (uint32_t i = 0; open && phases->items && i < trace->mark_count; i++) {
        struct open_phases *own = &open[trace->marks[i].thread];
        if (trace->marks[i].kind == MARK_PHASE_BEGIN)
            begin(phases, own, trace, i);
        else if (trace->marks[i].kind == MARK_PHASE_END)
            end(phases, own, trace, i);
    }
    bool is_ok = open && phases->items;
    free(open);
    if (is_ok)
        order_ends(phases);
    else
        phases_finish(phases);
    return is_ok;
}

void phases_finish(struct phases *phases)
{
    free(phases->items);
    *phases = (struct phases){0};
}
