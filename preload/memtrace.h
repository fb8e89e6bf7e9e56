/* SPDX-License-Identifier: BSD-2-Clause */
/* memtrace.h -- Ask the recorder from inside the program: header-only, nothing to link.
 *
 * Every function finds the recorder at its first use (dlsym) and does nothing, at the price of a
 * load and a branch, in a program that runs without it. All are thread-safe, work after fork, and
 * leave errno alone. In signal handlers they do no harm once one of them has been called outside of
 * one. The names follow Python's tracemalloc.
 *
 * C11 or C++11, gcc or clang. Needs a libc with dlsym in it (glibc from 2.34 on); with an older one
 * link with -ldl. In a static program there is no recorder, and the answer is always the one
 * without. */
#ifndef MEMTRACE_H
#define MEMTRACE_H

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef RTLD_DEFAULT
#define RTLD_DEFAULT ((void *)0)
#endif

/* One call on the way to a block: the call instruction, or an instruction that a signal has
 * interrupted. */
struct memtrace_frame {
    const char *module; /* the ELF file's path, "" if it is in none; where a stack is not known any
                           further, why: "<unknown caller>", and the rest is zero */
    uint64_t offset;  /* in that file's own address space, as addr2line and memtrace report have it;
                         without a file, the address */
    uint64_t address; /* in this process, if the file is still where it was */
};

/* What libmemtrace.so offers; it only ever grows at its end. size_bytes lets an older header meet a
 * newer library and the other way round: what lies beyond it is not there. */
struct memtrace_interface {
    size_t size_bytes;
    bool (*is_tracing)(void);
    void (*get_traced_memory)(int64_t *current_bytes, int64_t *peak_bytes);
    uint64_t (*get_tracemalloc_memory)(void);
    bool (*start)(void);
    void (*stop)(void);
    bool (*reset_peak)(void);
    bool (*take_snapshot)(const char *name);
    void (*mark)(const char *name);
    void (*phase_begin)(const char *name);
    void (*phase_end)(const char *name);
    bool (*clear_traces)(void);
    size_t (*get_object_traceback)(const void *block, struct memtrace_frame *frames, size_t room);
    void (*dump_object_traceback)(int fd, const void *block);
    void (*pool_alloc)(const void *pool, const void *block, size_t size_bytes);
    void (*pool_free)(const void *pool, const void *block);
    void (*pool_clear)(const void *pool);
};

static inline const struct memtrace_interface *memtrace_search(void)
{
    const struct memtrace_interface *(*get)(void) = 0;
    int error = errno;
    void *symbol = dlsym(RTLD_DEFAULT, "memtrace_interface");
    __builtin_memcpy(&get, &symbol, sizeof get); /* ISO C has no cast for this */
    if (!symbol)
        (void)dlerror(); /* nobody else's business */
    errno = error;
    return get ? get() : 0;
}

/* The recorder's functions, NULL without it. */
static inline const struct memtrace_interface *memtrace_find(void)
{
    static const struct memtrace_interface *found;
    static int is_searched; /* racing threads find the same */
    if (!__atomic_load_n(&is_searched, __ATOMIC_ACQUIRE)) {
        __atomic_store_n(&found, memtrace_search(), __ATOMIC_RELAXED);
        __atomic_store_n(&is_searched, 1, __ATOMIC_RELEASE);
    }
    return __atomic_load_n(&found, __ATOMIC_RELAXED);
}

/* Whether the recorder there is has this function. */
#define MEMTRACE_HAS(recorder, function)                                                           \
    ((recorder) != 0 && (recorder)->size_bytes >= offsetof(struct memtrace_interface, function) +  \
                                                      sizeof((recorder)->function))

/* --- on and off --- */

/* True if what this process allocates now is being recorded. */
static inline bool memtrace_is_tracing(void)
{
    const struct memtrace_interface *recorder = memtrace_find();
    return recorder && recorder->is_tracing();
}

/* From memtrace_stop to memtrace_start nothing that is allocated is recorded, in no thread. Unlike
 * tracemalloc, what was recorded before stays, and its frees are still taken into account; call
 * memtrace_clear_traces as well to forget it. True if recording goes on now. */
static inline bool memtrace_start(void)
{
    const struct memtrace_interface *recorder = memtrace_find();
    return MEMTRACE_HAS(recorder, start) && recorder->start();
}

static inline void memtrace_stop(void)
{
    const struct memtrace_interface *recorder = memtrace_find();
    if (MEMTRACE_HAS(recorder, stop))
        recorder->stop();
}

/* --- figures --- */

/* Bytes that are live now, and at the peak so far; 0 and 0 without a recorder. Of threads that
 * allocate at this very moment it is open what counts; the peak may be off by what memtrace report
 * says. */
static inline void memtrace_get_traced_memory(int64_t *current_bytes, int64_t *peak_bytes)
{
    const struct memtrace_interface *recorder = memtrace_find();
    *current_bytes = *peak_bytes = 0;
    if (recorder)
        recorder->get_traced_memory(current_bytes, peak_bytes);
}

/* Forgets all that was allocated so far, in the trace too: reports show what has come since, and
 * the frees of older blocks count for nothing. False if nothing was done: without a recorder; in a
 * signal handler that has interrupted it; or because another thread was in an allocation that did
 * not come to its end for a second. All other threads are kept from allocating for the moment it
 * takes. */
