/* SPDX-License-Identifier: BSD-2-Clause */
/* sampler.c -- Where the time goes: samples of the stacks of the threads that run.
 *
 * The ticker's thread wakes up at random intervals, looks at the CPU clock of every thread, and
 * sends a signal to those that have moved: they walk their own stack. A sample stands for the CPU
 * time since the thread's sample before it, so all of it is accounted for, however late we are.
 *
 * A thread's end is not noticed, and its time since its last sample belongs to nobody. On average
 * that is as much as the part of the interval before its birth that its first sample has not to
 * account for, if it comes at an interval's random place. So the first sample stands for the whole
 * interval, as far as there is such time: short threads, too, get their share.
 */
#include "sampler.h"

#include "clock.h"
#include "lock.h"
#include "options.h"
#include "sample.h"
#include "sampler_ring.h"
#include "sampler_signal.h"
#include "sampler_waits.h"
#include "small_file.h"
#include "sys.h"
#include "text.h"
#include "thread.h"
#include "trace_file.h"

#include <linux/futex.h>
#include <time.h>

enum {
    MOVED_NS = 20 * 1000, /* of CPU time, that make a sample worth it */
    IDLE_LOOKS = 8,       /* in a row, before a thread is looked at less often */
    SKIPS_MAX = 15,
    FIRST_WEIGHT_MAX = 8, /* periods, that a first sample may stand for beyond the thread's time */
    UNANSWERED_MAX = 32,  /* signals, before a thread counts as one that blocks them */
    SETTLE_NS = 100 * 1000 * 1000,
    QUIET_GAP_MAX_NS = 10 * 1000 * 1000, /* between two looks at a program that sleeps */
    WAIT_MAX_NS = 2 * 1000 * 1000,       /* of a new thread for its ring */
    WAITS_FREE_NS = 10 * 1000 * 1000 /* of all threads, before they are held against the budget */
};

#define SECOND_NS 1000000000ul

static struct lock hold_lock; /* held while signals are sent */
static bool is_held;
static bool is_on;
static struct trace_sampler *account;
static uint64_t random_state;
static uint64_t due_ns; /* of the earliest of the others */
static uint64_t last_tick_ns;
static uint64_t settle_due_ns;
static uint64_t quiet_looks;
static uint64_t ended_ns;    /* CPU time of threads that have ended which no sample stands for */
static uint64_t base_cpu_ns; /* of the process, when it began */
static uint64_t adjusted_own_ns, adjusted_cpu_ns; /* at the last look at the budget */
static uint32_t ticker_tid;
static void (*wake_ticker)(void);

/* With rings: */
static struct lock ring_lock; /* held while they are emptied */
static uint32_t unloadings;   /* under way */
static bool is_announced;     /* a thread has begun */
static bool is_anybody_without_ring;
static uint64_t drain_due_ns;
static uint64_t look_due_ns;
static uint64_t search_due_ns;
static uint64_t waited_ns; /* of all threads, for their rings; atomic */

static bool has_rings(void)
{
    return account->engine == ENGINE_PERF_RING;
}

/* --- clocks --- */

static uint64_t process_cpu_ns(void)
{
    uint64_t all_ns = clock_process_cpu_ns(), own_ns = 0;
    if (ticker_tid)
        clock_thread_cpu_ns(ticker_tid, &own_ns);
    return all_ns - own_ns;
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
    uint64_t before_ns;  /* when the round before began */
    uint64_t cpu_ns;     /* of the process, when this one began */
    uint64_t awaited_ns; /* of it, what samples to come will stand for */
    uint32_t looked_at;
    uint32_t moved;
};

