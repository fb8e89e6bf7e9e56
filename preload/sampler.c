/* SPDX-License-Identifier: BSD-2-Clause */
/* sampler.c -- Where the time goes: samples of the stacks of the threads that run.
 *
 * The ticker's thread wakes up at random intervals, looks at the CPU clock of every thread, and
 * sends a signal to those that are on a CPU just then: they walk their own stack. To these belongs
 * the one whose CPU the ticker's thread has got itself, if it got it without having to wait: of the
 * threads that wait for that CPU it is the one that had it last. All others that wait have most
 * often given up their CPU at a certain place of the program, which their samples would pile up at.
 *
 * All moments of all threads are as likely to be sampled: so a sample stands for the mean interval,
 * and a little more or less, such that a thread's samples together stand for its CPU time. A
 * thread's end is not noticed, and its time since its last sample belongs to nobody: of that the
 * samples of young threads take what they have not lived for yet, so that short ones, too, get
 * their share.
 */
#include "sampler.h"

#include "clock.h"
#include "cpu_time.h"
#include "lock.h"
#include "on_cpu.h"
#include "options.h"
#include "sample.h"
#include "sampler_event.h"
#include "sampler_ring.h"
#include "sampler_signal.h"
#include "sampler_timer.h"
#include "sampler_waits.h"
#include "sys.h"
#include "text.h"
#include "thread.h"
#include "trace_file.h"
#include "wait.h"

#include <linux/futex.h>
#include <time.h>

enum {
    MOVED_NS = 20 * 1000, /* of CPU time, that make a sample worth it */
    CORRECTED_IN = 2,     /* samples: that together make up for what is missing */
    IDLE_LOOKS = 8,       /* in a row, before a thread is looked at less often */
    SKIPS_MAX = 15,
    YOUNG_PERIODS = 8,
    PATIENT_PERIODS = 8,
    LATE_NS = 40 * 1000, /* then we have waited for our CPU, until somebody gave it up */
    UNANSWERED_MAX = 32, /* signals, before a thread counts as one that blocks them */
    SETTLE_NS = 100 * 1000 * 1000,
    WITHHELD_MAX_NS = 1000 * 1000 * 1000, /* then nobody believes that the call goes on */
    EVENT_PERIODS = 4,                    /* between two draws of one */
    GIVING_UP_TRIES = 2000,               /* of 50 us */
    QUIET_GAP_MAX_NS = 10 * 1000 * 1000,  /* between two looks at a program that sleeps */
    WAIT_MAX_NS = 2 * 1000 * 1000,        /* of a new thread for its ring */
    IDLE_SHARE = 4, /* a program that runs less than this part of the time is idle */
    WAITS_FREE_NS = 10 * 1000 * 1000 /* of all threads, before they are held against the budget */
};

#define SECOND_NS 1000000000ul

static struct lock hold_lock; /* held while signals are sent */
static bool is_held;
static bool is_on;
static struct trace_sampler *account;
static uint64_t random_state;
static uint64_t due_ns; /* of the earliest of the others */
static uint64_t settle_due_ns;
static uint64_t quiet_looks;
static uint64_t ended_ns; /* CPU time of threads that have ended which no sample stands for */
static uint64_t adjusted_own_ns, adjusted_cpu_ns,
    adjusted_time_ns; /* at the last look at the budget */
static uint32_t ticker_tid;
static void (*wake_ticker)(void);

/* With rings: */
static struct lock ring_lock; /* held while they are emptied */
static uint32_t unloadings;   /* under way */
static bool is_announced;     /* a thread has begun */
static bool is_anybody_without_ring;
static uint64_t drain_due_ns;
static uint64_t event_due_ns;
static bool may_have_events;
static uint32_t is_to_give_up; /* the signal */
static uint64_t look_due_ns;
static uint64_t search_due_ns;
static uint64_t waited_ns; /* of all threads, for their rings; atomic */

static bool has_rings(void)
{
    return account->engine == ENGINE_PERF_RING;
}

static bool has_events(void)
{
    return account->engine == ENGINE_PERF_SIGNAL;
}

static bool has_timers(void)
{
    return account->engine == ENGINE_TIMER;
}

static bool has_clocks(void)
{
    return account->engine != ENGINE_TGKILL;
}

/* --- randomness: splitmix64 --- */

