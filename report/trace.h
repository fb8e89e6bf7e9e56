/* SPDX-License-Identifier: BSD-2-Clause */
/* trace.h -- A trace file, checked and loaded.
 *
 * Nothing in the file is believed before it was compared with what is there: after trace_open
 * succeeded, every index and string below is within its bounds. It may belong to a program that is
 * running, or be a snapshot of one. */
#ifndef MEMTRACE_TRACE_H
#define MEMTRACE_TRACE_H

#include "../preload/trace_format.h"
#include "error.h"
#include "sections.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What was allocated and freed somewhere. */
struct figures {
    uint64_t alloc_count;
    uint64_t alloc_bytes;
    uint64_t free_count;
    uint64_t freed_bytes;
    uint64_t temporary_count;
    int64_t live_count;
    int64_t live_bytes;
    int64_t peak_count; /* at the moment of the program's peak */
    int64_t peak_bytes;
};

/* Which moment the counters of a trace stand for. */
enum instant_kind {
    INSTANT_END,   /* the end, or now: everything is known */
    INSTANT_TICK,  /* a tick of the history: not the peak, temporary allocations, threads */
    INSTANT_PEAK,  /* the program's peak: only what was live */
    INSTANT_START, /* as at a tick: nothing but what a forked child inherited */
};

struct instant {
    enum instant_kind kind;
    uint32_t tick_count; /* of INSTANT_TICK: so many ticks are behind it */
    uint32_t mark;       /* of INSTANT_TICK: the snapshot that it is, or UINT32_MAX */
    uint32_t next_mark;  /* before the end: the later mark it has to stand for, or UINT32_MAX */
    uint64_t time_ns;    /* since the start */
};

struct trace {
    struct sections sections; /* the arrays below are there */
    struct trace_header header;
    struct instant instant; /* see moment.h; the end unless somebody turned it back */
    uint32_t domain; /* enum trace_domain of the call sites that are shown: the heap unless somebody
                        chose another */
    uint64_t file_bytes;
    uint32_t merged_count;    /* so many traces were added up, 0: it is one; see merge.h */
    const char *program;      /* argv[0] */
    const char *executable;   /* its path, "" if unknown */
    const struct node *nodes; /* [0] is the root of all stacks */
    const struct address *addresses;
    struct trace_owner *owners; /* [0] is unused */
    struct trace_counters *counters;
    struct trace_inherited *inherited; /* of moments before all was forgotten, if it was */
    struct trace_module *modules;      /* [0] is "no module" */
    char **module_paths;               /* parallel to modules */
    uint32_t pid;       /* of the process that has the file mapped, as it is known here; 0: none */
    char *program_root; /* what is "/" to it, NULL: the same as to us */
    struct trace_thread *threads;
    struct trace_mark *marks;
    struct trace_sampler *samplers;
    char **mark_names; /* parallel to marks */
    uint8_t *history;  /* the active half as it was written: history.h reads it */
    size_t history_bytes;
    struct trace_point *points;    /* the active half, unchecked: series.h reads it */
    struct trace_residence *looks; /* unchecked: looks.h reads them */
    uint32_t node_count;
    uint32_t address_count;
    uint32_t owner_count; /* also of counters */
    uint32_t inherited_count;
    uint32_t module_count;
    uint32_t thread_count;
    uint32_t mark_count;
    uint32_t point_count;
    uint32_t sampler_count;
    uint32_t look_count;
    bool is_snapshot;     /* what was known at a moment, in a file of its own */
    bool is_running;      /* its process has the file mapped */
    bool was_running;     /* when it was read, or the snapshot was taken */
    bool is_peak_settled; /* false: new peaks came while it was read */
    char *names;          /* program and executable live here */
};

/* Fail with a reason, and leave nothing to close. */
bool trace_open(struct trace *trace, const char *path, struct error *error);
bool trace_read(struct trace *trace, int fd, struct error *error);
/* How things stand now, without history, series and marks: for who reads often. */
bool trace_read_now(struct trace *trace, int fd, struct error *error);
/* Only what memtrace list needs: the header and the two names, no sections. */
bool trace_open_header(struct trace *trace, const char *path, struct error *error);
/* Besides that the marks and the series: no stacks, and no figures. */
bool trace_open_series(struct trace *trace, const char *path, struct error *error);
void trace_close(struct trace *trace);

const char *trace_special_name(uint64_t special);

/* Whether no allocations were recorded, only time. */
static inline bool trace_is_without_heap(const struct trace *trace)
{
    return trace->header.flags & TRACE_WITHOUT_HEAP;
}

/* Whether the domain that is shown counts time, not memory. */
static inline bool trace_is_timed(const struct trace *trace)
{
    return trace->domain >= MEMORY_DOMAIN_COUNT;
}
/* The call site that owner (1..owner_count-1) has the counters of; 0: it is of another domain than
 * the one that is shown. Figures of different domains are never added up. */
uint32_t trace_site(const struct trace *trace, uint32_t owner);
/* What the counters of owner (1..owner_count-1) say. */
struct figures trace_figures(const struct trace *trace, uint32_t owner);
void figures_add(struct figures *sum, const struct figures *figures);
bool figures_are_zero(const struct figures *figures);

/* Of what moment_rewind turned back, less is known: see enum instant_kind. */
bool trace_knows_all(const struct trace *trace);
bool trace_knows_totals(const struct trace *trace); /* what was allocated and freed until then */

/* Two readings of one process, a snapshot and what it is now perhaps, find their files in the same
 * place, which only a running process tells. */
void trace_share_root(struct trace *a, struct trace *b);

/* The last time that all was forgotten, up to the moment that the counters stand for: the figures
 * are of what came after it. NULL if there was none. */
const struct trace_mark *trace_last_clear(const struct trace *trace);

/* How long the program ran; if it still did, up to the moment when its figures were read. */
uint64_t trace_duration_ns(const struct trace *trace);
/* When the peak, or a mark, was, from the start. */
uint64_t trace_peak_time_ns(const struct trace *trace);
uint64_t trace_mark_time_ns(const struct trace *trace, const struct trace_mark *mark);

#endif
