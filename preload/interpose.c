/* SPDX-License-Identifier: BSD-2-Clause */
/* interpose.c -- Every replaced function, and nothing else: begin, call the real one, record, end.
 *
 * Compiled with frame pointers: a hook's own frame tells the registers of its caller. */
#include "heap.h"
#include "lifecycle.h"
#include "operators.h"
#include "real.h"
#include "sampler.h"
#include "sys.h"
#include "trace_file.h"
#include "unwind_arch.h"

#include <stdarg.h>
#include <unistd.h>

/* libc's headers, which declare these functions, are not for this library. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#define EXPORT __attribute__((visibility("default")))
/* The whole fast path in one function; what is not on it is marked noinline where it is. */
#define HOT __attribute__((flatten))
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* --- begin and end of a call --- */

#define CALL_IS_COUNTED CALL_COUNT /* the call has begun before */

static __attribute__((noinline)) struct thread *begin_otherwise(enum trace_call call,
                                                                enum busy busy, uint64_t sp)
{
    struct thread *thread = lifecycle_begin(busy, sp);
    bool is_counted = call == CALL_IS_COUNTED;
    if (thread == treatment(TREAT_BEFORE_OWN_TRACE)) {
        if (!is_counted)
            lifecycle_count_call(call);
    } else if (thread == treatment(TREAT_NESTED)) {
        if (!is_counted)
            __atomic_fetch_add(&trace.threads[0].calls[call], 1, __ATOMIC_RELAXED);
        if (thread_self->busy == BUSY_WRAPPER)
            thread = treatment(TREAT_PASS);
    }
    return thread;
}

/* thread: thread_self. */
ALWAYS_INLINE struct thread *begin_as(struct thread *thread, enum trace_call call, enum busy busy)
{
    uint64_t sp = (uint64_t)__builtin_frame_address(0);
    if (unlikely(!thread || thread->busy || !thread_begin(thread, busy, sp))) {
        thread = begin_otherwise(call, busy, sp);
        if (!is_thread(thread))
            return thread;
    }
    if (call != CALL_IS_COUNTED)
        thread->totals->calls[call]++;
    return thread;
}

ALWAYS_INLINE struct thread *begin(enum trace_call call, enum busy busy)
{
    return begin_as(thread_self, call, busy);
}

ALWAYS_INLINE void end(struct thread *thread)
{
    if (likely(is_thread(thread)))
        thread_end(thread);
}

static __attribute__((noinline)) void allocated_otherwise(struct thread *thread, const void *block,
                                                          uint64_t size_bytes)
{
    if (thread == treatment(TREAT_NESTED))
        heap_allocated_nested(thread_self, block, size_bytes);
    else if (thread == treatment(TREAT_BEFORE_OWN_TRACE))
        lifecycle_count_allocated(block, size_bytes);
}

ALWAYS_INLINE void allocated(struct thread *thread, const void *block, uint64_t size_bytes,
                             uint64_t pc, uint64_t sp, uint64_t fp)
{
    if (unlikely(!is_thread(thread)))
        allocated_otherwise(thread, block, size_bytes);
    else
        heap_allocated(thread, block, size_bytes, pc, sp, fp);
}

static __attribute__((noinline)) void freed_otherwise(struct thread *thread, const void *block)
{
    if (thread == treatment(TREAT_NESTED))
        heap_freed_nested(thread_self, block);
    else if (thread == treatment(TREAT_BEFORE_OWN_TRACE))
        lifecycle_count_freed(block);
}

ALWAYS_INLINE void freed(struct thread *thread, const void *block)
{
    if (unlikely(!is_thread(thread))) {
        freed_otherwise(thread, block);
        return;
    }
    thread->busy_block = block;
    heap_freed(thread, block);
}

/* --- sampled mode: most blocks are none of ours --- */

ALWAYS_INLINE bool is_sampling(const struct thread *thread)
{
    return thread && unlikely(thread->is_sampling) &&
           thread->sampling_generation == *thread_generation;
}

/* True: this allocation is not in the sample, and has been counted. */
ALWAYS_INLINE bool is_passed_over(struct thread *thread, enum trace_call call, size_t size_bytes)
{
    if (!is_sampling(thread) || size_bytes >= (uint64_t)thread->until_sample_bytes)
        return false;
    thread->until_sample_bytes -= (int64_t)(size_bytes + !size_bytes);
    thread->totals->calls[call]++;
    thread->last_block = NULL;
    return true;
}

