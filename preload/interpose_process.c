/* SPDX-License-Identifier: BSD-2-Clause */
/* interpose_process.c -- Replaced functions that change what the process is: its user, its
 * namespaces, its system calls.
 *
 * Some work only in a process with one thread. Others change the calling thread alone, and libc has
 * the threads it knows of follow; ours would keep the old rights. So it is ended before, and made
 * anew after, when it inherits what the caller has become. */
#include "clock.h"
#include "filter.h"
#include "lifecycle.h"
#include "real.h"
#include "sampler.h"
#include "stubs.h"
#include "sys.h"
#include "text.h"
#include "ticker.h"

#include <asm/resource.h>
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

/* Who is not root any more cannot open the trace again, to let it grow. */
static void leave_root(uid_t user)
{
    if (user != 0 && user != (uid_t)-1 && sys(__NR_geteuid) == 0)
        lifecycle_make_ready();
}

EXPORT int setuid(uid_t user)
{
    leave_root(user);
    ALONE(real.setuid(user));
}

EXPORT int setgid(gid_t group)
{
    ALONE(real.setgid(group));
}

EXPORT int seteuid(uid_t user)
{
    leave_root(user);
    ALONE(real.seteuid(user));
}

EXPORT int setegid(gid_t group)
{
    ALONE(real.setegid(group));
}

EXPORT int setreuid(uid_t user, uid_t effective)
{
    leave_root(effective);
    ALONE(real.setreuid(user, effective));
}

EXPORT int setregid(gid_t group, gid_t effective)
{
    ALONE(real.setregid(group, effective));
}

EXPORT int setresuid(uid_t user, uid_t effective, uid_t saved)
{
    leave_root(effective);
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

/* Nor who does not see it. */
EXPORT int chroot(const char *path)
{
    real_init();
    lifecycle_make_ready();
    return real.chroot(path);
}

/* /proc/self/task, say, whose number of links tells how many threads there are. */
static bool is_of_threads(const char *path)
{
    size_t length = text_length(path);
    while (length && path[length - 1] == '/')
        length--;
    return length >= 5 && memcmp(path + length - 5, "/task", 5) == 0;
}

/* Sandboxes make sure that they are alone before they are closed. Once it has succeeded the path is
 * a good address. */
#define WITHOUT_US(call, path)                                                                     \
    do {                                                                                           \
        real_init();                                                                               \
        int result = call;                                                                         \
        if (result == 0 && is_of_threads(path) && ticker_pause()) {                                \
            result = call;                                                                         \
            ticker_resume();                                                                       \
        }                                                                                          \
        return result;                                                                             \
    } while (0)

EXPORT int fstatat(int fd, const char *path, void *status, int flags)
{
    WITHOUT_US(real.fstatat(fd, path, status, flags), path);
}

EXPORT int fstatat64(int fd, const char *path, void *status, int flags)
{
    WITHOUT_US(real.fstatat64(fd, path, status, flags), path);
}

/* Looked at when it is in force: what the program passes may be no good address. */
static int limited(int result, int resource)
{
    if (result == 0 && resource == RLIMIT_AS)
        lifecycle_memory_limited();
    return result;
}

EXPORT int setrlimit(int resource, const void *limit)
{
    real_init();
    return limited(real.setrlimit(resource, limit), resource);
}

EXPORT int setrlimit64(int resource, const void *limit)
{
    real_init();
    return limited(real.setrlimit64(resource, limit), resource);
}

EXPORT int prlimit(pid_t pid, int resource, const void *limit, void *old)
{
    real_init();
    return limited(real.prlimit(pid, resource, limit, old), limit ? resource : -1);
}

EXPORT int prlimit64(pid_t pid, int resource, const void *limit, void *old)
{
    real_init();
    return limited(real.prlimit64(pid, resource, limit, old), limit ? resource : -1);
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

/* Before a filter is in force. */
struct filtering {
    struct filter_map before;
    bool is_harmless;
    bool is_ours; /* this process's memory */
    bool is_paused;
};

static void begin_filtering(struct filtering *filtering, const struct filter_map *map)
{
    real_init();
    filtering->is_harmless = filter_is_harmless(map);
    filtering->is_ours = filtering->is_harmless ? !ticker_is_others() : lifecycle_make_ready();
    filtering->is_paused = ticker_pause();
    if (filtering->is_ours && !filtering->is_harmless)
        sampler_end_signals();
    if (filtering->is_ours)
        filtering->before = filter_restrict(map);
    else
        filter_restrict_child(map);
}

/* A thread would be under the filter, too. If it cannot be made or cannot do its work, there is
 * none any more. */
static void end_filtering(const struct filtering *filtering, bool is_in_force)
{
    if (filtering->is_ours && !is_in_force)
        filter_restore(&filtering->before);
    else if (!is_in_force)
        filter_child_ends();
    if (filtering->is_ours && is_in_force && !filtering->is_harmless)
        ticker_end();
    else if (filtering->is_paused)
        ticker_resume();
}

#define FILTERED(foreseen, call)                                                                   \
    do {                                                                                           \
        struct filtering filtering;                                                                \
        const struct filter_map map = foreseen;                                                    \
        begin_filtering(&filtering, &map);                                                         \
        __typeof__(call) result = call;                                                            \
        end_filtering(&filtering, result >= 0);                                                    \
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

static struct filter_map foresee_prctl(unsigned long mode, unsigned long program)
{
    return mode == SECCOMP_MODE_STRICT ? filter_strict()
                                       : filter_foresee((const struct sock_fprog *)program);
}

static struct filter_map foresee_seccomp(long operation, long program)
{
    return operation == SECCOMP_SET_MODE_STRICT
               ? filter_strict()
               : filter_foresee((const struct sock_fprog *)program);
}

EXPORT int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    if (option == PR_SET_TSC && a == PR_TSC_SIGSEGV)
        clock_ask_kernel();
    if (is_prctl_filter(option))
        FILTERED(foresee_prctl(a, b), real.prctl(option, a, b, c, d));
    real_init();
    return real.prctl(option, a, b, c, d);
}

/* The way of libseccomp, and of whoever does without libc's wrappers. */
long interpose_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    real_init();
    if (number == __NR_seccomp && is_seccomp_filter(a))
        FILTERED(foresee_seccomp(a, c), real.syscall(number, a, b, c, d, e, f));
    if (number == __NR_prctl && is_prctl_filter(a))
        FILTERED(foresee_prctl((unsigned long)b, (unsigned long)c),
                 real.syscall(number, a, b, c, d, e, f));
    if (number == __NR_unshare || number == __NR_setns || number == __NR_capset)
        ALONE(real.syscall(number, a, b, c, d, e, f));
    if (number == __NR_exit)
        ticker_note_exit((int)a);
    return real.syscall(number, a, b, c, d, e, f);
}
