/* SPDX-License-Identifier: BSD-2-Clause */
/* memtrace.h -- Ask the recorder from inside the program: header-only, nothing to link.
 *
 * Every function finds the recorder at its first use (dlsym) and does nothing, at the price of a
 * load and a branch, in a program that runs without it. All are thread-safe, none allocates after
 * its first use, none sets errno. The names follow Python's tracemalloc.
 *
 * Needs a libc with dlsym in it (glibc from 2.34 on); with an older one link with -ldl. In a static
 * program there is no recorder, and the answer is always the one without. */
#ifndef MEMTRACE_H
#define MEMTRACE_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef RTLD_DEFAULT
#define RTLD_DEFAULT ((void *)0)
#endif

/* What libmemtrace.so offers. size_bytes lets an older header meet a newer library and the other
 * way round: what lies beyond it is not there. */
struct memtrace_interface {
    size_t size_bytes;
    bool (*is_tracing)(void);
    void (*get_traced_memory)(int64_t *current_bytes, int64_t *peak_bytes);
    uint64_t (*get_tracemalloc_memory)(void);
};

/* The recorder's functions, NULL without it. */
static inline const struct memtrace_interface *memtrace_find(void)
{
    static const struct memtrace_interface *found;
    static int is_searched; /* racing threads find the same */
    if (!__atomic_load_n(&is_searched, __ATOMIC_ACQUIRE)) {
        const struct memtrace_interface *(*get)(void) =
            (const struct memtrace_interface *(*)(void))dlsym(RTLD_DEFAULT, "memtrace_interface");
        __atomic_store_n(&found, get ? get() : NULL, __ATOMIC_RELAXED);
        __atomic_store_n(&is_searched, 1, __ATOMIC_RELEASE);
    }
    return __atomic_load_n(&found, __ATOMIC_RELAXED);
}

/* True if this process's allocations are being recorded. */
static inline bool memtrace_is_tracing(void)
{
    const struct memtrace_interface *recorder = memtrace_find();
    return recorder && recorder->is_tracing();
}

/* Bytes that are live now, and at the peak so far; 0 and 0 without a recorder. With several
 * threads each may hold back up to 64 KiB divided by their number, and at least 1 KiB. */
static inline void memtrace_get_traced_memory(int64_t *current_bytes, int64_t *peak_bytes)
{
    const struct memtrace_interface *recorder = memtrace_find();
    *current_bytes = *peak_bytes = 0;
    if (recorder)
        recorder->get_traced_memory(current_bytes, peak_bytes);
}

/* Bytes that the recorder has mapped for itself: its tables and the trace file. 0 without it. */
static inline uint64_t memtrace_get_tracemalloc_memory(void)
{
    const struct memtrace_interface *recorder = memtrace_find();
    return recorder ? recorder->get_tracemalloc_memory() : 0;
}

#ifdef __cplusplus
}
#endif

#endif
