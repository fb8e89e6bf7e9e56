/* SPDX-License-Identifier: BSD-2-Clause */
/* options.h -- MEMTRACE_* from the environment the kernel handed to the program. */
#ifndef MEMTRACE_OPTIONS_H
#define MEMTRACE_OPTIONS_H

#include "condition.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    DEPTH_DEFAULT = 256,
    DEPTH_MAX = 4096,
    HISTORY_DEFAULT_BYTES = 64 * 1024 * 1024,
    SAMPLER_HZ_MIN = 10,
    SAMPLER_HZ_MAX = 10000,
    CPU_BUDGET_DEFAULT = 3
};

struct options {
    const char *output;    /* MEMTRACE_OUTPUT, NULL: PROG.PID.memtrace in the current directory */
    uint32_t depth;        /* MEMTRACE_DEPTH, frames per stack */
    uint64_t sample_bytes; /* MEMTRACE_SAMPLE_BYTES, mean bytes between samples; 0: record all */
    bool follow_fork;      /* MEMTRACE_FOLLOW_FORK=0: forked children are not recorded */
    bool is_disabled;      /* MEMTRACE_DISABLE=1: stay inert */
    bool has_heap;         /* MEMTRACE_HEAP=0: no allocation is recorded, only time */
    bool is_warned;        /* MEMTRACE_WARNED=1: memtrace run has checked the names already */
    bool has_ticker;       /* MEMTRACE_THREAD=0: no thread of ours in the program */
    uint64_t history_interval_ns; /* MEMTRACE_HISTORY_INTERVAL, 0: no regular ticks */
    uint64_t history_bytes;       /* MEMTRACE_HISTORY_BYTES, in the file, both halves */
    struct conditions conditions; /* MEMTRACE_SNAPSHOT */
    uint64_t rss_interval_ns;     /* MEMTRACE_RSS_INTERVAL, 0: no series */
    uint64_t pss_interval_ns;     /* MEMTRACE_PSS_INTERVAL, 0: neither PSS nor USS */
    uint32_t cpu_hz;              /* MEMTRACE_CPU_HZ, samples per second of CPU time; 0: none */
    uint32_t wall_hz;             /* MEMTRACE_WALL_HZ, looks per second at threads that are not on
                                     a CPU; 0: none. It brings samples of CPU time along */
    uint32_t engine;             /* MEMTRACE_CPU_ENGINE, enum trace_engine; ENGINE_NONE: the best */
    uint32_t cpu_budget_percent; /* MEMTRACE_CPU_BUDGET, that sampling may take */
};

extern struct options options;

/* Reads environment (an envp array) once; warns of an unknown or malformed MEMTRACE_* on stderr,
 * one line in all. */
void options_read(char **environment);

#endif
