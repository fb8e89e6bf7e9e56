/* SPDX-License-Identifier: BSD-2-Clause */
/* make_trace.h -- Writes small traces through trace_format.h, for tests that need to know every
 * number in them. */
#ifndef MEMTRACE_MAKE_TRACE_H
#define MEMTRACE_MAKE_TRACE_H

#include "../preload/trace_format.h"

#include <stddef.h>

enum {
    MADE_SECTION_BYTES = 1 << 16,
    MADE_HISTORY_BYTES = 1 << 12, /* of one half, at most */
    MADE_POINTS_MAX = 160         /* the same */
};

struct trace_maker {
    struct trace_header header;
    char sections[SECTION_COUNT][MADE_SECTION_BYTES];
    size_t sizes[SECTION_COUNT];
    unsigned char history[MADE_HISTORY_BYTES]; /* becomes the second half, and the active one */
    size_t history_bytes;
    struct trace_point points[MADE_POINTS_MAX];
    size_t point_count;
};

/* An exited program "./demo" with pid 4242 and one thread, nothing allocated yet. */
void maker_init(struct trace_maker *maker);

struct trace_string maker_string(struct trace_maker *maker, const char *text);
uint32_t maker_module(struct trace_maker *maker, const char *path);
uint32_t maker_thread(struct trace_maker *maker, uint32_t tid, const char *name);
/* A return address: symbolizers are asked for offset. */
uint32_t maker_node(struct trace_maker *maker, uint32_t parent, uint32_t module, uint64_t offset);
uint32_t maker_special(struct trace_maker *maker, uint32_t parent, enum trace_special special);
/* Counters of a call site; returns their index. */
uint32_t maker_counters(struct trace_maker *maker, uint32_t node, uint32_t thread,
                        const struct trace_counters *counters);
/* A mark, so long after the start; returns its index. */
uint32_t maker_mark(struct trace_maker *maker, enum trace_mark_kind kind, const char *name,
                    uint64_t after_ns);

/* What a tick adds to the counters with this id; peak and temporary are not part of it. */
struct made_change {
    uint32_t id;
    struct trace_counters added;
};
/* A tick, so long after the one before it; mark is UINT32_MAX or an index. */
void maker_tick(struct trace_maker *maker, uint64_t step_ns, uint32_t mark,
                const struct made_change *changes, size_t count);
/* Bytes that a damaged or foreign recorder may have written into the history. */
void maker_history_bytes(struct trace_maker *maker, const void *bytes, size_t count);

/* A reading so long after the start; its span and what is known of it are the caller's: everything
 * else is -1. The series becomes the second half, and the active one. */
struct trace_point *maker_point(struct trace_maker *maker, uint64_t after_ns);

void maker_inherited(struct trace_maker *maker, uint32_t counters, int64_t live_count,
                     int64_t live_bytes);
struct trace_thread *maker_thread_at(struct trace_maker *maker, uint32_t thread);

/* Writes the file to a descriptor of its own in memory. Every section of more than one element is
 * laid out in two extents, with room behind the second that is not published. */
int maker_write(struct trace_maker *maker);
/* The size of that file. */
size_t maker_file_bytes(const struct trace_maker *maker);

/* The same small trace for every fuzzing test: two modules, a recursion, a special stack, two
 * threads, an inherited block, marks and a history. */
void maker_example(struct trace_maker *maker);

#endif