/* True: this block was not in the sample, and its end has been counted. */
ALWAYS_INLINE bool is_unknown(struct thread *thread, enum trace_call call, const void *block)
{
    if (!is_sampling(thread) || live_may_hold(block))
        return false;
    thread->totals->calls[call]++;
    return true;
}

/* --- allocation --- */

#define RECORD_ALLOCATION(thread, block, size_bytes)                                               \
    do {                                                                                           \
        if (likely((block) != NULL))                                                               \
            allocated(thread, block, size_bytes, CALLER_PC(), CALLER_SP(), CALLER_FP());           \
        end(thread);                                                                               \
    } while (0)

/* The functions that are called most are split: what comes first needs no frame of its own, and
 * what follows is called in tail position, so that it sees the caller's caller as its own. */

static HOT __attribute__((noinline)) void *malloc_recorded(size_t size, struct thread *thread)
{
    thread = begin_as(thread, CALL_MALLOC, BUSY_RECORDING);
    void *block = real.malloc(size);
    RECORD_ALLOCATION(thread, block, size);
    return block;
}

EXPORT HOT void *malloc(size_t size)
{
    struct thread *thread = thread_self;
    if (is_passed_over(thread, CALL_MALLOC, size))
        return real.malloc(size);
    return malloc_recorded(size, thread);
}

static HOT __attribute__((noinline)) void *calloc_recorded(size_t count, size_t size,
                                                           struct thread *thread)
{
    thread = begin_as(thread, CALL_CALLOC, BUSY_RECORDING);
    void *block = real.calloc(count, size);
    RECORD_ALLOCATION(thread, block, count * size);
    return block;
}

EXPORT HOT void *calloc(size_t count, size_t size)
{
    struct thread *thread = thread_self;
    size_t total;
    if (!__builtin_mul_overflow(count, size, &total) && is_passed_over(thread, CALL_CALLOC, total))
        return real.calloc(count, size);
    return calloc_recorded(count, size, thread);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    struct thread *thread = begin(CALL_ALIGNED_ALLOC, BUSY_RECORDING);
    void *block = real.aligned_alloc(alignment, size);
    RECORD_ALLOCATION(thread, block, size);
    return block;
}

EXPORT void *memalign(size_t alignment, size_t size)
{
    struct thread *thread = begin(CALL_MEMALIGN, BUSY_RECORDING);
    void *block = real.memalign(alignment, size);
    RECORD_ALLOCATION(thread, block, size);
    return block;
}

EXPORT int posix_memalign(void **ret_block, size_t alignment, size_t size)
{
    struct thread *thread = begin(CALL_POSIX_MEMALIGN, BUSY_RECORDING);
    int error = real.posix_memalign(ret_block, alignment, size);
    void *block = error ? NULL : *ret_block;
    RECORD_ALLOCATION(thread, block, size);
    return error;
}

EXPORT void *valloc(size_t size)
{
    struct thread *thread = begin(CALL_VALLOC, BUSY_RECORDING);
    void *block = real.valloc(size);
    RECORD_ALLOCATION(thread, block, size);
    return block;
}

EXPORT void *pvalloc(size_t size)
{
    struct thread *thread = begin(CALL_PVALLOC, BUSY_RECORDING);
    void *block = real.pvalloc(size);
    RECORD_ALLOCATION(thread, block, size);
    return block;
}

/* --- reallocation --- */

/* A nested realloc of the very block that the interrupted call is giving back finds no entry, and
 * leaves it at that. */
static void *realloc_nested(void *block, size_t size)
{
    struct live_block taken = {0};
    if (block && block != thread_self->busy_block)
        taken = heap_take(block);
    void *moved = real.realloc(block, size);
    if (!moved && size) {
        heap_put_back(block, taken);
        return moved;
    }
    heap_released_nested(thread_self, block, taken);
    if (moved)
        heap_allocated_nested(thread_self, moved, size);
    return moved;
}

/* The old block is forgotten before the call, and counted again as inherited if the call fails. */
static void *realloc_before_own_trace(void *block, size_t size)
{
    struct live_block taken = block ? live_remove(block) : (struct live_block){0};
    void *moved = real.realloc(block, size);
    if (!moved && size) {
        heap_put_back(block, taken);
        return moved;
    }
    lifecycle_count_released(taken);
    if (moved)
        lifecycle_count_allocated(moved, size);
    return moved;
}

