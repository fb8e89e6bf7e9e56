/* SPDX-License-Identifier: BSD-2-Clause */
/* sampler_signal.c -- The sampler's signal: which one it is, and what happens when it comes.
 *
 * The first choice is SIGURG. Its default is to be ignored, so that one which is pending when exec
 * comes harms nobody; debuggers let it pass; a program that has a handler for it must not mind
 * spurious ones, since the kernel cannot say for which socket it is; and SIGPROF and SIGVTALRM are
 * left to those who have timers of their own. It is a standard signal: a second one does not queue
 * behind the first. If the program installs a handler after us, we take another signal. */
#include "sampler_signal.h"

#include "clock.h"
#include "expiry.h"
#include "sample.h"
#include "small_file.h"
#include "stubs.h"
#include "sys.h"
#include "text.h"
#include "trace_file.h"

#include <signal.h>

/* The kernel's own struct sigaction. */
struct action {
    void (*handle)(int, siginfo_t *, void *);
    uint64_t flags;
    void (*restorer)(void);
    uint64_t mask;
};

#define ACTION_RESTORER 0x04000000u

enum {
    REHEARSALS = 12
};

static int number;
static struct sampler_signal_plan plan;
static bool is_rehearsing;

uint64_t sampler_signal_set(void)
{
    return number ? (uint64_t)1 << (number - 1) : 0;
}

enum reason {
    REASON_NONE,    /* it is not ours */
    REASON_DEMAND,  /* the ticker's thread wants a sample, or this one has sent it to itself */
    REASON_EXPIRED, /* the thread's own CPU clock does */
};

static enum reason reason_of(const siginfo_t *info, const struct thread *thread)
{
    if (info->si_code == SI_TKILL)
        return (uint32_t)info->si_pid == trace.header->pid ? REASON_DEMAND : REASON_NONE;
    bool has_expiry = __atomic_load_n(&thread->sampled->has_expiry, __ATOMIC_ACQUIRE);
    bool is_timers = info->si_code == SI_TIMER && info->si_value.sival_ptr == thread->sampled;
    bool is_events = info->si_code >= POLL_IN && info->si_code <= POLL_HUP;
    return has_expiry && (is_timers || is_events) ? REASON_EXPIRED : REASON_NONE;
}

/* It has come. */
static void settle_coming(struct sampled *sampled)
{
    uint32_t coming = COMING_SENT;
    if (__atomic_load_n(&sampled->coming, __ATOMIC_RELAXED) == COMING_SENT)
        __atomic_compare_exchange_n(&sampled->coming, &coming, COMING_NOT, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED);
}

/* See wait.c. */
static bool is_taken_elsewhere(struct sampled *sampled)
{
    uint32_t coming = __atomic_load_n(&sampled->coming, __ATOMIC_RELAXED);
    if (coming == COMING_KEPT) /* there is none to come any more */
        __atomic_compare_exchange_n(&sampled->coming, &coming, COMING_OWN, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED);
    return coming == COMING_KEPT || coming == COMING_OWN;
}

static void take_demanded(struct thread *thread, const struct interrupted *at)
{
    settle_coming(thread->sampled);
    if (is_taken_elsewhere(thread->sampled))
        return;
    uint64_t time_ns = __atomic_exchange_n(&thread->sampled->owed_ns, 0, __ATOMIC_ACQ_REL);
    if (!time_ns)
        return;
    struct sample sample = {.domain = DOMAIN_CPU,
                            .is_in_kernel = sample_is_in_kernel(at->start.pc),
                            .time_ns = time_ns};
    sample_take(thread, at, &sample);
}

/* A call that has begun anew is none that was ended. */
static void note_interruption(const struct interrupted *at)
{
    struct trace_sampler *account = sample_account(DOMAIN_CPU);
    if (account && at->result == -EINTR && sample_is_in_kernel(at->start.pc))
        __atomic_fetch_add(&account->interrupted_calls, 1, __ATOMIC_RELAXED);
}

static void on_signal(int unused, siginfo_t *info, void *context)
{
    (void)unused;
    if (*thread_generation == 0)
        return;
    struct thread *thread = thread_self ? thread_self : thread_attach();
    /* A thread made without TLS of its own has its creator's. */
    if (!thread || !thread->sampled || thread->tid != (uint32_t)sys(__NR_gettid))
        return;
    struct interrupted at = sample_registers(context);
    enum reason reason = reason_of(info, thread);
    if (reason != REASON_NONE)
        note_interruption(&at);
    if (is_rehearsing && reason == REASON_DEMAND)
        sample_rehearse(thread, &at);
    else if (reason == REASON_DEMAND)
        take_demanded(thread, &at);
    else if (reason == REASON_EXPIRED)
        expiry_take(thread, &at, info->si_code == SI_TIMER ? (uint32_t)info->si_overrun : 0);
}

static bool is_free(int candidate, struct action *ret_now)
{
    *ret_now = (struct action){0};
    return sys(__NR_rt_sigaction, candidate, 0, ret_now, sizeof ret_now->mask) == 0 &&
           !ret_now->handle;
}

