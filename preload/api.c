/* SPDX-License-Identifier: BSD-2-Clause */
/* api.c -- What the program may ask through memtrace.h. */
#include "arena.h"
#include "lifecycle.h"
#include "memtrace.h"
#include "sys.h"
#include "trace_file.h"

static bool is_tracing(void)
{
    return lifecycle_is_recording();
}

static void get_traced_memory(int64_t *current_bytes, int64_t *peak_bytes)
{
    struct thread *thread = thread_self;
    if (!lifecycle_is_recording())
        return;
    int64_t held_back = thread ? thread->unflushed_bytes + thread->nested_bytes : 0;
    int64_t current = __atomic_load_n(&trace.header->live_bytes, __ATOMIC_RELAXED) + held_back;
    int64_t peak = __atomic_load_n(&trace.header->peak_bytes, __ATOMIC_RELAXED);
    *current_bytes = current;
    *peak_bytes = peak > current ? peak : current;
}

static uint64_t get_tracemalloc_memory(void)
{
    return lifecycle_is_recording() ? arena_total_bytes() + trace_file_bytes() : 0;
}

const struct memtrace_interface *memtrace_interface(void);

__attribute__((visibility("default"))) const struct memtrace_interface *memtrace_interface(void)
{
    static const struct memtrace_interface interface = {
        .size_bytes = sizeof interface,
        .is_tracing = is_tracing,
        .get_traced_memory = get_traced_memory,
        .get_tracemalloc_memory = get_tracemalloc_memory,
    };
    return &interface;
}