static __attribute__((noinline)) void *realloc_otherwise(struct thread *thread, void *block,
                                                         size_t size)
{
    if (thread == treatment(TREAT_NESTED))
        return realloc_nested(block, size);
    if (thread == treatment(TREAT_BEFORE_OWN_TRACE))
        return realloc_before_own_trace(block, size);
    return real.realloc(block, size);
}

/* The old block's entry goes first: once the real realloc has given it back, another thread may
 * get the same address. If the call fails, the entry is put back; nobody else can have used the
 * address meanwhile. With size 0 a NULL result means freed, with others it means failed. */
#define REALLOCATE(thread, block, size_bytes, expression, result)                                  \
    do {                                                                                           \
        struct live_block taken = {0};                                                             \
        thread->busy_block = block;                                                                \
        if (block)                                                                                 \
            taken = heap_take(block);                                                              \
        result = expression;                                                                       \
        if (likely(result != NULL || (size_bytes) == 0))                                           \
            heap_release(thread, block, taken);                                                    \
        else                                                                                       \
            heap_put_back(block, taken);                                                           \
        RECORD_ALLOCATION(thread, result, size_bytes);                                             \
    } while (0)

static HOT __attribute__((noinline)) void *realloc_recorded(void *block, size_t size,
                                                            struct thread *thread)
{
    void *result;
    thread = begin_as(thread, CALL_REALLOC, BUSY_RECORDING);
    if (unlikely(!is_thread(thread)))
        return realloc_otherwise(thread, block, size);
    REALLOCATE(thread, block, size, real.realloc(block, size), result);
    return result;
}

EXPORT HOT void *realloc(void *block, size_t size)
{
    struct thread *thread = thread_self;
    if (is_sampling(thread) && !live_may_hold(block) && is_passed_over(thread, CALL_REALLOC, size))
        return real.realloc(block, size);
    return realloc_recorded(block, size, thread);
}

/* glibc's calls realloc through the PLT: that call is only counted. If the product overflows it
 * fails, and the wrapped product here, even if zero, must not be taken for a free. */
EXPORT void *reallocarray(void *block, size_t count, size_t size)
{
    size_t total;
    struct thread *thread = begin(CALL_REALLOCARRAY, BUSY_WRAPPER);
    void *result;
    if (__builtin_mul_overflow(count, size, &total))
        total = SIZE_MAX;
    if (unlikely(!is_thread(thread))) {
        if (total == SIZE_MAX)
            return real.reallocarray(block, count, size);
        return realloc_otherwise(thread, block, total);
    }
    REALLOCATE(thread, block, total, real.reallocarray(block, count, size), result);
    return result;
}

/* --- freeing: the entry goes before the block --- */

static HOT __attribute__((noinline)) void free_recorded(void *block, struct thread *thread)
{
    thread = begin_as(thread, CALL_FREE, BUSY_RECORDING);
    freed(thread, block);
    real.free(block);
    end(thread);
}

EXPORT HOT void free(void *block)
{
    struct thread *thread = thread_self;
    if (is_unknown(thread, CALL_FREE, block))
        real.free(block);
    else
        free_recorded(block, thread);
}

EXPORT void cfree(void *block)
{
    struct thread *thread = begin(CALL_CFREE, BUSY_RECORDING);
    freed(thread, block);
    real.cfree(block);
    end(thread);
}

EXPORT void free_sized(void *block, size_t size)
{
    struct thread *thread = begin(CALL_FREE_SIZED, BUSY_RECORDING);
    freed(thread, block);
    real.free_sized(block, size);
    end(thread);
}

EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size)
{
    struct thread *thread = begin(CALL_FREE_ALIGNED_SIZED, BUSY_RECORDING);
    freed(thread, block);
    real.free_aligned_sized(block, alignment, size);
    end(thread);
}

/* --- operators new and delete of allocators that bring their own, see operators.h --- */

/* By a call of malloc's family inside the operator. What this thread was handed out last may have
 * been freed by another one since. */
static bool is_recorded(const void *block)
{
    const struct thread *thread = thread_self;
    return thread && (thread->last_block == block || thread->nested_block == block) &&
           live_find(block).counters;
}

