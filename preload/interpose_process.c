/* SPDX-License-Identifier: BSD-2-Clause */
/* interpose_process.c -- Replaced functions that change what the process is: its user, its
 * namespaces, its system calls.
 *
 * Some work only in a process with one thread. Others change the calling thread alone, and libc has
 * the threads it knows of follow; ours would keep the old rights. So it is ended before, and made
 * anew after, when it inherits what the caller has become. */
#include "real.h"
#include "stubs.h"
#include "sys.h"
#include "ticker.h"

#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#define EXPORT __attribute__((visibility("default")))

#define ALONE(call)                                                                                \
    do {                                                                                           \
        real_init();                                                                               \
        bool is_paused = ticker_pause();                                                           \
        __typeof__(call) result = call;                                                            \
        if (is_paused)                                                                             \
            ticker_resume();                                                                       \
        return result;                                                                             \
    } while (0)

EXPORT int setuid(uid_t user)
{
    ALONE(real.setuid(user));
}

EXPORT int setgid(gid_t group)
{
    ALONE(real.setgid(group));
}

EXPORT int seteuid(uid_t user)
{
    ALONE(real.seteuid(user));
}

EXPORT int setegid(gid_t group)
{
    ALONE(real.setegid(group));
}

EXPORT int setreuid(uid_t user, uid_t effective)
{
    ALONE(real.setreuid(user, effective));
}

EXPORT int setregid(gid_t group, gid_t effective)
{
    ALONE(real.setregid(group, effective));
}

EXPORT int setresuid(uid_t user, uid_t effective, uid_t saved)
{
    ALONE(real.setresuid(user, effective, saved));
}

EXPORT int setresgid(gid_t group, gid_t effective, gid_t saved)
{
    ALONE(real.setresgid(group, effective, saved));
}

EXPORT int setgroups(size_t count, const gid_t *groups)
{
    ALONE(real.setgroups(count, groups));
}

EXPORT int initgroups(const char *user, gid_t group)
{
    ALONE(real.initgroups(user, group));
}

EXPORT int capset(cap_user_header_t header, const cap_user_data_t data)
{
    ALONE(real.capset(header, data));
}

EXPORT int unshare(int flags)
{
    ALONE(real.unshare(flags));
}

EXPORT int setns(int fd, int type)
{
    ALONE(real.setns(fd, type));
}

/* --- system call filters --- */

/* A filter may forbid what the thread, or starting it, needs, and the penalty is death: if the call
 * succeeds there is no thread any more. */
#define FILTERED(call)                                                                             \
    do {                                                                                           \
        real_init();                                                                               \
        bool is_others = ticker_is_others();                                                       \
        bool is_paused = ticker_pause();                                                           \
        __typeof__(call) result = call;                                                            \
        if (result >= 0 && !is_others)                                                             \
            ticker_end();                                                                          \
        else if (is_paused)                                                                        \
            ticker_resume();                                                                       \
        return result;                                                                             \
    } while (0)

static bool is_prctl_filter(long option)
{
    return option == PR_SET_SECCOMP;
}

static bool is_seccomp_filter(long operation)
{
    return operation == SECCOMP_SET_MODE_STRICT || operation == SECCOMP_SET_MODE_FILTER;
}

EXPORT int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    if (is_prctl_filter(option))
        FILTERED(real.prctl(option, a, b, c, d));
    real_init();
    return real.prctl(option, a, b, c, d);
}

/* The way of libseccomp, and of whoever does without libc's wrappers. */
long interpose_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    real_init();
    if ((number == __NR_seccomp && is_seccomp_filter(a)) ||
        (number == __NR_prctl && is_prctl_filter(a)))
        FILTERED(real.syscall(number, a, b, c, d, e, f));
    if (number == __NR_unshare || number == __NR_setns || number == __NR_capset)
        ALONE(real.syscall(number, a, b, c, d, e, f));
    if (number == __NR_exit)
        ticker_note_exit((int)a);
    return real.syscall(number, a, b, c, d, e, f);
}
