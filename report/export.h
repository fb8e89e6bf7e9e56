/* SPDX-License-Identifier: BSD-2-Clause */
/* export.h -- What is exported of a trace, and the formats it can be exported in.
 *
 * A format is one file export_<name>.c with one struct export_format, and a line in export.c's
 * table. It makes a call tree (call_tree.h) of the grain it wants and writes it; what figures there
 * are, and what they are called, is in the table of measures here. Writers check nothing they
 * write: the stream keeps its error, and who opened it looks. */
#ifndef MEMTRACE_EXPORT_H
#define MEMTRACE_EXPORT_H

#include "call_tree.h"
#include "statistics.h"

#include <stdio.h>

struct export
{
    const struct stacks *stacks; /* of formats that are of the series: empty */
    const char *path;            /* of the trace */
    const struct filters *filters;
    enum measure measures[MEASURE_COUNT_OF]; /* in the order in which they were asked for */
    size_t measure_count;                    /* 0: nobody asked, the format chooses */
    enum group_by group_by;                  /* of the formats that are reports */
    bool is_cumulative;
};

/* How viewers show a measure. */
struct export_measure {
    const char *title; /* "live bytes" */
    const char *word;  /* "live_bytes" */
    const char *unit;  /* "bytes", "allocations", "nanoseconds" or "samples" */
    const char *event; /* a name for it: "live", "Cpu_ns" */
    bool is_in_bytes;
};

/* What --group-by may say of a format. */
enum export_groups {
    EXPORT_AS_IT_IS,
    EXPORT_BY_LINE_OR_FUNCTION,
    EXPORT_BY_ANY /* it is a report */
};

struct export_format {
    const char *name;
    const char *summary;
    const char *next; /* a command to look at it with; %s: the file. NULL: none */
    bool is_binary;   /* not for a terminal */
    bool is_gzip;     /* whatever the file is called */
    enum export_groups groups;
    bool is_whole;     /* of a whole run: an earlier moment will not do */
    bool has_time;     /* knows of CPU and wall-clock time as well as of memory */
    bool is_of_series; /* needs the path alone: who allocated what is not in it */
    bool (*write)(FILE *out, const struct export *export, struct error *error);
};

const struct export_format *export_find(const char *name);
/* The i-th format, or NULL. */
const struct export_format *export_format_at(size_t i);

const struct export_measure *export_measure(const struct trace *trace, enum measure measure);
/* Of an earlier moment less is known than of the end; of time there are totals and counts alone. */
bool export_knows(const struct trace *trace, enum measure measure);
/* A measure for formats that hold but one: what was asked for first, else what is live, or, if
 * nothing is, what was live at the peak. */
enum measure export_one_measure(const struct export *export, const struct figures *total);
/* Those for formats that hold several: what was asked for, else all that is known; returns their
 * count. */
size_t export_all_measures(const struct export *export, enum measure measures[MEASURE_COUNT_OF]);

/* One of the numbers of struct figures, by its offset there: tables name them so. */
int64_t export_figure(const struct figures *figures, size_t offset);

/* The report that is exported. */
bool export_statistics(const struct export *export, struct statistics *statistics,
                       struct error *error);
/* Lines, or with --group-by=function functions. */
enum call_grain export_grain(const struct export *export);
/* The tree of everything that is exported. */
bool export_tree(const struct export *export, struct call_tree *tree, enum call_grain grain,
                 struct error *error);

/* Bytes that are not UTF-8 and control characters escaped, to be freed; NULL when out of memory. */
char *export_escaped(const char *text);
/* "parse (a.c:10)"; without lines "parse (in a.out)", without names "a.out+0x1136". Nothing is
 * escaped yet. To be freed; NULL when out of memory. */
char *export_frame_name(const struct frame *frame);

extern const struct export_format export_callgrind;
extern const struct export_format export_csv;
extern const struct export_format export_dhat;
extern const struct export_format export_dot;
extern const struct export_format export_firefox;
extern const struct export_format export_folded;
extern const struct export_format export_heaptrack;
extern const struct export_format export_json;
extern const struct export_format export_massif;
extern const struct export_format export_mprof;
extern const struct export_format export_perf;
extern const struct export_format export_pprof;
extern const struct export_format export_pstats;
extern const struct export_format export_speedscope;
extern const struct export_format export_tracemalloc;

#endif
