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
#include "sample.h"
#include "stubs.h"
#include "sys.h"
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
static bool is_rehearsing;

static uint64_t signal_set(void)
{
    return (uint64_t)1 << (number - 1);
}

/* By tgkill from this process: by us, or the program has sent it to itself. */
static bool is_ours(const siginfo_t *info)
{
    return info->si_code == SI_TKILL && (uint32_t)info->si_pid == trace.header->pid;
}

static void on_signal(int unused, siginfo_t *info, void *context)
{
    (void)unused;
    if (*thread_generation == 0 || !is_ours(info))
        return;
    struct thread *thread = thread_self ? thread_self : thread_attach();
    /* A thread made without TLS of its own has its creator's. */
    if (!thread || !thread->sampled || thread->tid != (uint32_t)sys(__NR_gettid))
        return;
    struct interrupted at = sample_registers(context);
    if (is_rehearsing) {
        sample_rehearse(thread, &at);
        return;
    }
    uint64_t time_ns = __atomic_exchange_n(&thread->sampled->owed_ns, 0, __ATOMIC_ACQ_REL);
    if (!time_ns)
        return;
    struct sample sample = {
        .domain = DOMAIN_CPU, .is_in_kernel = sample_is_in_kernel(at.start.pc), .time_ns = time_ns};
    sample_take(thread, &at, &sample);
}

static bool is_free(int candidate)
{
    struct action old = {0};
    return sys(__NR_rt_sigaction, candidate, 0, &old, sizeof old.mask) == 0 && !old.handle;
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

bool sampler_signal_begin(void)
{
    static const int candidates[] = {SIGURG, SIGSTKFLT, SIGPROF, SIGVTALRM, SIGPWR, 40, 41};
    if (number && !is_still_ours())
        number = 0;
    for (size_t i = 0; !number && i < sizeof candidates / sizeof *candidates; i++)
        if (is_free(candidates[i]))
            install(candidates[i]);
    return number != 0;
}

int sampler_signal_number(void)
{
    return number;
}

uint64_t sampler_signal_measure(void)
{
    uint64_t least_ns = UINT64_MAX;
    uint64_t mask = 0;
    uint64_t set = signal_set();
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

bool sampler_signal_send(struct thread *thread)
{
    return sys(__NR_tgkill, trace.header->pid, thread->tid, number) == 0;
}

uint64_t sampler_signal_block(void)
{
    uint64_t mask = 0;
    uint64_t set = number ? signal_set() : 0;
    sys(__NR_rt_sigprocmask, SIG_BLOCK, &set, &mask, sizeof mask);
    return mask;
}

void sampler_signal_unblock(uint64_t mask)
{
    sys(__NR_rt_sigprocmask, SIG_SETMASK, &mask, 0, sizeof mask);
}

void sampler_signal_drain(void)
{
    static const struct timespec now = {0};
    uint64_t set = number ? signal_set() : 0;
    if (number)
        sys(__NR_rt_sigtimedwait, &set, 0, &now, sizeof set);
}
