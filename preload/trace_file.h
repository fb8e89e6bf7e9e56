/* SPDX-License-Identifier: BSD-2-Clause */
/* trace_file.h -- The trace file as it is written: a mapping that grows.
 *
 * Every section has its own reserved address range, so an element never moves while the program
 * runs, and elements are reached by index without a detour. Functions that change a section's
 * size are called with trace_lock held. */
#ifndef MEMTRACE_TRACE_FILE_H
#define MEMTRACE_TRACE_FILE_H

#include "lock.h"
#include "trace_format.h"

#include <stdbool.h>
#include <stddef.h>

struct trace {
    struct trace_header *header;
    struct trace_node *nodes;
    struct trace_owner *owners;
    struct trace_counters *counters;
    struct trace_inherited *inherited;
    struct trace_module *modules;
    struct trace_thread *threads;
    char *strings;
    struct trace_mark *marks;
    uint8_t *history;
    struct trace_point *points;
    struct trace_sampler *samplers;
    struct trace_residence *looks;
};

/* Valid once trace_file_create has succeeded. */
extern struct trace trace;

/* Guards everything that makes sections grow: nodes, counters, modules, threads, strings, marks,
 * history, series, samplers, looks at what is resident. */
extern struct lock trace_lock;

/* The name for %n and the default file name; copied. */
void trace_file_set_program(const char *name);

/* Creates the file and maps it. With is_child, a forked child's own file: nodes, owners, modules,
 * threads' room and strings are carried over from the mapping inherited from the parent, which
 * the new one replaces at the same addresses; counters start at zero. On failure nothing has
 * changed, a negative errno is returned, and ret_path names the file that could not be made. */
long trace_file_create(bool is_child, const char **ret_path);

/* Grows the file by what may be needed later, when it cannot be opened any more. */
void trace_make_ready(void);

/* There is a limit on address space now: gives back most of what sections have reserved. */
void trace_give_up(void);

/* Makes room for size_bytes more in a section; the bytes are zero. Returns their offset in the
 * section, or -1. They become visible to readers with trace_publish. */
int64_t trace_reserve(enum trace_section section, size_t size_bytes);

/* Everything reserved so far in this section is now complete. */
void trace_publish(enum trace_section section);

/* Bytes that a section can grow to. */
uint64_t trace_capacity(enum trace_section section);

/* Elements reserved so far. */
uint32_t trace_count(enum trace_section section);

/* Copies a string into the file, with a zero behind it; empty when there is no room. */
struct trace_string trace_add_string(const char *bytes, size_t size_bytes);

/* The size of the file, and what the kernel knows it by. */
uint64_t trace_file_bytes(void);
uint64_t trace_file_inode(void);

void trace_count_anomaly(enum trace_anomaly anomaly);

#endif
