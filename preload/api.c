/* SPDX-License-Identifier: BSD-2-Clause */
/* api.c -- What the program may ask through memtrace.h.
 *
 * Anything may be asked at any time, by any thread, in signal handlers too. What needs the world
 * stopped is refused to a handler that has interrupted the recorder. */
#include "arena.h"
#include "heap.h"
#include "history.h"
#include "lifecycle.h"
#include "marks.h"
#include "memtrace.h"
#include "pools.h"
#include "sampling.h"
#include "sys.h"
#include "text.h"
#include "totals.h"
#include "trace_file.h"
#include "traceback.h"
#include "unwind_arch.h"
#include "world.h"

/* Who asks. */
struct asker {
    struct thread *thread; /* NULL: nothing is recorded here */
    bool is_nested;
};

#define ASKER() ask((uint64_t)__builtin_frame_address(0))

static struct asker ask(uint64_t sp)
{
    struct asker asker;
    asker.thread = lifecycle_ask(sp, &asker.is_nested);
    return asker;
}

static bool stop_world(const struct asker *asker)
{
    return asker->thread && !asker->is_nested && world_stop();
}

/* --- on and off --- */

static bool is_tracing(void)
{
    return lifecycle_may_record() && !__atomic_load_n(&sampling_is_paused, __ATOMIC_RELAXED);
}

static void mark(enum trace_mark_kind kind, const struct asker *asker, const char *name)
{
    if (asker->thread)
        marks_add(kind, asker->thread->index, name, name ? text_length(name) : 0);
}

static bool start(void)
{
    const struct asker asker = ASKER();
    if (asker.thread && lifecycle_pause(false))
        mark(MARK_RESUMED, &asker, NULL);
    return asker.thread != NULL;
}

static void stop(void)
{
    const struct asker asker = ASKER();
    if (asker.thread && lifecycle_pause(true))
        mark(MARK_PAUSED, &asker, NULL);
}

/* --- figures --- */

/* One thread alone knows everything. */
static int64_t live_bytes_of(const struct thread *thread)
{
    if (thread->is_sole)
        return trace.header->live_bytes + thread->unflushed_bytes + thread->nested_bytes;
    return totals_live_bytes();
}

static void get_traced_memory(int64_t *current_bytes, int64_t *peak_bytes)
{
    const struct asker asker = ASKER();
    if (!asker.thread)
        return;
    int64_t current = live_bytes_of(asker.thread);
    int64_t peak = __atomic_load_n(&trace.header->peak_bytes, __ATOMIC_RELAXED);
    *current_bytes = current;
    *peak_bytes = peak > current ? peak : current;
}

static bool clear_traces(void)
{
    const struct asker asker = ASKER();
    if (!stop_world(&asker))
        return false;
    history_clear(asker.thread->index, heap_forget);
    world_go_on();
    return true;
}

static bool reset_peak(void)
{
    const struct asker asker = ASKER();
    if (!stop_world(&asker))
        return false;
    heap_reset_peak();
    mark(MARK_PEAK_RESET, &asker, NULL);
    world_go_on();
    return true;
}

static uint64_t get_tracemalloc_memory(void)
{
    return lifecycle_is_recording() ? arena_total_bytes() + trace_file_bytes() : 0;
}

/* --- blocks --- */

static size_t get_object_traceback(const void *block, struct memtrace_frame *frames, size_t room)
{
    return lifecycle_may_record() ? traceback_of_block(block, frames, room) : 0;
}

static void dump_object_traceback(int fd, const void *block)
{
    if (lifecycle_may_record())
        traceback_dump(fd, block);
}

/* --- custom pools ---
 *
 * As in the hooks, the call stack begins with who called. A handler that has interrupted a hook may
 * do this all the same: it touches nothing of the heap's. */

static __attribute__((noinline)) struct guest begin_pool_in_child(uint64_t sp)
{
    bool is_nested;
    lifecycle_ask(sp, &is_nested); /* it gets a trace of its own for this */
    return lifecycle_enter_apart(sp);
}

static void pool_alloc(const void *pool, const void *block, size_t size_bytes)
{
    const struct frame_start start = {CALLER_PC(), CALLER_SP(), CALLER_FP()};
    uint64_t sp = (uint64_t)__builtin_frame_address(0);
    struct guest guest = lifecycle_enter_apart(sp);
    if (unlikely(guest.thread == treatment(TREAT_BEFORE_OWN_TRACE)))
        guest = begin_pool_in_child(sp);
    if (unlikely(!is_thread(guest.thread)))
        return;
    pools_allocated(guest.thread, pool, block, size_bytes, start);
    lifecycle_leave_apart(&guest);
}

static void pool_free(const void *pool, const void *block)
{
    struct guest guest = lifecycle_enter_apart((uint64_t)__builtin_frame_address(0));
    if (guest.thread == treatment(TREAT_BEFORE_OWN_TRACE))
        pools_forget_block(pool, block);
    if (unlikely(!is_thread(guest.thread)))
        return;
    pools_freed(guest.thread, pool, block);
    lifecycle_leave_apart(&guest);
}

static void pool_clear(const void *pool)
{
    struct guest guest = lifecycle_enter_apart((uint64_t)__builtin_frame_address(0));
    if (guest.thread == treatment(TREAT_BEFORE_OWN_TRACE))
        pools_forget_pool(pool);
    if (unlikely(!is_thread(guest.thread)))
        return;
    pools_cleared(guest.thread, pool);
    lifecycle_leave_apart(&guest);
}

/* --- moments --- */

/* Where the world cannot be stopped, other threads' counters move while they are read. */
static bool take_snapshot(const char *name)
{
    const struct asker asker = ASKER();
    if (!asker.thread)
        return false;
    bool is_stopped = stop_world(&asker);
    history_snapshot(asker.thread->index, name, name ? text_length(name) : 0);
    if (is_stopped)
        world_go_on();
    return true;
}

static void mark_point(const char *name)
{
    const struct asker asker = ASKER();
    mark(MARK_POINT, &asker, name);
}

static void phase_begin(const char *name)
{
    const struct asker asker = ASKER();
    mark(MARK_PHASE_BEGIN, &asker, name);
}

static void phase_end(const char *name)
{
    const struct asker asker = ASKER();
    mark(MARK_PHASE_END, &asker, name);
}

/* --- the interface --- */

const struct memtrace_interface *memtrace_interface(void);

__attribute__((visibility("default"))) const struct memtrace_interface *memtrace_interface(void)
{
    static const struct memtrace_interface interface = {
        .size_bytes = sizeof interface,
        .is_tracing = is_tracing,
        .get_traced_memory = get_traced_memory,
        .get_tracemalloc_memory = get_tracemalloc_memory,
        .start = start,
        .stop = stop,
        .reset_peak = reset_peak,
        .take_snapshot = take_snapshot,
        .mark = mark_point,
        .phase_begin = phase_begin,
        .phase_end = phase_end,
        .clear_traces = clear_traces,
        .get_object_traceback = get_object_traceback,
        .dump_object_traceback = dump_object_traceback,
        .pool_alloc = pool_alloc,
        .pool_free = pool_free,
        .pool_clear = pool_clear,
    };
    return &interface;
}
