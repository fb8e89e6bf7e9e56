/* SPDX-License-Identifier: BSD-2-Clause */
/* expiry.c -- A thread whose own CPU clock sends it the sampler's signals.
 *
 * However late a signal is, its sample stands for the CPU time since the one before: what the
 * thread's clock says, not how many signals there were. Only if the thread was seen to keep it away
 * is the rest an overrun.
 *
 * Nobody notices a thread's end, and the time since its last sample is lost. So a thread's first
 * gap has any length up to a whole one, and the samples of its first period stand for a whole one
 * each: short threads, too, get their share, as far as there is time that nothing stands for. */
#include "expiry.h"

#include "clock.h"
#include "cpu_time.h"
#include "sys.h"
#include "trace_file.h"

#include <time.h>

enum {
    LATE_GAPS = 8
};

/* Splitmix64. */
static uint64_t next_random(struct expiry *expiry)
{
    uint64_t x = expiry->random += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

void expiry_begin(struct sampled *sampled, uint64_t random)
{
    struct expiry *expiry = &sampled->expiry;
    *expiry = (struct expiry){.taken_ns = sampled->cpu_ns, .random = random};
    __atomic_store_n(&sampled->has_expiry, true, __ATOMIC_RELEASE);
}

uint64_t expiry_draw(struct expiry *expiry, uint64_t below)
{
    return below ? next_random(expiry) % below : 0;
}

uint64_t expiry_draw_gap(struct expiry *expiry, uint64_t period_ns)
{
    return period_ns / 2 + expiry_draw(expiry, period_ns + 1);
}

void expiry_note_gap(struct expiry *expiry, uint64_t now_ns, uint64_t gap_ns)
{
    __atomic_store_n(&expiry->gap_ns, gap_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&expiry->armed_ns, now_ns, __ATOMIC_RELAXED);
}

static struct timespec timespec_of(uint64_t time_ns)
{
    return (struct timespec){(time_t)(time_ns / 1000000000), (long)(time_ns % 1000000000)};
}

void expiry_set_timer(const struct expiry *expiry, uint64_t first_ns, uint64_t again_ns)
{
    const struct itimerspec gap = {timespec_of(again_ns), timespec_of(first_ns)};
    if (expiry->timer)
        sys(__NR_timer_settime, expiry->timer - 1, 0, &gap, 0);
}

/* CPU time, and what it is. */
struct share {
    uint64_t sampled_ns;
    uint64_t overrun_ns;
    uint64_t kernel_ns;
};

/* No signal comes while the thread is in the kernel: whole gaps that are missing were spent there.
 */
static struct share without_kernel(const struct expiry *expiry, uint64_t moved_ns)
{
    uint64_t gap_ns = __atomic_load_n(&expiry->gap_ns, __ATOMIC_RELAXED);
    uint64_t armed_ns = __atomic_load_n(&expiry->armed_ns, __ATOMIC_RELAXED);
    uint64_t expected_ns = gap_ns;
    if (armed_ns > expiry->taken_ns)
        expected_ns += armed_ns - expiry->taken_ns;
    struct share share = {.sampled_ns = moved_ns};
    if (gap_ns && moved_ns > expected_ns + gap_ns / 2) {
        share.kernel_ns = (moved_ns - expected_ns + gap_ns / 2) / gap_ns * gap_ns;
        share.sampled_ns -= share.kernel_ns;
    }
    return share;
}

/* A thread that has kept the signal away lets it in where it has not spent the time. */
static struct share late(uint64_t period_ns, uint64_t moved_ns)
{
    uint64_t most_ns = period_ns * LATE_GAPS;
    if (moved_ns <= most_ns)
        return (struct share){.sampled_ns = moved_ns};
    return (struct share){.sampled_ns = most_ns, .overrun_ns = moved_ns - most_ns};
}

static struct share share_out(struct sampled *sampled, uint64_t period_ns, uint64_t moved_ns)
{
    if (sampled->is_invisible)
        return late(period_ns, moved_ns);
    if (sampled->expiry.is_user_only)
        return without_kernel(&sampled->expiry, moved_ns);
    return (struct share){.sampled_ns = moved_ns};
}

/* Of the process's time, what nothing stands for so far. */
static uint64_t unclaimed_ns(const struct trace_sampler *account)
{
    uint64_t all_ns = cpu_time_ns();
    uint64_t known_ns =
        account->sampled_ns + account->overrun_ns + account->kernel_ns + account->lost_ns;
    return all_ns > known_ns ? all_ns - known_ns : 0;
}

static uint64_t first_ns(const struct trace_sampler *account, const struct expiry *expiry,
                         uint64_t sampled_ns)
{
    uint64_t whole_ns = __atomic_load_n(&expiry->whole_ns, __ATOMIC_RELAXED);
    if (sampled_ns >= whole_ns)
        return sampled_ns;
    uint64_t most_ns = unclaimed_ns(account);
    if (most_ns < sampled_ns)
        return sampled_ns;
    return whole_ns < most_ns ? whole_ns : most_ns;
}

static void add(uint64_t *sum, uint64_t time_ns)
{
    if (time_ns)
        __atomic_fetch_add(sum, time_ns, __ATOMIC_RELAXED);
}

static void go_on(struct expiry *expiry, uint64_t now_ns, uint64_t period_ns)
{
    if (!expiry->timer)
        return;
    uint64_t gap_ns = expiry_draw_gap(expiry, period_ns);
    gap_ns -= gap_ns > expiry->late_ns ? expiry->late_ns : gap_ns - 1;
    expiry_note_gap(expiry, now_ns, gap_ns);
    expiry_set_timer(expiry, gap_ns, period_ns);
}

static void note_fired(struct expiry *expiry, uint64_t hidden_ns)
{
    uint64_t gap_ns = __atomic_load_n(&expiry->gap_ns, __ATOMIC_RELAXED);
    uint64_t fired = 1 + (gap_ns ? hidden_ns / gap_ns : 0);
    __atomic_fetch_add(&expiry->fired, (uint32_t)fired, __ATOMIC_RELAXED);
}

void expiry_take(struct thread *thread, const struct interrupted *at, uint32_t overruns)
{
    struct trace_sampler *account = sample_account(DOMAIN_CPU);
    struct sampled *sampled = thread->sampled;
    struct expiry *expiry = &sampled->expiry;
    uint64_t now_ns;
    if (!account || !clock_thread_cpu_ns(thread->tid, &now_ns) || now_ns <= expiry->taken_ns)
        return;
    uint64_t period_ns = __atomic_load_n(&account->period_ns, __ATOMIC_RELAXED);
    struct share share = share_out(sampled, period_ns, now_ns - expiry->taken_ns);
    share.sampled_ns = first_ns(account, expiry, share.sampled_ns);
    go_on(expiry, now_ns, period_ns);
    expiry->taken_ns = now_ns;
    if (expiry->timer) /* the next gap is not the first one any more */
        expiry->whole_ns = 0;
    sampled->is_invisible = false;
    note_fired(expiry, share.kernel_ns);
    thread->totals->cpu_ns = now_ns - sampled->base_cpu_ns;
    add(&account->overrun_count, overruns);
    add(&account->overrun_ns, share.overrun_ns);
    add(&account->kernel_ns, share.kernel_ns);
    struct sample sample = {.domain = DOMAIN_CPU,
                            .is_in_kernel =
                                !expiry->is_user_only && sample_is_in_kernel(at->start.pc),
                            .time_ns = share.sampled_ns};
    sample_take(thread, at, &sample);
}