/* Counting begins here, for a thread that was there before us. */
static bool is_new(struct thread *thread, uint64_t cpu_ns)
{
    struct sampled *sampled = thread->sampled;
    if (sampled->is_known)
        return false;
    sampled->is_known = true;
    account->threads_seen++;
    if (sampled->start_ns)
        return false; /* its clock has begun at zero */
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

/* As if the thread had run in the same way for the whole interval: of that the ended ones give what
 * they have. */
static uint64_t weight(const struct sampled *sampled, const struct round *round, uint64_t moved_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t gap_ns = now_ns - round->before_ns;
    uint64_t age_ns = now_ns - sampled->start_ns;
    uint64_t longest_ns = account->period_ns * FIRST_WEIGHT_MAX;
    if (gap_ns > longest_ns)
        gap_ns = longest_ns;
    if (sampled->has_sample || !sampled->start_ns || age_ns >= gap_ns || !age_ns)
        return moved_ns;
    double wanted_ns = (double)moved_ns * (double)(gap_ns - age_ns) / (double)age_ns;
    uint64_t more_ns = wanted_ns < (double)ended_ns ? (uint64_t)wanted_ns : ended_ns;
    ended_ns -= more_ns;
    return moved_ns + more_ns;
}

/* The thread has not yet taken the sample before this one. */
static void leave_unanswered(struct thread *thread, uint64_t moved_ns)
{
    struct sampled *sampled = thread->sampled;
    account->overrun_ns += moved_ns;
    if (++sampled->unanswered == UNANSWERED_MAX)
        account->threads_invisible++;
    if (is_power_of_two(sampled->unanswered)) /* somebody may have waited for all signals */
        sampler_signal_send(thread);
}

static void demand_sample(struct thread *thread, const struct round *round, uint64_t moved_ns)
{
    struct sampled *sampled = thread->sampled;
    if (__atomic_load_n(&sampled->owed_ns, __ATOMIC_ACQUIRE)) {
        leave_unanswered(thread, moved_ns);
        return;
    }
    sampled->unanswered = 0;
    uint64_t time_ns = weight(sampled, round, moved_ns);
    __atomic_store_n(&sampled->owed_ns, time_ns, __ATOMIC_RELEASE);
    sampled->has_sample = true;
    sampled->is_gone = !sampler_signal_send(thread);
}

/* A signal would end the system call that a thread sleeps in, and find it where it has not spent
 * its time. It is sampled when it runs again, for all of its time since the sample before. The
 * clock of a thread on a CPU moves while we look; one that waits for a CPU is known by its state.
 */
static bool is_asleep(const struct thread *thread, uint64_t cpu_ns)
{
    char path[64], line[128];
    uint64_t now_ns;
    struct text text;
    if (!clock_thread_cpu_ns(thread->tid, &now_ns) || now_ns != cpu_ns)
        return false;
    text_init(&text, path, sizeof path);
    text_add(&text, "/proc/self/task/");
    text_add_number(&text, thread->tid);
    text_add(&text, "/stat");
    const char *state =
        small_file_read(path, line, sizeof line) ? text_after_last(line, ')') : NULL;
    return state && text_after(state, " S");
}

static bool is_worth_a_sample(const struct thread *thread, uint64_t cpu_ns)
{
    struct sampled *sampled = thread->sampled;
    bool has_run = sampled->seen_cpu_ns != cpu_ns;
    sampled->seen_cpu_ns = cpu_ns;
    return cpu_ns - sampled->cpu_ns >= MOVED_NS && has_run && !is_asleep(thread, cpu_ns);
}

/* Returns the time that is left to the thread's next sample. */
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
    if (is_new(thread, cpu_ns))
        return 0;
    uint64_t moved_ns = cpu_ns - sampled->cpu_ns;
    if (!is_worth_a_sample(thread, cpu_ns)) {
        skip_if_idle(sampled);
        return moved_ns;
    }
    sampled->idle_looks = 0;
    sampled->cpu_ns = cpu_ns;
    thread->totals->cpu_ns = cpu_ns - sampled->base_cpu_ns;
    round->moved++;
    demand_sample(thread, round, moved_ns);
    return 0;
}

static void look_at(struct thread *thread, void *data)
{
    struct round *round = data;
    struct sampled *sampled = thread->sampled;
    if (!sampled || sampled->is_gone || sampled->has_ring)
        return;
    round->looked_at++;
    uint64_t left_ns = look_at_clock(thread, round);
    round->awaited_ns += left_ns + __atomic_load_n(&sampled->owed_ns, __ATOMIC_ACQUIRE);
}

/* The rest of the process's time was that of threads that have ended since their last sample. */
static uint64_t rest_ns(const struct round *round)
{
    uint64_t known_ns = account->sampled_ns + account->overrun_ns + account->lost_ns +
                        account->kernel_ns + round->awaited_ns;
    return round->cpu_ns > known_ns && !has_rings() ? round->cpu_ns - known_ns : 0;
}

