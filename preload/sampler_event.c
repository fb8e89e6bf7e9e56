/* SPDX-License-Identifier: BSD-2-Clause */
/* sampler_event.c -- Samples that perf's task clock of each thread sends a signal for.
 *
 * No memory is locked for it, of which those who are not root have little: so it is there for the
 * threads that get no ring. The clock stands for all of the thread's time, but a signal is only
 * sent where it was in user mode, and comes before another instruction is executed: so no system
 * call is ever interrupted by one. What the thread does in the kernel is counted, without lines.
 *
 * As with rings, the period is drawn anew every few samples. */
#include "sampler_event.h"

#include "arena.h"
#include "clock.h"
#include "expiry.h"
#include "first_period.h"
#include "renewal.h"
#include "sampler_signal.h"
#include "sys.h"

#include <fcntl.h>
#include <linux/perf_event.h>

enum {
    EVENTS_MAX = 4096,
    PERIOD_MIN_NS = 10 * 1000 /* the kernel's */
};

struct event {
    uint32_t tid; /* 0: free */
    int fd;
    int early_fd; /* of one that takes a single sample, -1: none */
    struct renewal renewal;
    struct sampled *sampled;
};

static struct event *events; /* [EVENTS_MAX] */
static uint32_t event_end;   /* used ones are before this */

static long open_event(uint32_t tid, uint64_t period_ns)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
                                   .size = sizeof attr,
                                   .config = PERF_COUNT_SW_TASK_CLOCK,
                                   .sample_period = period_ns,
                                   .exclude_kernel = 1,
                                   .exclude_hv = 1,
                                   .disabled = 1,
                                   .wakeup_events = 1};
    return sys(__NR_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static bool direct(int fd, uint32_t tid, bool is_once)
{
    const struct f_owner_ex owner = {F_OWNER_TID, (pid_t)tid};
    return sys(__NR_fcntl, fd, F_SETFL, O_RDWR | O_ASYNC) == 0 &&
           sys(__NR_fcntl, fd, F_SETSIG, sampler_signal_number()) == 0 &&
           sys(__NR_fcntl, fd, F_SETOWN_EX, &owner) == 0 &&
           sys(__NR_ioctl, fd, is_once ? PERF_EVENT_IOC_REFRESH : PERF_EVENT_IOC_ENABLE, is_once) ==
               0;
}

long sampler_event_try(void)
{
    if (!events)
        events = arena_alloc(EVENTS_MAX * sizeof *events);
    if (!events)
        return -ENOMEM;
    long fd = open_event(0, 1000000);
    if (fd < 0)
        return fd;
    sys(__NR_close, fd);
    return 0;
}

static struct event *free_event(void)
{
    for (uint32_t i = 0; i < event_end; i++)
        if (!events[i].tid)
            return &events[i];
    return event_end < EVENTS_MAX ? &events[event_end++] : NULL;
}

static int begin_event(uint32_t tid, uint64_t period_ns, bool is_once)
{
    long fd = open_event(tid, period_ns < PERIOD_MIN_NS ? PERIOD_MIN_NS : period_ns);
    if (fd < 0 || direct((int)fd, tid, is_once))
        return fd < 0 ? -1 : (int)fd;
    sys(__NR_close, fd);
    return -1;
}

static void end_early_event(struct event *event)
{
    if (event->early_fd >= 0)
        sys(__NR_close, event->early_fd);
    event->early_fd = -1;
}

static void end_event(struct event *event)
{
    end_early_event(event);
    if (event->fd >= 0)
        sys(__NR_close, event->fd);
    event->tid = 0;
}

/* The handler may run as soon as an event is there. */
bool sampler_event_add(uint32_t tid, struct sampled *sampled, uint64_t period_ns, uint64_t random)
{
    uint64_t now_ns;
    struct event *event = free_event();
    if (!event || !clock_thread_cpu_ns(tid, &now_ns))
        return false;
    struct first_period first = first_period_draw(period_ns, random);
    struct expiry *expiry = &sampled->expiry;
    expiry_begin(sampled, random);
    expiry->whole_ns = sampled->start_ns ? period_ns : 0;
    expiry->is_user_only = true;
    expiry_note_gap(expiry, now_ns, first.period_ns);
    uint64_t passed_ns = now_ns - sampled->cpu_ns;
    int early_fd = -1;
    if (first.early_ns)
        early_fd = begin_event(
            tid, first.early_ns > passed_ns ? first.early_ns - passed_ns : PERIOD_MIN_NS, true);
    int fd = begin_event(tid, first.period_ns, false);
    *event = (struct event){.tid = tid,
                            .fd = fd,
                            .early_fd = early_fd,
                            .sampled = sampled,
                            .renewal = {.since_ns = sampled->cpu_ns}};
    if (fd >= 0)
        return true;
    end_event(event);
    sampled->has_expiry = false;
    return false;
}

static void renew(struct event *event, uint64_t period_ns, uint64_t now_ns, uint32_t samples)
{
    struct expiry *expiry = &event->sampled->expiry;
    uint64_t gap_ns = renewal_draw(&event->renewal, period_ns, now_ns, samples,
                                   (uint32_t)expiry_draw(expiry, 1ul << 32));
    end_early_event(event);
    __atomic_store_n(&expiry->whole_ns, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&expiry->fired, 0, __ATOMIC_RELAXED);
    if (sys(__NR_ioctl, event->fd, PERF_EVENT_IOC_PERIOD, &gap_ns) == 0)
        expiry_note_gap(expiry, now_ns, gap_ns);
}

void sampler_event_renew(uint64_t period_ns)
{
    for (uint32_t i = 0; i < event_end; i++) {
        struct event *event = &events[i];
        uint64_t now_ns;
        if (!event->tid)
            continue;
        if (!clock_thread_cpu_ns(event->tid, &now_ns)) {
            end_event(event);
            continue;
        }
        uint32_t samples = __atomic_load_n(&event->sampled->expiry.fired, __ATOMIC_RELAXED);
        if (renewal_is_due(event->tid, now_ns, samples))
            renew(event, period_ns, now_ns, samples);
    }
}

bool sampler_event_is_any(void)
{
    return event_end != 0;
}

bool sampler_event_interrupts_calls(void)
{
#if defined(__x86_64__)
    return false;
#else
    return true;
#endif
}

void sampler_event_change_signal(void)
{
    for (uint32_t i = 0; i < event_end; i++)
        if (events[i].tid) {
            sys(__NR_fcntl, events[i].fd, F_SETSIG, sampler_signal_number());
            end_early_event(&events[i]);
        }
}

void sampler_event_drop_all(void)
{
    for (uint32_t i = 0; i < event_end; i++)
        events[i].tid = 0;
    event_end = 0;
}