static uint64_t next_random(void)
{
    uint64_t x = random_state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Uniform in half a period to one and a half: it is their spread that keeps the samples from
 * falling into step with the program. */
static uint64_t random_gap(uint64_t period_ns)
{
    return period_ns / 2 + next_random() % (period_ns + 1);
}

/* --- a look at the threads --- */

struct round {
    uint64_t number;
    uint64_t cpu_ns;     /* of the process, when it began */
    uint64_t awaited_ns; /* of it, what samples to come will stand for */
    bool is_late;
    bool is_own_known;
    struct on_cpu_state own; /* the ticker's */
    uint32_t looked_at;
    uint32_t moved;
    struct thread *displaced; /* from our CPU, NULL: none is known */
};

/* False if it is known already. Counting begins here, for a thread that was there before us. */
static bool meet(struct thread *thread, uint64_t cpu_ns)
{
    struct sampled *sampled = thread->sampled;
    if (__atomic_exchange_n(&sampled->is_known, true, __ATOMIC_ACQ_REL))
        return false;
    __atomic_fetch_add(&account->threads_seen, 1, __ATOMIC_RELAXED);
    if (!sampled->start_ns) /* else its clock has begun at zero */
        sampled->base_cpu_ns = sampled->cpu_ns = cpu_ns;
    return true;
}

static void skip_if_idle(struct sampled *sampled)
{
    if (++sampled->idle_looks <= IDLE_LOOKS)
        return;
    uint32_t skips = sampled->idle_looks - IDLE_LOOKS;
    sampled->looks_to_skip = skips < SKIPS_MAX ? skips : SKIPS_MAX;
}

/* Of the thread's own time. */
static uint64_t own_share_ns(uint64_t moved_ns)
{
    double missing_ns = (double)moved_ns - (double)account->period_ns;
    double share_ns = (double)account->period_ns + missing_ns / CORRECTED_IN;
    return share_ns < (double)moved_ns ? (uint64_t)share_ns : moved_ns;
}

/* A period, or a little more where samples are left out: by all that there are so far. */
static uint64_t mean_share_ns(void)
{
    uint64_t most_ns = account->period_ns + account->period_ns / 2;
    uint64_t mean_ns = account->samples ? account->cpu_ns / account->samples : 0;
    return mean_ns < account->period_ns ? account->period_ns
           : mean_ns < most_ns          ? mean_ns
                                        : most_ns;
}

/* Of that of ended ones. */
static uint64_t ended_share_ns(const struct sampled *sampled, uint64_t own_ns)
{
    bool is_young = sampled->start_ns &&
                    clock_monotonic_ns() - sampled->start_ns < account->period_ns * YOUNG_PERIODS;
    uint64_t wanted_ns = mean_share_ns();
    if (!is_young || own_ns >= wanted_ns)
        return 0;
    uint64_t more_ns = wanted_ns - own_ns;
    return more_ns < ended_ns ? more_ns : ended_ns;
}

/* In a call that must not end early the thread sees to it itself, when the call is over. */
static bool send(struct thread *thread, enum coming how)
{
    struct sampled *sampled = thread->sampled;
    __atomic_store_n(&sampled->coming, how, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&sampled->is_waiting, __ATOMIC_SEQ_CST) &&
        sampled->withheld_ns < WITHHELD_MAX_NS) {
        __atomic_store_n(&sampled->coming, COMING_WITHHELD, __ATOMIC_RELEASE);
        return true;
    }
    return sampler_signal_send(thread);
}

