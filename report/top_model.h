/* SPDX-License-Identifier: BSD-2-Clause */
/* top_model.h -- Successive readings of a trace as rows with growth and rates. */
#ifndef MEMTRACE_TOP_MODEL_H
#define MEMTRACE_TOP_MODEL_H

#include "filter.h"
#include "statistics.h"

enum top_sort {
    TOP_LIVE,
    TOP_GROWTH,
    TOP_GROWTH_RATE,
    TOP_ALLOC_RATE,
    TOP_BYTE_RATE,
    TOP_BLOCKS,
    TOP_PEAK,
    TOP_ALLOCATIONS,
    TOP_TOTAL,
    TOP_CPU,      /* over the last interval; there only of a trace with samples of it */
    TOP_CPU_TIME, /* of the run */
    TOP_SORT_COUNT
};

enum {
    TOP_POINTS_MAX = 1024,
    TOP_FILTER_BYTES = 256
};

/* In place of a group: call sites whose names are still being looked for. */
#define TOP_UNNAMED UINT32_MAX

/* One line of the table: the sums over the call sites of a group. */
struct top_row {
    struct statistic item; /* its figures, and what it is called; frame is NO_FRAME if unnamed */
    uint32_t group;        /* stays the same from reading to reading */
    uint32_t site_count;
    int64_t growth_bytes; /* since the baseline */
    int64_t growth_count;
    int64_t step_bytes; /* since the reading before */
    uint64_t step_allocs;
    uint64_t step_alloc_bytes;
    uint64_t cpu_ns;      /* own CPU time by samples; of threads by their clocks */
    uint64_t step_cpu_ns; /* of it, since the reading before */
    double cpu_share;     /* of one CPU over the last interval */
    double growth_rate;   /* bytes per second, over the last interval, like the following */
    double alloc_rate;
    double byte_rate;
};

/* The heap and the process at one reading; -1: not known. */
struct top_point {
    int64_t live_bytes;
    int64_t rss_bytes;
};

/* Figures at some earlier moment. */
struct top_tally {
    uint64_t alloc_count;
    uint64_t alloc_bytes;
    int64_t live_count;
    int64_t live_bytes;
    uint64_t cpu_ns;
};

struct top_site {
    struct figures now;
    uint64_t cpu_ns;
    struct top_tally before; /* at the reading before */
    struct top_tally base;
    uint32_t node;
    uint32_t group; /* TOP_UNNAMED as long as there is no telling */
    bool is_kept;   /* by the filter */
};

struct top_thread {
    struct top_tally now, before, base;
    uint64_t start_time_ns; /* tells one from another that took its place in the table */
};

/* What is typed to see less. */
struct top_filter {
    char text[TOP_FILTER_BYTES];
    const char *word;       /* a word to look for, or NULL: */
    struct filters filters; /* a pattern as report has them */
    bool is_exclusive;
};

struct top_model {
    const struct trace *trace;
    const struct stacks *stacks;
    struct grouping grouping;
    struct top_filter filter;
    enum group_by group_by;
    enum top_sort sort;

    struct top_site *sites;
    uint32_t site_count;
    uint32_t *owner_sites; /* per owner its site */
    uint32_t owner_count;
    uint32_t *node_sites; /* per node its site, or UINT32_MAX */
    uint32_t node_count;
    struct top_thread *threads;
    uint32_t thread_count;

    struct top_row *rows; /* in order */
    uint32_t row_count;
    uint32_t row_room;
    struct top_row total; /* of everything, filtered or not */
    struct top_row kept;  /* of the rows */

    struct top_point points[TOP_POINTS_MAX]; /* a ring */
    uint32_t point_count;                    /* of all readings */
    bool is_whole;                           /* the points are all of a run */
    bool has_cpu;                            /* there are samples of CPU time */
    uint64_t time_ns;                        /* of the last reading */
    uint64_t before_time_ns;                 /* of the one before, 0: there was none */
    uint64_t base_time_ns;
};

/* trace and stacks must stay where they are; the stacks may be behind the trace. */
void top_model_init(struct top_model *model, const struct trace *trace,
                    const struct stacks *stacks);
void top_model_finish(struct top_model *model);

/* The rest returns false when out of memory. */

/* Takes in the trace as it was at time_ns. */
bool top_model_read(struct top_model *model, uint64_t time_ns, int64_t rss_bytes);
/* What was before the first reading, at most TOP_POINTS_MAX - 1 points; to be called after it. */
void top_model_recall(struct top_model *model, const struct top_point *points, uint32_t count,
                      bool is_whole);
/* The stacks know more names. */
bool top_model_rename(struct top_model *model);

bool top_model_group(struct top_model *model, enum group_by group_by);
bool top_model_sort(struct top_model *model, enum top_sort sort);
/* Keeps only call sites whose line, function, file or module contains text, in whatever case; a
 * pattern (with * ? [ or file: function: module:) means what it means to report. With ! before it
 * what matches is left out. "" keeps everything. */
bool top_model_filter(struct top_model *model, const char *text);
/* Growth counts from the last reading on. */
bool top_model_rebase(struct top_model *model);

/* Whether there is such a column in this trace. */
bool top_model_has(const struct top_model *model, enum top_sort sort);

/* Whether there are rates: two readings at different times. */
bool top_model_has_rates(const struct top_model *model);

/* The call sites of a group, one row each, first those that sort first: fills rows (room for as
 * many), returns how many there are. None for threads. */
uint32_t top_model_stacks(const struct top_model *model, uint32_t group, struct top_row *rows,
                          uint32_t room);

/* "live", "growth", …: the words of the command line. */
const char *top_sort_word(enum top_sort sort);
bool top_sort_parse(const char *text, enum top_sort *ret_sort);

#endif
