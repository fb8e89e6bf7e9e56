/* SPDX-License-Identifier: BSD-2-Clause */
/* fail_nth.c -- Lets the Nth system call of the recorder fail, for test_faults.py.
 *
 * Linked with all of preload/ into libmemtrace-fail.so. FAIL_NTH=N, in each process, counted from
 * its start or fork; FAIL_ALL=1: all from then on; FAIL_MARK=FILE is created when it has happened.
 * No libc: it is called before there is one. */
#include "sys.h"
#include "text.h"

#include <fcntl.h>

enum {
    ENVIRONMENT_BYTES = 256 * 1024
};

static char environment[ENVIRONMENT_BYTES];
static const char *mark;
static uint64_t nth; /* 0: none */
static bool is_lasting;
static uint64_t calls;
static uint32_t is_read;

static const struct {
    long number;
    int error;
} faults[] = {{__NR_mmap, ENOMEM},       {__NR_mprotect, ENOMEM}, {__NR_madvise, EINVAL},
              {__NR_munmap, ENOMEM},     {__NR_openat, EMFILE},   {__NR_fallocate, ENOSPC},
              {__NR_pwrite64, ENOSPC},   {__NR_linkat, EACCES},   {__NR_fstat, EIO},
              {__NR_newfstatat, EIO},    {__NR_read, EIO},        {__NR_readlinkat, EACCES},
              {__NR_getcwd, ENOENT},     {__NR_prlimit64, EPERM}, {__NR_prctl, EINVAL},
              {__NR_membarrier, ENOSYS}, {__NR_clone, EAGAIN},    {__NR_sigaltstack, EPERM},
              {__NR_getrusage, EINVAL},  {__NR_unlinkat, EROFS},  {__NR_clock_gettime, EINVAL}};

static const char *value_of(const char *name, long size_bytes)
{
    for (const char *at = environment; at < environment + size_bytes; at += text_length(at) + 1) {
        const char *value = text_after(at, name);
        if (value)
            return value;
    }
    return NULL;
}

static void read_environment(void)
{
    long fd =
        sys_call6(__NR_openat, AT_FDCWD, (long)"/proc/self/environ", O_RDONLY | O_CLOEXEC, 0, 0, 0);
    long filled = 0;
    for (long got = 1; fd >= 0 && got > 0 && filled < ENVIRONMENT_BYTES - 1; filled += got) {
        got = sys_call6(__NR_read, fd, (long)environment + filled, ENVIRONMENT_BYTES - 1 - filled,
                        0, 0, 0);
        if (got <= 0)
            break;
    }
    sys_call6(__NR_close, fd, 0, 0, 0, 0, 0);
    const char *number = value_of("FAIL_NTH=", filled);
    mark = value_of("FAIL_MARK=", filled);
    is_lasting = value_of("FAIL_ALL=", filled) != NULL;
    if (number)
        text_to_number(number, &nth);
}

/* The program may have forbidden this by the second time. */
static void leave_mark(void)
{
    static uint32_t is_left;
    if (__atomic_exchange_n(&is_left, 1, __ATOMIC_RELAXED))
        return;
    long fd = mark ? sys_call6(__NR_openat, AT_FDCWD, (long)mark, O_WRONLY | O_CREAT | O_CLOEXEC,
                               0600, 0, 0)
                   : -1;
    if (fd >= 0)
        sys_call6(__NR_close, fd, 0, 0, 0, 0, 0);
}

static int error_of(long number)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (faults[i].number == number)
            return faults[i].error;
    return 0;
}

long fail_nth(long number)
{
    int error = error_of(number);
    if (!__atomic_exchange_n(&is_read, 1, __ATOMIC_ACQ_REL))
        read_environment();
    if (!error || !nth)
        return 0;
    uint64_t call = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    if (call != nth && !(is_lasting && call > nth))
        return 0;
    leave_mark();
    return -error;
}