static void look_at_all(uint64_t now_ns)
{
    struct round round = {.before_ns = last_tick_ns, .cpu_ns = process_cpu_ns() - base_cpu_ns};
    uint64_t mask = lock_enter(&hold_lock);
    if (!is_held)
        thread_visit(look_at, &round);
    lock_leave(&hold_lock, mask);
    if (!is_held)
        ended_ns = rest_ns(&round);
    last_tick_ns = now_ns;
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

/* --- the account --- */

/* What sampling takes: the ticker's thread, and the samples on the program's. */
static uint64_t own_ns(void)
{
    uint64_t ticker_ns = 0;
    if (ticker_tid)
        clock_thread_cpu_ns(ticker_tid, &ticker_ns);
    uint64_t waits_ns = sampler_waits_own_ns();
    ticker_ns -= waits_ns < ticker_ns ? waits_ns : ticker_ns;
    return ticker_ns + account->samples * account->cost_ns;
}

static uint64_t affordable_period_ns(void)
{
    uint64_t least_ns = account->cost_ns * 100 / options.cpu_budget_percent;
    return account->asked_period_ns > least_ns ? account->asked_period_ns : least_ns;
}

/* Lowers the rate while sampling takes more of the CPU time than it may, and raises it again up to
 * what was asked for. */
static void keep_budget(void)
{
    uint64_t spent_ns = account->own_ns - adjusted_own_ns;
    uint64_t cpu_ns = account->cpu_ns - adjusted_cpu_ns;
    if (cpu_ns < SECOND_NS / 4)
        return;
    adjusted_own_ns = account->own_ns;
    adjusted_cpu_ns = account->cpu_ns;
    double share = (double)spent_ns * 100 / (double)cpu_ns / options.cpu_budget_percent;
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
    account->cpu_ns = process_cpu_ns() - base_cpu_ns;
    account->own_ns = own_ns();
    account->exited_ns = unsampled_ns();
}

/* --- rings --- */

static void empty_rings(void)
{
    uint64_t mask = lock_enter(&ring_lock);
    if (!unloadings)
        sampler_ring_drain(account);
    lock_leave(&ring_lock, mask);
}

/* On the ticker's thread, whose descriptors the rings will have. */
static void choose_engine(void)
{
    bool is_user_only = false;
    uint64_t cost_ns = 0;
    if (options.engine != ENGINE_NONE && options.engine != ENGINE_PERF_RING)
        return;
    long result = sampler_ring_try(&is_user_only, &cost_ns);
    if (result < 0) {
        account->last_errno = (uint64_t)-result;
        return;
    }
    account->kernel_is_hidden = is_user_only;
    account->cost_ns = cost_ns;
    account->signal = 0;
    account->period_ns = affordable_period_ns();
    account->engine = ENGINE_PERF_RING;
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
    if (!sampled || sampled->has_ring || sampled->has_no_ring || search->count == REQUESTS_MAX)
        return;
    if (!clock_thread_cpu_ns(thread->tid, &cpu_ns)) {
        sampled->is_gone = sampled->has_no_ring = true;
        return;
    }
    if (!sampled->is_known)
        is_new(thread, cpu_ns);
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

/* A thread that gets none is sent signals. It may have ended by now, and another one have its
 * place: that one is then sent signals, too. */
static void give_rings(void)
{
    static struct search search;
    do {
        search.count = 0;
        thread_visit(collect, &search);
        uint64_t mask = lock_enter(&ring_lock);
        for (uint32_t i = 0; i < search.count; i++) {
            if (!sampler_ring_add(&search.requests[i], account->period_ns, next_random())) {
                search.found[i]->has_no_ring = true;
                search.found[i]->has_ring = false;
                is_anybody_without_ring = true;
            }
            end_wait(search.found[i]);
        }
        lock_leave(&ring_lock, mask);
    } while (search.count == REQUESTS_MAX);
}

static void tick_with_rings(uint64_t now_ns)
{
    bool is_wanted = __atomic_exchange_n(&is_announced, false, __ATOMIC_ACQ_REL);
    if (is_wanted || now_ns >= search_due_ns) {
        give_rings();
        search_due_ns = now_ns + SETTLE_NS;
    }
    if (now_ns >= drain_due_ns) {
        empty_rings();
        uint64_t mask = lock_enter(&ring_lock);
        uint64_t wait_ns = sampler_ring_patience_ns(account->period_ns) / 2;
        if (!unloadings)
            sampler_ring_renew(account, &random_state);
        lock_leave(&ring_lock, mask);
        drain_due_ns = now_ns + random_gap(wait_ns);
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
        empty_rings();
    settle_waits();
    settle();
}

void sampler_before_unload(void)
{
    if (!is_on || (!has_rings() && !sampler_waits_are_on()))
        return;
    uint64_t mask = lock_enter(&ring_lock);
    if (has_rings())
        sampler_ring_drain(account);
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

static void fill_account(void)
{
    account->domain = DOMAIN_CPU;
    account->engine = ENGINE_TGKILL;
    account->signal = (uint32_t)sampler_signal_number();
    account->asked_period_ns = SECOND_NS / options.cpu_hz;
    account->period_ns = affordable_period_ns();
    account->start_time_ns = clock_monotonic_ns();
}

void sampler_start(void)
{
    if (!options.cpu_hz || !options.has_ticker || !sampler_signal_begin())
        return;
    struct thread *thread = thread_self ? thread_self : thread_attach();
    account = thread && thread->sampled ? open_account() : NULL;
    if (!account)
        return;
    account->cost_ns = sampler_signal_measure();
    fill_account();
    last_tick_ns = account->start_time_ns;
    random_state = account->start_time_ns ^ (uint64_t)trace.header->pid << 32;
    base_cpu_ns = process_cpu_ns();
    sample_set_account(DOMAIN_CPU, account);
    if (options.wall_hz && sampler_waits_start(open_account()))
        sampler_waits_search();
    __atomic_store_n(&is_on, true, __ATOMIC_RELEASE);
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
    if (has_rings() && wake_ticker)
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

static void forget_ring(struct thread *thread, void *data)
{
    (void)data;
    if (!thread->sampled || !thread->sampled->has_ring)
        return;
    thread->sampled->has_ring = false;
    clock_thread_cpu_ns(thread->tid, &thread->sampled->cpu_ns);
}

/* A new ticker has none of the descriptors of the one before. */
static void begin_ticking(uint32_t tid)
{
    bool is_first = ticker_tid == 0;
    ticker_tid = tid;
    if (is_first) {
        choose_engine();
    } else if (has_rings()) {
        uint64_t mask = lock_enter(&ring_lock);
        sampler_ring_drain(account);
        sampler_ring_drop_all();
        lock_leave(&ring_lock, mask);
        thread_visit(forget_ring, NULL);
    }
}

static void tick(uint64_t now_ns)
{
    if (has_rings())
        tick_with_rings(now_ns);
    if (now_ns >= look_due_ns && (!has_rings() || is_anybody_without_ring)) {
        look_at_all(now_ns);
        look_due_ns = now_ns + next_gap();
    }
    if (now_ns >= settle_due_ns) {
        settle();
        keep_budget();
        if (!has_rings() && sampler_signal_begin())
            account->signal = (uint32_t)sampler_signal_number();
        settle_due_ns = now_ns + SETTLE_NS;
    }
    due_ns = settle_due_ns;
    if (look_due_ns < due_ns && (!has_rings() || is_anybody_without_ring))
        due_ns = look_due_ns;
    if (has_rings() && drain_due_ns < due_ns)
        due_ns = drain_due_ns;
}

void sampler_tick(uint64_t now_ns)
{
    bool is_due = now_ns >= due_ns || __atomic_load_n(&is_announced, __ATOMIC_RELAXED);
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

void sampler_hold(void)
{
    if (!is_on)
        return;
    uint64_t mask = lock_enter(&hold_lock);
    is_held = true;
    lock_leave(&hold_lock, mask);
    sampler_signal_drain();
}

void sampler_release(void)
{
    __atomic_store_n(&is_held, false, __ATOMIC_RELAXED);
}

void sampler_after_fork(void)
{
    lock_reset(&hold_lock);
    lock_reset(&ring_lock);
    sampler_ring_after_fork();
    sampler_waits_after_fork();
    unloadings = 0;
    is_announced = is_anybody_without_ring = false;
    drain_due_ns = look_due_ns = search_due_ns = waited_ns = 0;
    is_on = is_held = false;
    ticker_tid = 0;
    due_ns = settle_due_ns = quiet_looks = ended_ns = 0;
    adjusted_own_ns = adjusted_cpu_ns = 0;
    sample_set_account(DOMAIN_CPU, NULL);
}
