/* SPDX-License-Identifier: BSD-2-Clause */
/* interpose_signal.c -- Replaced functions that tell or say what becomes of a signal.
 *
 * The sampler's is not the program's business: who asks is told what would be so without us, and
 * who wants it for itself gets it. */
#include "real.h"
#include "sampler.h"
#include "sampler_signal.h"
#include "sys.h"
#include "text.h"
#include "unwind_arch.h"
#include "wait.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#define EXPORT __attribute__((visibility("default")))

static bool is_ours(int number)
{
    return unlikely(number && number == sampler_signal_number());
}

static void leave_to_program(int number)
{
    real_init();
    if (is_ours(number))
        sampler_give_up_signal();
}

/* The default stays, as far as anybody can see; with what else the program has in mind. */
static void tell_plan(struct sigaction *ret_old)
{
    memset(ret_old, 0, sizeof *ret_old);
    ret_old->sa_flags = (int)sampler_signal_plan()->flags;
    ret_old->sa_mask.__val[0] = sampler_signal_plan()->mask;
}

static void keep_plan(uint64_t flags, uint64_t mask)
{
    *sampler_signal_plan() = (struct sampler_signal_plan){flags, mask};
}

EXPORT int sigaction(int number, const struct sigaction *action, struct sigaction *ret_old)
{
    bool is_default = !action || action->sa_handler == SIG_DFL;
    if (is_ours(number) && is_default) {
        struct sigaction wanted;
        if (action)
            wanted = *action; /* it may be the same as ret_old */
        if (ret_old)
            tell_plan(ret_old);
        if (action)
            keep_plan((uint32_t)wanted.sa_flags, wanted.sa_mask.__val[0]);
        return 0;
    }
    leave_to_program(number);
    return real.sigaction(number, action, ret_old);
}

#define HANDLER_SET_BY(name)                                                                       \
    EXPORT sighandler_t name(int number, sighandler_t handler)                                     \
    {                                                                                              \
        if (is_ours(number) && handler == SIG_DFL) {                                               \
            keep_plan(SA_RESTART, sampler_signal_set());                                           \
            return SIG_DFL;                                                                        \
        }                                                                                          \
        leave_to_program(number);                                                                  \
        return real.name(number, handler);                                                         \
    }

HANDLER_SET_BY(signal)
HANDLER_SET_BY(bsd_signal)
HANDLER_SET_BY(ssignal)
HANDLER_SET_BY(sysv_signal)
HANDLER_SET_BY(__sysv_signal)
HANDLER_SET_BY(sigset)

EXPORT int sigignore(int number)
{
    leave_to_program(number);
    return real.sigignore(number);
}

EXPORT int siginterrupt(int number, int is_ending)
{
    leave_to_program(number);
    return real.siginterrupt(number, is_ending);
}

/* --- signals that are pending --- */

static void take_ours_out(sigset_t *set)
{
    set->__val[0] &= ~sampler_signal_set();
}

EXPORT int sigpending(sigset_t *ret_set)
{
    real_init();
    int result = real.sigpending(ret_set);
    if (result == 0)
        take_ours_out(ret_set);
    return result;
}

/* One that the thread keeps away may be pending for ever; it must not be mistaken for the
 * program's.
 */
static const sigset_t *without_ours(sigset_t *copy, const sigset_t *set)
{
    if (!set || !sampler_signal_number())
        return set;
    *copy = *set;
    take_ours_out(copy);
    return copy;
}

#define WAIT_FOR_SIGNAL(name, set, ...)                                                            \
    do {                                                                                           \
        real_init();                                                                               \
        if (!wait_is_guarded() && !sampler_signal_number())                                        \
            return real.name(set, ##__VA_ARGS__);                                                  \
        struct wait wait;                                                                          \
        sigset_t copy;                                                                             \
        wait_begin(&wait, CALLER());                                                               \
        int result = real.name(without_ours(&copy, set), ##__VA_ARGS__);                           \
        wait_end(&wait);                                                                           \
        return result;                                                                             \
    } while (0)

EXPORT int sigwait(const sigset_t *set, int *ret_number)
{
    WAIT_FOR_SIGNAL(sigwait, set, ret_number);
}

EXPORT int sigwaitinfo(const sigset_t *set, siginfo_t *ret_info)
{
    WAIT_FOR_SIGNAL(sigwaitinfo, set, ret_info);
}

EXPORT int sigtimedwait(const sigset_t *set, siginfo_t *ret_info, const struct timespec *timeout)
{
    WAIT_FOR_SIGNAL(sigtimedwait, set, ret_info, timeout);
}

EXPORT int signalfd(int fd, const sigset_t *mask, int flags)
{
    sigset_t copy;
    real_init();
    return real.signalfd(fd, without_ours(&copy, mask), flags);
}