static inline bool memtrace_clear_traces(void)
{
    const struct memtrace_interface *recorder = memtrace_find();
    return MEMTRACE_HAS(recorder, clear_traces) && recorder->clear_traces();
}

/* What is live now is the peak; the peak so far is forgotten, in the trace too. False as above. */
static inline bool memtrace_reset_peak(void)
{
    const struct memtrace_interface *recorder = memtrace_find();
    return MEMTRACE_HAS(recorder, reset_peak) && recorder->reset_peak();
}

/* Bytes that the recorder has mapped for itself: its tables and the trace file. 0 without it. */
static inline uint64_t memtrace_get_tracemalloc_memory(void)
{
    const struct memtrace_interface *recorder = memtrace_find();
    return recorder ? recorder->get_tracemalloc_memory() : 0;
}

/* --- blocks --- */

/* The call stack that a live block was allocated by, innermost call first: fills frames as far as
 * there is room, and returns how many there are. 0: it is not known; a block is known by its first
 * byte, and one of a custom pool comes before one of the heap that begins at the same address.
 * Names and lines are for others to find; strings stay where they are. */
static inline size_t memtrace_get_object_traceback(const void *block, struct memtrace_frame *frames,
                                                   size_t room)
{
    const struct memtrace_interface *recorder = memtrace_find();
    return MEMTRACE_HAS(recorder, get_object_traceback)
               ? recorder->get_object_traceback(block, frames, room)
               : 0;
}

/* Writes the same as text, a line MODULE+0xOFFSET for each call. Nothing without a recorder. */
static inline void memtrace_dump_object_traceback(int fd, const void *block)
{
    const struct memtrace_interface *recorder = memtrace_find();
    if (MEMTRACE_HAS(recorder, dump_object_traceback))
        recorder->dump_object_traceback(fd, block);
}

/* --- custom pools ---
 *
 * An allocator that cuts its blocks from larger ones announces them here: memtrace report
 * --domain=pool shows them, with call stacks and sizes, apart from the heap that they lie in. Their
 * addresses may be any. To be called by the pool's own function: reports charge whoever called that
 * one. What they had "at the peak" is what they had when the heap was at its peak. */

/* A block was handed out; if it is live already, it has a new size and place. */
static inline __attribute__((always_inline)) void memtrace_alloc(const void *block,
                                                                 size_t size_bytes)
{
    const struct memtrace_interface *recorder = memtrace_find();
    if (MEMTRACE_HAS(recorder, pool_alloc))
        recorder->pool_alloc(NULL, block, size_bytes);
}

/* A block was given back; call it before another thread can get the same one. What is not known is
 * passed over. */
static inline __attribute__((always_inline)) void memtrace_free(const void *block)
{
    const struct memtrace_interface *recorder = memtrace_find();
    if (MEMTRACE_HAS(recorder, pool_free))
        recorder->pool_free(NULL, block);
}

/* The same for pools that are emptied as a whole, or that lie inside each other, so that blocks of
 * two may begin at one address: a block is known by its address and its pool, which is any pointer
 * that stands for it. VALGRIND_MEMPOOL_ALLOC, _FREE and VALGRIND_DESTROY_MEMPOOL are told just what
 * these want. */
static inline __attribute__((always_inline)) void
memtrace_pool_alloc(const void *pool, const void *block, size_t size_bytes)
{
    const struct memtrace_interface *recorder = memtrace_find();
    if (MEMTRACE_HAS(recorder, pool_alloc))
        recorder->pool_alloc(pool, block, size_bytes);
}

static inline __attribute__((always_inline)) void memtrace_pool_free(const void *pool,
                                                                     const void *block)
{
    const struct memtrace_interface *recorder = memtrace_find();
    if (MEMTRACE_HAS(recorder, pool_free))
        recorder->pool_free(pool, block);
}

/* The pool has got all of its blocks back at once: it was reset, or destroyed. */
static inline void memtrace_pool_clear(const void *pool)
{
    const struct memtrace_interface *recorder = memtrace_find();
    if (MEMTRACE_HAS(recorder, pool_clear))
        recorder->pool_clear(pool);
}

/* --- moments; names are up to 255 bytes long, NULL is none --- */

/* Keeps in the trace what is live now at every call site: memtrace report TRACE@NAME, memtrace diff
 * TRACE@NAME TRACE@OTHER. All other threads are kept from allocating for the moment it takes. False
 * without a recorder. */
static inline bool memtrace_take_snapshot(const char *name)
{
    const struct memtrace_interface *recorder = memtrace_find();
    return MEMTRACE_HAS(recorder, take_snapshot) && recorder->take_snapshot(name);
}

/* Gives this moment a name. It costs little, and keeps no more than the total of what is live. */
static inline void memtrace_mark(const char *name)
{
    const struct memtrace_interface *recorder = memtrace_find();
    if (MEMTRACE_HAS(recorder, mark))
        recorder->mark(name);
}

/* The same for a span of time. Phases nest, in each thread by itself. */
static inline void memtrace_phase_begin(const char *name)
{
    const struct memtrace_interface *recorder = memtrace_find();
    if (MEMTRACE_HAS(recorder, phase_begin))
        recorder->phase_begin(name);
}

static inline void memtrace_phase_end(const char *name)
{
    const struct memtrace_interface *recorder = memtrace_find();
    if (MEMTRACE_HAS(recorder, phase_end))
        recorder->phase_end(name);
}

#ifdef __cplusplus
}
#endif

#endif