/* Outside while the real one runs: it may call the program's new_handler, and may throw. */
HOT void *operator_new_recorded(uint64_t size, uint64_t second, uint64_t third, uint32_t number)
{
    end(begin(CALL_OPERATOR_NEW, BUSY_RECORDING));
    void *block = operators_next[number](size, second, third);
    if (unlikely(!block) || unlikely(is_recorded(block)))
        return block;
    struct thread *thread = begin(CALL_IS_COUNTED, BUSY_RECORDING);
    RECORD_ALLOCATION(thread, block, size);
    return block;
}

/* That free may be called inside for the same block does not matter, see heap_freed_nested. */
HOT void operator_delete_recorded(void *block, uint64_t second, uint64_t third, uint32_t number)
{
    struct thread *thread = begin(CALL_OPERATOR_DELETE, BUSY_RECORDING);
    freed(thread, block);
    operators_next[number]((uint64_t)block, second, third);
    end(thread);
}

/* --- unloading code --- */

EXPORT int dlclose(void *handle)
{
    real_init();
    sampler_before_unload();
    int result = real.dlclose(handle);
    sampler_after_unload();
    lifecycle_code_may_be_unloaded();
    return result;
}

/* --- the end of the program --- */

EXPORT void exit(int status)
{
    real_init();
    lifecycle_ending(TRACE_EXITED, true, status & 0xff);
    real.exit(status);
    __builtin_unreachable();
}

EXPORT void _exit(int status)
{
    real_init();
    lifecycle_ending(TRACE_EXITED, true, status & 0xff);
    real._exit(status);
    __builtin_unreachable();
}

EXPORT void _Exit(int status)
{
    real_init();
    lifecycle_ending(TRACE_EXITED, true, status & 0xff);
    real._Exit(status);
    __builtin_unreachable();
}

EXPORT void quick_exit(int status)
{
    real_init();
    lifecycle_ending(TRACE_EXITED, true, status & 0xff);
    real.quick_exit(status);
    __builtin_unreachable();
}

#define EXEC(call)                                                                                 \
    do {                                                                                           \
        real_init();                                                                               \
        lifecycle_ending(TRACE_EXECED, false, 0);                                                  \
        int result = call;                                                                         \
        lifecycle_goes_on();                                                                       \
        return result;                                                                             \
    } while (0)

EXPORT int execve(const char *path, char *const arguments[], char *const environment[])
{
    EXEC(real.execve(path, arguments, environment));
}

EXPORT int execv(const char *path, char *const arguments[])
{
    EXEC(real.execv(path, arguments));
}

EXPORT int execvp(const char *file, char *const arguments[])
{
    EXEC(real.execvp(file, arguments));
}

EXPORT int execvpe(const char *file, char *const arguments[], char *const environment[])
{
    EXEC(real.execvpe(file, arguments, environment));
}

EXPORT int fexecve(int fd, char *const arguments[], char *const environment[])
{
    EXEC(real.fexecve(fd, arguments, environment));
}

/* The variadic ones: count, copy to an array on the stack, as libc does. */
static size_t count_arguments(va_list list)
{
    size_t count = 1;
    while (va_arg(list, char *))
        count++;
    return count;
}

#define COLLECT(first, arguments)                                                                  \
    va_list list;                                                                                  \
    va_start(list, first);                                                                         \
    size_t count = count_arguments(list);                                                          \
    va_end(list);                                                                                  \
    char **arguments = __builtin_alloca((count + 1) * sizeof *arguments);                          \
    va_start(list, first);                                                                         \
    arguments[0] = (char *)first;                                                                  \
    for (size_t i = 1; i <= count; i++)                                                            \
    arguments[i] = va_arg(list, char *)

EXPORT int execl(const char *path, const char *first, ...)
{
    COLLECT(first, arguments);
    va_end(list);
    EXEC(real.execv(path, arguments));
}

EXPORT int execlp(const char *file, const char *first, ...)
{
    COLLECT(first, arguments);
    va_end(list);
    EXEC(real.execvp(file, arguments));
}

EXPORT int execle(const char *path, const char *first, ...)
{
    COLLECT(first, arguments);
    char **environment = va_arg(list, char **);
    va_end(list);
    EXEC(real.execve(path, arguments, environment));
}

/* Tells a second copy of this library, preloaded behind this one, to stay out of the way. */
EXPORT void memtrace_marker(void)
{
}