static bool install(int candidate)
{
    struct action action = {
        .handle = on_signal, .flags = SA_RESTART | SA_ONSTACK | SA_SIGINFO, .mask = ~(uint64_t)0};
#if defined(__x86_64__)
    action.flags |= ACTION_RESTORER;
    action.restorer = stub_sigreturn;
#endif
    number = candidate;
    if (sys(__NR_rt_sigaction, candidate, &action, 0, sizeof action.mask) != 0)
        number = 0;
    return number != 0;
}

static bool is_still_ours(void)
{
    struct action now = {0};
    sys(__NR_rt_sigaction, number, 0, &now, sizeof now.mask);
    return now.handle == on_signal;
}

/* Those that the program has already are not free. */
static bool choose(void)
{
    static const int candidates[] = {SIGURG, SIGSTKFLT, SIGPROF, SIGVTALRM, SIGPWR};
    struct action now;
    for (size_t i = 0; !number && i < sizeof candidates / sizeof *candidates; i++)
        if (is_free(candidates[i], &now)) {
            plan = (struct sampler_signal_plan){now.flags, now.mask};
            install(candidates[i]);
        }
    return number != 0;
}

bool sampler_signal_begin(void)
{
    if (number && !is_still_ours())
        number = 0;
    return number || choose();
}

struct sampler_signal_plan *sampler_signal_plan(void)
{
    return &plan;
}

static void dispose(int of, uintptr_t how, struct sampler_signal_plan with)
{
    const struct action action = {.handle = (void (*)(int, siginfo_t *, void *))how,
                                  .flags = with.flags & ~ACTION_RESTORER,
                                  .mask = with.mask};
    sys(__NR_rt_sigaction, of, &action, 0, sizeof action.mask);
}

/* To ignore a signal makes what is pending of it go away, in all threads. */
static void clear(int former, struct sampler_signal_plan with)
{
    if (!former)
        return;
    dispose(former, (uintptr_t)SIG_IGN, with);
    dispose(former, (uintptr_t)SIG_DFL, with);
}

struct former_signal sampler_signal_change(void)
{
    struct former_signal former = {number, plan};
    number = 0;
    choose();
    return former;
}

void sampler_signal_clear(struct former_signal former)
{
    clear(former.number, former.plan);
}

void sampler_signal_end(void)
{
    clear(number && is_still_ours() ? number : 0, plan);
    number = 0;
}

void sampler_signal_hold(bool is_still_sent)
{
    if (!number || !is_still_ours())
        return;
    clear(number, plan);
    if (is_still_sent && number != SIGURG)
        dispose(number, (uintptr_t)SIG_IGN, plan);
}

void sampler_signal_release(void)
{
    if (number)
        install(number);
}

int sampler_signal_number(void)
{
    return number;
}

uint64_t sampler_signal_measure(void)
{
    uint64_t least_ns = UINT64_MAX;
    uint64_t mask = 0;
    uint64_t set = sampler_signal_set();
    sys(__NR_rt_sigprocmask, SIG_UNBLOCK, &set, &mask, sizeof mask);
    is_rehearsing = true;
    for (int i = 0; i < REHEARSALS; i++) {
        uint64_t begin_ns = clock_monotonic_ns();
        sys(__NR_tgkill, trace.header->pid, sys(__NR_gettid), number);
        uint64_t cost_ns = clock_monotonic_ns() - begin_ns;
        if (cost_ns < least_ns)
            least_ns = cost_ns;
    }
    is_rehearsing = false;
    sys(__NR_rt_sigprocmask, SIG_SETMASK, &mask, 0, sizeof mask);
    return least_ns;
}

bool sampler_signal_is_blocked(uint32_t tid)
{
    static char lines[4096]; /* only the recorder's thread asks */
    char path[64];
    struct text text;
    text_init(&text, path, sizeof path);
    text_add(&text, "/proc/self/task/");
    text_add_number(&text, tid);
    text_add(&text, "/status");
    if (!number || !small_file_read(path, lines, sizeof lines))
        return false;
    const char *line = lines;
    while (*line && !text_after(line, "SigBlk:\t"))
        line++;
    const char *digit = text_after(line, "SigBlk:\t");
    if (!digit)
        return false;
    uint64_t blocked = 0;
    for (; *digit > ' '; digit++)
        blocked = blocked << 4 | (uint64_t)(*digit <= '9' ? *digit - '0' : *digit - 'a' + 10);
    return blocked & sampler_signal_set();
}

bool sampler_signal_send(struct thread *thread)
{
    return sys(__NR_tgkill, trace.header->pid, thread->tid, number) == 0;
}

uint64_t sampler_signal_keep_away(void)
{
    uint64_t set = sampler_signal_set();
    uint64_t before = 0;
    if (sys(__NR_rt_sigprocmask, SIG_BLOCK, &set, &before, sizeof set) != 0)
        return 0;
    return set & ~before;
}

void sampler_signal_let_in(uint64_t set)
{
    sys(__NR_rt_sigprocmask, SIG_UNBLOCK, &set, 0, sizeof set);
}

uint64_t sampler_signal_block(void)
{
    uint64_t mask = 0;
    uint64_t set = sampler_signal_set();
    sys(__NR_rt_sigprocmask, SIG_BLOCK, &set, &mask, sizeof mask);
    return mask;
}

void sampler_signal_unblock(uint64_t mask)
{
    sys(__NR_rt_sigprocmask, SIG_SETMASK, &mask, 0, sizeof mask);
}
