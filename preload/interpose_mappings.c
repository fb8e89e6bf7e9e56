/* SPDX-License-Identifier: BSD-2-Clause */
/* interpose_mappings.c -- Replaced functions that map memory: begin, call the real one, record,
 * end.
 *
 * Compiled with frame pointers, as interpose.c is. The thread is not inside the recorder while the
 * kernel works, which may take long. */
#include "lifecycle.h"
#include "mappings.h"
#include "real.h"
#include "sys.h"
#include "unwind_arch.h"

#include <linux/mman.h>

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#define EXPORT __attribute__((visibility("default")))
#define FAILED ((void *)-1)

enum {
    PAGE = 4096,
    HUGE_SHIFT = 26, /* of the page's binary logarithm in the flags */
    HUGE_MASK = 0x3f,
    HUGE_DEFAULT = 21
};

/* --- before and after the call --- */

/* NULL stands for a forked child without a trace of its own. */
static bool is_recorded(const struct guest *guest)
{
    return is_thread(guest->thread) || guest->thread == treatment(TREAT_BEFORE_OWN_TRACE);
}

static struct thread *thread_of(const struct guest *guest)
{
    return is_thread(guest->thread) ? guest->thread : NULL;
}

static __attribute__((noinline)) struct mappings_gone detach(uint64_t start, uint64_t size_bytes)
{
    struct mappings_gone gone = {0};
    uint64_t end = start + round_up(size_bytes, PAGE);
    struct guest guest = lifecycle_enter_apart((uint64_t)__builtin_frame_address(0));
    if (is_recorded(&guest))
        gone = mappings_detach(start, end);
    lifecycle_leave_apart(&guest);
    return gone;
}

static __attribute__((noinline)) void settle(struct mappings_gone gone, bool is_gone)
{
    if (!gone.pieces && !gone.is_lost)
        return;
    struct guest guest = lifecycle_enter_apart((uint64_t)__builtin_frame_address(0));
    if (!is_gone || !is_recorded(&guest))
        mappings_put_back(gone);
    else
        mappings_released(thread_of(&guest), gone);
    lifecycle_leave_apart(&guest);
}

static __attribute__((noinline)) void added(uint64_t start, uint64_t size_bytes,
                                            struct frame_start caller)
{
    struct guest guest = lifecycle_enter_apart((uint64_t)__builtin_frame_address(0));
    if (is_recorded(&guest))
        mappings_added(thread_of(&guest), start, start + size_bytes, caller);
    lifecycle_leave_apart(&guest);
    if (guest.thread == treatment(TREAT_BEFORE_OWN_TRACE))
        lifecycle_count_mapped(size_bytes);
}

/* --- mmap --- */

static uint64_t size_of(size_t size_bytes, int flags)
{
    unsigned shift = (unsigned)flags >> HUGE_SHIFT & HUGE_MASK;
    if (!(flags & MAP_HUGETLB))
        return round_up(size_bytes, PAGE);
    return round_up(size_bytes, 1ul << (shift ? shift : HUGE_DEFAULT));
}

EXPORT void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    real_init();
    void *result = real.mmap(address, size, protection, flags, fd, offset);
    if (result != FAILED)
        added((uint64_t)result, size_of(size, flags), CALLER());
    return result;
}

EXPORT void *mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    real_init();
    void *result = real.mmap64(address, size, protection, flags, fd, offset);
    if (result != FAILED)
        added((uint64_t)result, size_of(size, flags), CALLER());
    return result;
}

EXPORT int munmap(void *address, size_t size)
{
    real_init();
    struct mappings_gone gone = detach((uint64_t)address, size);
    int result = real.munmap(address, size);
    settle(gone, result == 0);
    return result;
}

/* The last argument is there only with some flags; nobody looks at it without. Of size 0, or if it
 * is to stay, what is at the old address goes on. */
EXPORT void *mremap(void *old, size_t old_size, size_t size, int flags, void *address)
{
    struct mappings_gone gone = {0};
    real_init();
    if (old_size && !(flags & MREMAP_DONTUNMAP))
        gone = detach((uint64_t)old, old_size);
    void *result = real.mremap(old, old_size, size, flags, address);
    settle(gone, result != FAILED);
    if (result != FAILED)
        added((uint64_t)result, round_up(size, PAGE), CALLER());
    return result;
}

/* --- brk --- */

/* Nothing is rounded: the end of the heap may be any address. */
static struct mappings_gone detach_heap(uint64_t start, uint64_t end)
{
    struct mappings_gone gone = {0};
    struct guest guest = lifecycle_enter_apart((uint64_t)__builtin_frame_address(0));
    if (is_recorded(&guest))
        gone = mappings_detach(start, end);
    lifecycle_leave_apart(&guest);
    return gone;
}

EXPORT int brk(void *address)
{
    struct mappings_gone gone = {0};
    real_init();
    uint64_t old = (uint64_t)real.sbrk(0), new = (uint64_t)address;
    if (new < old)
        gone = detach_heap(new, old);
    int result = real.brk(address);
    settle(gone, result == 0);
    if (result == 0 && new > old)
        added(old, new - old, CALLER());
    return result;
}

EXPORT void *sbrk(intptr_t change)
{
    struct mappings_gone gone = {0};
    real_init();
    if (change == 0)
        return real.sbrk(0);
    uint64_t old = (uint64_t)real.sbrk(0);
    if (change < 0)
        gone = detach_heap(old + (uint64_t)change, old);
    void *result = real.sbrk(change);
    settle(gone, result != FAILED);
    if (result != FAILED && change > 0)
        added((uint64_t)result, (uint64_t)change, CALLER());
    return result;
}
