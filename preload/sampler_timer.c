/* SPDX-License-Identifier: BSD-2-Clause */
/* sampler_timer.c -- Samples at the kernel's ticks: a timer on each thread's CPU clock.
 *
 * Every kernel permits these, and they need no thread of ours. Their signals come at ticks only,
 * however short the gap; a sample stands for all the time since the one before. */
#include "sampler_timer.h"

#include "clock.h"
#include "expiry.h"
#include "sampler_signal.h"
#include "sys.h"
#include "text.h"

#include <signal.h>
#include <sys/utsname.h>
#include <time.h>

#define TICK_DEFAULT_NS 4000000u

static uint64_t tick_ns;

static uint64_t read_tick_ns(void)
{
    struct timespec resolution = {0};
    if (sys(__NR_clock_getres, CLOCK_MONOTONIC_COARSE, &resolution) != 0 || !resolution.tv_nsec)
        return TICK_DEFAULT_NS;
    return (uint64_t)resolution.tv_nsec;
}

static long create(uint32_t tid, void *mark, uint32_t *ret_timer)
{
    struct sigevent event = {.sigev_signo = sampler_signal_number(),
                             .sigev_notify = SIGEV_THREAD_ID,
                             .sigev_value.sival_ptr = mark};
    event._sigev_un._tid = (int)tid;
    int timer = 0;
    long result = sys(__NR_timer_create, clock_of_thread(tid), &event, &timer);
    *ret_timer = (uint32_t)timer;
    return result;
}

long sampler_timer_try(void)
{
    uint32_t timer;
    long result = create((uint32_t)sys(__NR_gettid), NULL, &timer);
    if (result != 0)
        return result;
    sys(__NR_timer_delete, timer);
    tick_ns = read_tick_ns();
    return 0;
}

/* A thread's first sample is at one of the ticks of its first period, each as likely as the others.
 */
static uint64_t first_gap_ns(struct expiry *expiry, uint64_t period_ns)
{
    uint64_t ticks = period_ns > tick_ns ? period_ns / tick_ns : 1;
    expiry->whole_ns = ticks * tick_ns;
    return expiry_draw(expiry, ticks) * tick_ns;
}

bool sampler_timer_add(struct thread *thread, uint64_t period_ns, uint64_t random)
{
    struct sampled *sampled = thread->sampled;
    struct expiry *expiry = &sampled->expiry;
    uint32_t timer;
    if (create(thread->tid, sampled, &timer) != 0)
        return false;
    bool was_there = sampled->start_ns == 0;
    expiry_begin(sampled, random);
    expiry->timer = timer + 1;
    expiry->late_ns = tick_ns / 2;
    uint64_t gap_ns =
        was_there ? expiry_draw_gap(expiry, period_ns) : first_gap_ns(expiry, period_ns);
    expiry_note_gap(expiry, sampled->cpu_ns, gap_ns);
    expiry_set_timer(expiry, gap_ns + 1, period_ns);
    return true;
}

void sampler_timer_remove(struct sampled *sampled)
{
    uint32_t timer = __atomic_exchange_n(&sampled->expiry.timer, 0, __ATOMIC_RELAXED);
    if (timer)
        sys(__NR_timer_delete, timer - 1);
    sampled->has_expiry = false;
}

void sampler_timer_hold(struct sampled *sampled)
{
    expiry_set_timer(&sampled->expiry, 0, 0);
}

void sampler_timer_release(struct sampled *sampled, uint64_t period_ns)
{
    expiry_set_timer(&sampled->expiry, period_ns, period_ns);
}

bool sampler_timer_interrupts_calls(void)
{
#if defined(__x86_64__)
    struct utsname name;
    uint64_t major = 0, minor = 0;
    if (sys(__NR_uname, &name) != 0)
        return true;
    const char *dot = text_read_number(name.release, &major);
    if (!dot || *dot != '.' || !text_read_number(dot + 1, &minor))
        return true;
    return major < 5 || (major == 5 && minor < 11);
#else
    return true;
#endif
}