static bool owe_more(struct sampled *sampled, uint64_t moved_ns)
{
    uint64_t owed_ns = __atomic_load_n(&sampled->owed_ns, __ATOMIC_ACQUIRE);
    sampled->withheld_ns += moved_ns;
    return owed_ns && __atomic_compare_exchange_n(&sampled->owed_ns, &owed_ns, owed_ns + moved_ns,
                                                  false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* The thread has not yet taken the sample before this one. */
static void leave_unanswered(struct thread *thread, uint64_t moved_ns)
{
    struct sampled *sampled = thread->sampled;
    bool is_waiting = __atomic_load_n(&sampled->is_waiting, __ATOMIC_RELAXED) != 0;
    uint32_t coming = __atomic_load_n(&sampled->coming, __ATOMIC_ACQUIRE);
    if (coming == COMING_OWN || coming == COMING_KEPT ||
        (is_waiting && owe_more(sampled, moved_ns)))
        return;
    account->overrun_ns += moved_ns;
    if (coming == COMING_WITHHELD) { /* just as the call ended */
        send(thread, COMING_SENT);
        return;
    }
    if (++sampled->unanswered == UNANSWERED_MAX)
        __atomic_fetch_add(&account->threads_invisible, 1, __ATOMIC_RELAXED);
    if (is_power_of_two(sampled->unanswered)) /* somebody may have waited for all signals */
        send(thread, COMING_AGAIN);
}

/* Returns how much of its time is accounted for by it. */
static uint64_t demand_sample(struct thread *thread, uint64_t moved_ns)
{
    struct sampled *sampled = thread->sampled;
    if (__atomic_load_n(&sampled->owed_ns, __ATOMIC_ACQUIRE)) {
        leave_unanswered(thread, moved_ns);
        return moved_ns;
    }
    sampled->unanswered = 0;
    sampled->withheld_ns = 0;
    uint64_t own_ns = own_share_ns(moved_ns);
    uint64_t more_ns = ended_share_ns(sampled, own_ns);
    ended_ns -= more_ns;
    __atomic_store_n(&sampled->owed_ns, own_ns + more_ns, __ATOMIC_RELEASE);
    sampled->is_gone = !send(thread, COMING_SENT);
    return own_ns;
}

static void take_sample(struct thread *thread, struct round *round, uint64_t cpu_ns)
{
    struct sampled *sampled = thread->sampled;
    sampled->on_cpu_round = round->number;
    round->moved++;
    sampled->cpu_ns += demand_sample(thread, cpu_ns - sampled->cpu_ns);
}

/* Of two threads that wait for our CPU, the one that had it last; where the kernel does not say so,
 * the one that did not have it at the look before. */
static bool is_later(const struct thread *thread, const struct thread *other, uint64_t round)
{
    uint64_t until_ns = on_cpu_until_ns(thread->tid);
    return until_ns ? until_ns > on_cpu_until_ns(other->tid)
                    : other->sampled->on_cpu_round == round - 1;
}

static bool waits_for_us(const struct thread *thread, struct round *round)
{
    struct on_cpu_state state;
    if (!round->is_own_known)
        round->is_own_known = on_cpu_look(ticker_tid, &round->own);
    return round->is_own_known && on_cpu_look(thread->tid, &state) && state.is_runnable &&
           state.cpu == round->own.cpu;
}

/* It is taken when all have been looked at. When we are late it is where it has given up the CPU,
 * and has to wait, unless it has waited for long. */
static void note_displaced(struct thread *thread, struct round *round)
{
    const struct sampled *sampled = thread->sampled;
    uint64_t owed_ns = sampled->seen_cpu_ns - sampled->cpu_ns;
    if ((round->is_late && owed_ns < account->period_ns * PATIENT_PERIODS) ||
        !waits_for_us(thread, round))
        return;
    if (!round->displaced || is_later(thread, round->displaced, round->number))
        round->displaced = thread;
}

static void look_at_moved(struct thread *thread, struct round *round, uint64_t cpu_ns)
{
    thread->totals->cpu_ns = cpu_ns - thread->sampled->base_cpu_ns;
    thread->sampled->idle_looks = 0;
    if (on_cpu_is_running(thread->tid, cpu_ns))
        take_sample(thread, round, cpu_ns);
    else
        note_displaced(thread, round);
}

/* Returns the time that is left to the thread's next samples. */
static uint64_t look_at_clock(struct thread *thread, struct round *round)
{
    struct sampled *sampled = thread->sampled;
    uint64_t cpu_ns;
    if (sampled->looks_to_skip) {
        sampled->looks_to_skip--;
        return sampled->seen_cpu_ns - sampled->cpu_ns;
    }
    if (!clock_thread_cpu_ns(thread->tid, &cpu_ns)) {
        sampled->is_gone = true;
        sampled->owed_ns = 0;
        return 0;
    }
    if (meet(thread, cpu_ns) && !sampled->start_ns)
        return 0;
    bool has_run = sampled->seen_cpu_ns != cpu_ns;
    sampled->seen_cpu_ns = cpu_ns;
    if (has_run && cpu_ns - sampled->cpu_ns >= MOVED_NS)
        look_at_moved(thread, round, cpu_ns);
    else
        skip_if_idle(sampled);
    return cpu_ns - sampled->cpu_ns;
}

static void look_at_displaced(struct thread *thread, void *data)
{
    struct round *round = data;
    if (thread == round->displaced)
        take_sample(thread, round, thread->sampled->seen_cpu_ns);
}

static void look_at(struct thread *thread, void *data)
{
    struct round *round = data;
    struct sampled *sampled = thread->sampled;
    if (!sampled || sampled->is_gone || sampled->has_ring || sampled->has_expiry)
        return;
    round->looked_at++;
    if (sampled->coming == COMING_AGAIN && !__atomic_load_n(&sampled->owed_ns, __ATOMIC_ACQUIRE))
        __atomic_store_n(&sampled->coming, COMING_NOT, __ATOMIC_RELAXED);
    uint64_t left_ns = look_at_clock(thread, round);
    round->awaited_ns += left_ns + __atomic_load_n(&sampled->owed_ns, __ATOMIC_ACQUIRE);
}

/* The rest of the process's time was that of threads that have ended since their last sample. */
static uint64_t rest_ns(const struct round *round)
{
    uint64_t known_ns = account->sampled_ns + account->overrun_ns + account->lost_ns +
                        account->kernel_ns + round->awaited_ns;
    return round->cpu_ns > known_ns && !has_clocks() ? round->cpu_ns - known_ns : 0;
}

/* Threads may be in calls that began without a guard: most of them are over at the next look. */
static bool guard_first(void)
{
    bool is_guarded = wait_is_guarded();
    wait_guard(WAIT_WITHHOLD);
    return !is_guarded;
}

static void look_at_all(uint64_t now_ns)
{
    static uint64_t number;
    if (guard_first())
        return;
    struct round round = {
        .number = ++number, .cpu_ns = cpu_time_ns(), .is_late = now_ns > look_due_ns + LATE_NS};
    uint64_t mask = lock_enter(&hold_lock);
    if (!is_held)
        thread_visit(look_at, &round);
    if (round.displaced)
        thread_visit(look_at_displaced, &round);
    lock_leave(&hold_lock, mask);
    if (!is_held)
        ended_ns = rest_ns(&round);
    quiet_looks = round.moved ? 0 : quiet_looks + 1;
    is_anybody_without_ring = round.looked_at != 0;
}

/* A program that sleeps is looked at less and less often. */
static uint64_t next_gap(void)
{
    uint64_t gap_ns = random_gap(account->period_ns);
    uint64_t longest_ns =
        account->period_ns > QUIET_GAP_MAX_NS ? account->period_ns : QUIET_GAP_MAX_NS;
    if (quiet_looks <= IDLE_LOOKS)
        return gap_ns;
    gap_ns *= quiet_looks - IDLE_LOOKS;
    return gap_ns < longest_ns ? gap_ns : longest_ns;
}

/* Not later for this one's being late. */
static uint64_t next_due_ns(uint64_t now_ns)
{
    uint64_t gap_ns = next_gap();
    return look_due_ns + gap_ns > now_ns ? look_due_ns + gap_ns : now_ns + gap_ns;
}

/* --- the account --- */

/* What sampling takes: the ticker's thread, and the samples on the program's. */
static uint64_t own_ns(void)
{
    uint64_t ticker_ns = cpu_time_left_out_ns();
    uint64_t waits_ns = sampler_waits_own_ns();
    ticker_ns -= waits_ns < ticker_ns ? waits_ns : ticker_ns;
    return ticker_ns + account->samples * account->cost_ns;
}

static uint64_t affordable_period_ns(void)
{
    uint64_t least_ns = account->cost_ns * 100 / options.cpu_budget_percent;
    return account->asked_period_ns > least_ns ? account->asked_period_ns : least_ns;
}

/* A share of the CPU time; but in a program that hardly runs, looking takes most of the time that
 * there is, and is cheap all the same. */
static double allowed_ns(uint64_t cpu_ns, uint64_t passed_ns)
{
    uint64_t of_ns = cpu_ns > passed_ns / IDLE_SHARE ? cpu_ns : passed_ns / IDLE_SHARE;
    return (double)of_ns * options.cpu_budget_percent / 100;
}

/* Lowers the rate while sampling takes more of the time than it may, and raises it again up to what
 * was asked for. */
static void keep_budget(uint64_t now_ns)
{
    uint64_t spent_ns = account->own_ns - adjusted_own_ns;
    uint64_t cpu_ns = account->cpu_ns - adjusted_cpu_ns;
    if (cpu_ns < SECOND_NS / 4)
        return;
    double share = (double)spent_ns / allowed_ns(cpu_ns, now_ns - adjusted_time_ns);
    adjusted_own_ns = account->own_ns;
    adjusted_cpu_ns = account->cpu_ns;
    adjusted_time_ns = now_ns;
    double period_ns = (double)account->period_ns * (share > 4 ? 4 : share < 0.5 ? 0.5 : share);
    if (share > 0.8 && share <= 1)
        return;
    if (period_ns < (double)account->asked_period_ns)
        period_ns = (double)account->asked_period_ns;
    if (period_ns > (double)SECOND_NS / SAMPLER_HZ_MIN)
        period_ns = (double)SECOND_NS / SAMPLER_HZ_MIN;
    account->period_ns = (uint64_t)period_ns;
}

/* What has no sample: time of threads since their last one, most of which have ended. */
static uint64_t unsampled_ns(void)
{
    uint64_t known_ns =
        account->sampled_ns + account->overrun_ns + account->kernel_ns + account->lost_ns;
    return account->cpu_ns > known_ns ? account->cpu_ns - known_ns : 0;
}

static void settle(void)
{
    account->cpu_ns = cpu_time_ns();
    account->own_ns = own_ns();
    account->exited_ns = unsampled_ns();
}

/* --- threads that have clocks of their own: rings, events, timers --- */

static void empty_rings(bool is_finally)
{
    uint64_t mask = lock_enter(&ring_lock);
    if (!unloadings)
        sampler_ring_drain(account, cpu_time_ns(), is_finally);
    lock_leave(&ring_lock, mask);
}

/* Of perf's clocks, the first that the kernel lets us have; 0 or a negative errno. */
static long choose_clock(bool *ret_is_user_only, uint64_t *ret_cost_ns)
{
    may_have_events = sampler_event_try() == 0;
    if (options.engine == ENGINE_PERF_SIGNAL && may_have_events) {
        *ret_is_user_only = true;
        account->engine = ENGINE_PERF_SIGNAL;
        return 0;
    }
    long result = sampler_ring_try(ret_is_user_only, ret_cost_ns);
    if (result == 0)
        account->engine = ENGINE_PERF_RING;
    else if (may_have_events)
        account->engine = ENGINE_PERF_SIGNAL;
    return may_have_events ? 0 : result;
}

/* On the ticker's thread, whose descriptors the clocks will have. */
static void choose_engine(void)
{
    bool is_user_only = false;
    uint64_t cost_ns = account->cost_ns;
    if (options.engine == ENGINE_TGKILL || options.engine == ENGINE_TIMER)
        return;
    long result = choose_clock(&is_user_only, &cost_ns);
    if (result < 0) {
        account->last_errno = (uint64_t)-result;
        return;
    }
    account->kernel_is_hidden = is_user_only;
    account->cost_ns = cost_ns;
    account->period_ns = affordable_period_ns();
    if (!has_rings())
        return;
    account->signal = 0;
    sampler_signal_end();
    wait_guard(WAIT_FREELY);
}

enum {
    REQUESTS_MAX = 32 /* threads at once */
};

struct search {
    uint32_t count;
    struct sampled *found[REQUESTS_MAX];
    struct ring_request requests[REQUESTS_MAX];
};

static void collect(struct thread *thread, void *data)
{
    struct search *search = data;
    struct sampled *sampled = thread->sampled;
    uint64_t cpu_ns;
    if (!sampled || sampled->has_ring || sampled->has_expiry || sampled->has_no_ring ||
        search->count == REQUESTS_MAX)
        return;
    if (!clock_thread_cpu_ns(thread->tid, &cpu_ns)) {
        sampled->is_gone = sampled->has_no_ring = true;
        return;
    }
    meet(thread, cpu_ns);
    sampled->has_ring = true;
    search->found[search->count] = sampled;
    search->requests[search->count++] =
        (struct ring_request){thread->tid, thread->index, sampled->base_cpu_ns, sampled->cpu_ns};
}

static void end_wait(struct sampled *sampled)
{
    if (__atomic_exchange_n(&sampled->waits, 0, __ATOMIC_ACQ_REL))
        sys(__NR_futex, &sampled->waits, FUTEX_WAKE_PRIVATE, 1);
}

static bool need_signal(void)
{
    if (!sampler_signal_number() && !sampler_signal_begin())
        return false;
    account->signal = (uint32_t)sampler_signal_number();
    return true;
}

static bool give_event(struct sampled *sampled, uint32_t tid)
{
    if (!may_have_events || !need_signal())
        return false;
    wait_guard(sampler_event_interrupts_calls() ? WAIT_BLOCK : WAIT_FREELY);
    return sampler_event_add(tid, sampled, account->period_ns, next_random());
}

static void give_clock(struct sampled *sampled, const struct ring_request *request)
{
    if (has_rings() && sampler_ring_add(request, account->period_ns, next_random()))
        return;
    if (!give_event(sampled, request->tid)) {
        sampled->has_no_ring = true;
        is_anybody_without_ring = true;
        need_signal();
    }
    sampled->has_ring = false;
}

/* A thread that gets none is sent signals. It may have ended by now, and another one have its
 * place: that one is then sent signals, too. */
static void give_clocks(void)
{
    static struct search search;
    do {
        search.count = 0;
        thread_visit(collect, &search);
        uint64_t mask = lock_enter(&ring_lock);
        for (uint32_t i = 0; i < search.count; i++) {
            give_clock(search.found[i], &search.requests[i]);
            end_wait(search.found[i]);
        }
        lock_leave(&ring_lock, mask);
    } while (search.count == REQUESTS_MAX);
}

static void give_timer(struct thread *thread)
{
    struct sampled *sampled = thread->sampled;
    if (sampler_timer_add(thread, account->period_ns,
                          account->start_time_ns ^ (uint64_t)thread->tid << 32))
        return;
    sampled->has_no_ring = true;
    is_anybody_without_ring = true;
}

/* Those that were there before, or have begun without a word. */
static void find_timer(struct thread *thread, void *unused)
{
    struct sampled *sampled = thread->sampled;
    uint64_t cpu_ns;
    (void)unused;
    if (sampled && !sampled->is_known && clock_thread_cpu_ns(thread->tid, &cpu_ns) &&
        meet(thread, cpu_ns))
        give_timer(thread);
}

/* A thread that uses up time and takes no samples: has it blocked the signal? */
static void look_at_silent(struct thread *thread, void *unused)
{
    struct sampled *sampled = thread->sampled;
    uint64_t cpu_ns;
    (void)unused;
    if (!sampled || !sampled->has_expiry || !clock_thread_cpu_ns(thread->tid, &cpu_ns))
        return;
    uint64_t moved_ns = cpu_ns - sampled->expiry.taken_ns;
    if (sampled->is_invisible || cpu_ns < sampled->expiry.taken_ns ||
        moved_ns < UNANSWERED_MAX * account->period_ns || !sampler_signal_is_blocked(thread->tid))
        return;
    sampled->is_invisible = true;
    __atomic_fetch_add(&account->threads_invisible, 1, __ATOMIC_RELAXED);
}

static void renew_rings(uint64_t now_ns)
{
    empty_rings(false);
    uint64_t mask = lock_enter(&ring_lock);
    uint64_t wait_ns = sampler_ring_patience_ns(account->period_ns) / 2;
    if (!unloadings)
        sampler_ring_renew(account, &random_state);
    lock_leave(&ring_lock, mask);
    drain_due_ns = now_ns + random_gap(wait_ns);
}

static void tick_with_clocks(uint64_t now_ns)
{
    bool is_wanted = __atomic_exchange_n(&is_announced, false, __ATOMIC_ACQ_REL);
    if (is_wanted || now_ns >= search_due_ns) {
        if (has_timers())
            thread_visit(find_timer, NULL);
        else
            give_clocks();
        search_due_ns = now_ns + SETTLE_NS;
    }
    if (has_rings() && now_ns >= drain_due_ns)
        renew_rings(now_ns);
    if (sampler_event_is_any() && now_ns >= event_due_ns) {
        sampler_event_renew(account->period_ns);
        event_due_ns = now_ns + random_gap(account->period_ns * EVENT_PERIODS);
    }
}

/* --- those that wait --- */

static void tick_of_waits(uint64_t now_ns)
{
    uint64_t mask = lock_enter(&ring_lock);
    if (!unloadings) {
        sampler_waits_search();
        sampler_waits_look(now_ns, next_random());
    }
    lock_leave(&ring_lock, mask);
}

static void settle_waits(void)
{
    uint64_t mask = lock_enter(&ring_lock);
    sampler_waits_settle();
    lock_leave(&ring_lock, mask);
}

void sampler_settle(void)
{
    if (!is_on)
        return;
    if (has_rings())
        empty_rings(true);
    settle_waits();
    settle();
}

void sampler_before_unload(void)
{
    if (!is_on || (!has_rings() && !sampler_waits_are_on()))
        return;
    uint64_t mask = lock_enter(&ring_lock);
    if (has_rings())
        sampler_ring_drain(account, cpu_time_ns(), false);
    unloadings++;
    lock_leave(&ring_lock, mask);
}

void sampler_after_unload(void)
{
    if (unloadings)
        __atomic_fetch_sub(&unloadings, 1, __ATOMIC_RELAXED);
}

/* --- the interface --- */

static struct trace_sampler *open_account(void)
{
    uint64_t mask = lock_enter(&trace_lock);
    int64_t at = trace_reserve(SECTION_SAMPLERS, sizeof(struct trace_sampler));
    if (at >= 0)
        trace_publish(SECTION_SAMPLERS);
    lock_leave(&trace_lock, mask);
    return at < 0 ? NULL : &trace.samplers[(uint64_t)at / sizeof(struct trace_sampler)];
}

/* The thread that starts the sampler is there from the same moment on. */
static void begin_with(struct sampled *sampled, uint32_t tid)
{
    uint64_t cpu_ns;
    if (!clock_thread_cpu_ns(tid, &cpu_ns))
        return;
    sampled->is_known = true;
    sampled->base_cpu_ns = sampled->cpu_ns = sampled->seen_cpu_ns = cpu_ns;
    account->threads_seen++;
}

static void fill_account(void)
{
    account->domain = DOMAIN_CPU;
    account->engine = ENGINE_TGKILL;
    account->asked_engine = options.engine;
    account->signal = (uint32_t)sampler_signal_number();
    account->asked_period_ns = SECOND_NS / options.cpu_hz;
    account->period_ns = affordable_period_ns();
    account->start_time_ns = clock_monotonic_ns();
}

/* Without a thread of ours there are only timers. */
static bool choose_timers(void)
{
    if (options.has_ticker && options.engine != ENGINE_TIMER)
        return true;
    long result = sampler_timer_try();
    if (result != 0) {
        account->last_errno = (uint64_t)-result;
        return options.has_ticker;
    }
    account->engine = ENGINE_TIMER;
    wait_guard(sampler_timer_interrupts_calls() ? WAIT_BLOCK : WAIT_FREELY);
    return true;
}

/* Said once, by the process that was told. */
static void warn_if_refused(void)
{
    static const char *const names[ENGINE_COUNT] = TRACE_ENGINE_NAMES;
    static bool is_said;
    bool is_perf = options.engine == ENGINE_PERF_RING || options.engine == ENGINE_PERF_SIGNAL;
    if (is_said || options.is_warned || !is_perf || sampler_event_try() == 0)
        return;
    is_said = true;
    text_warn("the kernel does not permit the CPU engine ", names[options.engine],
              options.has_ticker ? ", tgkill instead" : ", timer instead");
}

void sampler_start(void)
{
    if (!options.cpu_hz || !sampler_signal_begin())
        return;
    struct thread *thread = thread_self ? thread_self : thread_attach();
    account = thread && thread->sampled ? open_account() : NULL;
    if (!account)
        return;
    account->cost_ns = sampler_signal_measure();
    fill_account();
    adjusted_time_ns = account->start_time_ns;
    random_state = account->start_time_ns ^ (uint64_t)trace.header->pid << 32;
    cpu_time_begin();
    if (!choose_timers())
        return;
    if (!has_timers()) {
        begin_with(thread->sampled, thread->tid);
        wait_guard(WAIT_WITHHOLD); /* until it is known whether signals are sent */
    }
    warn_if_refused();
    sample_set_account(DOMAIN_CPU, account);
    if (options.wall_hz && options.has_ticker && sampler_waits_start(open_account()))
        sampler_waits_search();
    __atomic_store_n(&is_on, true, __ATOMIC_RELEASE);
    if (has_timers())
        thread_visit(find_timer, NULL);
}

bool sampler_is_on(void)
{
    return __atomic_load_n(&is_on, __ATOMIC_RELAXED);
}

/* As long as waiting takes no more of the time than all of sampling may. */
static bool may_wait(uint64_t now_ns)
{
    uint64_t all_ns = now_ns - account->start_time_ns;
    return __atomic_load_n(&waited_ns, __ATOMIC_RELAXED) <
           WAITS_FREE_NS + all_ns / 100 * options.cpu_budget_percent;
}

/* Until it has its ring: a short thread would be half over otherwise, and its beginning never be
 * sampled. A signal ends it, too. */
static void wait_for_ring(struct sampled *sampled, uint64_t now_ns)
{
    const struct timespec longest = {.tv_nsec = WAIT_MAX_NS};
    sampled->waits = may_wait(now_ns);
    __atomic_store_n(&is_announced, true, __ATOMIC_RELEASE);
    wake_ticker();
    if (!__atomic_load_n(&sampled->waits, __ATOMIC_ACQUIRE))
        return;
    sys(__NR_futex, &sampled->waits, FUTEX_WAIT_PRIVATE, 1, &longest);
    __atomic_store_n(&sampled->waits, 0, __ATOMIC_RELAXED);
    __atomic_fetch_add(&waited_ns, clock_monotonic_ns() - now_ns, __ATOMIC_RELAXED);
}

void sampler_thread_begins(void)
{
    if (*thread_generation == 0)
        return;
    uint64_t now_ns = clock_monotonic_ns();
    struct thread *thread = thread_self ? thread_self : thread_attach();
    if (!thread || !thread->sampled)
        return;
    thread->sampled->start_ns = now_ns;
    if (has_timers())
        find_timer(thread, NULL);
    else if (has_clocks() && wake_ticker)
        wait_for_ring(thread->sampled, now_ns);
}

void sampler_begin(void (*wake)(void))
{
    wake_ticker = wake;
}

uint64_t sampler_due_ns(void)
{
    uint64_t waits_due_ns = sampler_waits_due_ns();
    return !is_on ? UINT64_MAX : due_ns < waits_due_ns ? due_ns : waits_due_ns;
}

static void forget_clock(struct thread *thread, void *unused)
{
    struct sampled *sampled = thread->sampled;
    (void)unused;
    if (sampled && sampled->has_ring) {
        sampled->has_ring = false;
        clock_thread_cpu_ns(thread->tid, &sampled->cpu_ns);
    } else if (sampled && sampled->has_expiry && !sampled->expiry.timer) {
        sampled->has_expiry = false;
        sampled->cpu_ns = sampled->expiry.taken_ns;
    }
}

/* A new ticker has none of the descriptors of the one before. */
static void begin_ticking(uint32_t tid)
{
    bool is_first = ticker_tid == 0;
    ticker_tid = tid;
    cpu_time_leave_out(tid);
    if (is_first) {
        choose_engine();
    } else if (has_rings() || has_events()) {
        uint64_t mask = lock_enter(&ring_lock);
        if (has_rings())
            sampler_ring_drain(account, cpu_time_ns(), false);
        sampler_ring_drop_all();
        sampler_event_drop_all();
        lock_leave(&ring_lock, mask);
        thread_visit(forget_clock, NULL);
    }
}

/* --- the signal --- */

static void renew_timer(struct thread *thread, void *unused)
{
    struct sampled *sampled = thread->sampled;
    (void)unused;
    if (!sampled || !sampled->has_expiry || !sampled->expiry.timer)
        return;
    sampled->cpu_ns = sampled->expiry.taken_ns;
    sampler_timer_remove(sampled);
    if (sampler_signal_number())
        give_timer(thread);
}

/* The clocks send another one from now on. */
static void move_clocks(void)
{
    account->signal = (uint32_t)sampler_signal_number();
    sampler_event_change_signal();
    thread_visit(renew_timer, NULL);
}

/* By whoever sends them, so that none is on its way. */
static void give_up(void)
{
    if (!__atomic_load_n(&is_to_give_up, __ATOMIC_ACQUIRE))
        return;
    struct former_signal former = sampler_signal_change();
    move_clocks();
    sampler_signal_clear(former);
    __atomic_store_n(&is_to_give_up, 0, __ATOMIC_RELEASE);
}

void sampler_give_up_signal(void)
{
    const struct timespec moment = {.tv_nsec = 50000};
    if (*thread_generation == 0 || !is_on) {
        sampler_signal_end();
        return;
    }
    __atomic_store_n(&is_to_give_up, 1, __ATOMIC_RELEASE);
    for (int i = 0; ticker_tid && i < GIVING_UP_TRIES; i++) {
        wake_ticker();
        if (!__atomic_load_n(&is_to_give_up, __ATOMIC_ACQUIRE))
            return;
        sys(__NR_nanosleep, &moment, 0);
    }
    uint64_t mask = lock_enter(&hold_lock);
    give_up();
    lock_leave(&hold_lock, mask);
}

static void check_signal(void)
{
    uint64_t mask = lock_enter(&hold_lock);
    int before = sampler_signal_number();
    if (!is_held && before && sampler_signal_begin() && sampler_signal_number() != before)
        move_clocks();
    lock_leave(&hold_lock, mask);
}

/* --- the ticker's work --- */

static bool is_to_look(void)
{
    return !has_clocks() || is_anybody_without_ring;
}

static void tick(uint64_t now_ns)
{
    give_up();
    if (has_clocks())
        tick_with_clocks(now_ns);
    if (now_ns >= look_due_ns && is_to_look()) {
        look_at_all(now_ns);
        look_due_ns = next_due_ns(now_ns);
    }
    if (now_ns >= settle_due_ns) {
        settle();
        keep_budget(now_ns);
        check_signal();
        if (has_clocks())
            thread_visit(look_at_silent, NULL);
        settle_due_ns = now_ns + SETTLE_NS;
    }
    due_ns = settle_due_ns;
    if (look_due_ns < due_ns && is_to_look())
        due_ns = look_due_ns;
    if (has_rings() && drain_due_ns < due_ns)
        due_ns = drain_due_ns;
    if (sampler_event_is_any() && event_due_ns < due_ns)
        due_ns = event_due_ns;
}

void sampler_tick(uint64_t now_ns)
{
    bool is_due = now_ns >= due_ns || __atomic_load_n(&is_announced, __ATOMIC_RELAXED) ||
                  __atomic_load_n(&is_to_give_up, __ATOMIC_RELAXED);
    bool are_waits_due = now_ns >= sampler_waits_due_ns();
    if (!sampler_is_on() || (!is_due && !are_waits_due))
        return;
    uint32_t tid = (uint32_t)sys(__NR_gettid);
    if (tid != ticker_tid)
        begin_ticking(tid);
    if (is_due)
        tick(now_ns);
    if (are_waits_due)
        tick_of_waits(now_ns);
}

/* --- holding it --- */

static struct sampled *own_sampled(void)
{
    return thread_self ? thread_self->sampled : NULL;
}

void sampler_hold(void)
{
    if (!is_on)
        return;
    uint64_t mask = lock_enter(&hold_lock);
    is_held = true;
    if (own_sampled())
        sampler_timer_hold(own_sampled());
    sampler_signal_hold(has_clocks());
    lock_leave(&hold_lock, mask);
}

void sampler_release(void)
{
    if (!is_on)
        return;
    uint64_t mask = lock_enter(&hold_lock);
    sampler_signal_release();
    if (own_sampled())
        sampler_timer_release(own_sampled(), account->period_ns);
    is_held = false;
    lock_leave(&hold_lock, mask);
}

static void remove_timer(struct thread *thread, void *unused)
{
    (void)unused;
    if (!thread->sampled || !thread->sampled->expiry.timer)
        return;
    thread->sampled->cpu_ns = thread->sampled->expiry.taken_ns;
    sampler_timer_remove(thread->sampled);
    is_anybody_without_ring = true;
}

void sampler_end_signals(void)
{
    if (!is_on)
        return;
    uint64_t mask = lock_enter(&hold_lock);
    thread_visit(remove_timer, NULL);
    sampler_signal_end();
    lock_leave(&hold_lock, mask);
}

void sampler_after_fork(void)
{
    lock_reset(&hold_lock);
    lock_reset(&ring_lock);
    sampler_ring_after_fork();
    sampler_waits_after_fork();
    sampler_event_drop_all();
    wait_guard(WAIT_FREELY);
    is_to_give_up = 0;
    unloadings = 0;
    is_announced = is_anybody_without_ring = false;
    drain_due_ns = look_due_ns = search_due_ns = event_due_ns = waited_ns = 0;
    is_on = is_held = false;
    ticker_tid = 0;
    due_ns = settle_due_ns = quiet_looks = ended_ns = 0;
    adjusted_own_ns = adjusted_cpu_ns = 0;
    sample_set_account(DOMAIN_CPU, NULL);
}
