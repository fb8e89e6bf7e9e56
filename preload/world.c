/* SPDX-License-Identifier: BSD-2-Clause */
/* world.c -- Keeps all threads of the program out of the recorder, for what has to be exact. */
#include "world.h"

#include "clock.h"
#include "lock.h"
#include "sys.h"
#include "thread.h"
#include "trace_file.h"

#include <linux/futex.h>
#include <time.h>

enum {
    PATIENCE_NS = 1000 * 1000 * 1000,
    MOMENT_NS = 50 * 1000,
    LOOKS_BEFORE_SLEEP = 20,
    LOOKS_BEFORE_ASKING = 100 /* the kernel, whether the thread still lives */
};

static struct lock world_lock;
static uint64_t signals;    /* of the thread that holds it */
static uint32_t is_stopped; /* a futex */

/* --- the one who stops --- */

static void count(struct thread *thread, void *data)
{
    (void)thread;
    ++*(uint32_t *)data;
}

struct look {
    bool asks_kernel;
    bool finds_one;
};

static void look_at(struct thread *thread, void *data)
{
    struct look *look = data;
    if (__atomic_load_n(&thread->busy, __ATOMIC_ACQUIRE) == BUSY_NOT)
        return;
    if (!look->asks_kernel || !thread_has_ended(thread))
        look->finds_one = true;
}

static bool is_any_inside(bool asks_kernel)
{
    struct look look = {.asks_kernel = asks_kernel};
    thread_visit(look_at, &look);
    return look.finds_one;
}

static void sleep_a_moment(void)
{
    static const uint32_t never = 0;
    const struct timespec moment = {.tv_nsec = MOMENT_NS};
    sys(__NR_futex, &never, FUTEX_WAIT_PRIVATE, never, &moment);
}

static bool wait_for_all(void)
{
    uint64_t start_ns = clock_monotonic_ns();
    for (uint32_t looks = 0; is_any_inside(looks >= LOOKS_BEFORE_ASKING); looks++) {
        if (clock_monotonic_ns() - start_ns > PATIENCE_NS)
            return false;
        if (looks >= LOOKS_BEFORE_SLEEP)
            sleep_a_moment();
    }
    return true;
}

bool world_stop(void)
{
    uint32_t threads = 0;
    uint64_t mask = lock_enter(&world_lock);
    signals = mask;
    __atomic_store_n(&is_stopped, 1, __ATOMIC_RELEASE);
    thread_raise_generation();
    thread_visit(count, &threads); /* one that attaches after this sees that the world is stopped */
    if (threads < 2 || (thread_put_fence_into_all() && wait_for_all()))
        return true;
    world_go_on();
    return false;
}

void world_go_on(void)
{
    __atomic_store_n(&is_stopped, 0, __ATOMIC_RELEASE);
    sys(__NR_futex, &is_stopped, FUTEX_WAKE_PRIVATE, INT32_MAX);
    lock_leave(&world_lock, signals);
}

/* --- the others --- */

bool world_is_stopped(void)
{
    return __atomic_load_n(&is_stopped, __ATOMIC_SEQ_CST);
}

void world_wait(void)
{
    while (world_is_stopped())
        sys(__NR_futex, &is_stopped, FUTEX_WAIT_PRIVATE, 1, 0);
}

void world_after_fork(void)
{
    lock_reset(&world_lock);
    is_stopped = 0;
}
