/* SPDX-License-Identifier: BSD-2-Clause */
/* sys.h -- Raw system calls: the only way out of this library.
 *
 * libc's wrappers may be replaced by the program, not yet relocated, or set errno; these do
 * nothing of the kind. Results are the kernel's: negative errno on failure. */
#ifndef MEMTRACE_SYS_H
#define MEMTRACE_SYS_H

#include <asm/unistd.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)

static inline long sys_call6(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#elif defined(__aarch64__)

static inline long sys_call6(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}

#else
#error "memtrace knows x86_64 and aarch64"
#endif

/* A bit for each number: calls that a filter of the program's would punish, see filter.h. */
enum {
    SYS_FORBIDDEN_WORDS = 8
};
extern uint64_t sys_forbidden[SYS_FORBIDDEN_WORDS] __attribute__((visibility("hidden")));

void sys_forbid(const uint64_t *words);      /* these, too */
void sys_forbid_only(const uint64_t *words); /* these and no others */

static inline bool sys_is_forbidden(unsigned long number)
{
    return sys_forbidden[number / 64] >> number % 64 & 1;
}

#ifdef MEMTRACE_FAIL_NTH
long fail_nth(long number); /* tests only: a negative errno, if this call is to fail */
#endif

static inline long sys_call(long number, long a, long b, long c, long d, long e, long f)
{
    if (__builtin_expect(sys_is_forbidden((unsigned long)number), 0))
        return -EPERM;
#ifdef MEMTRACE_FAIL_NTH
    long failure = fail_nth(number);
    if (failure)
        return failure;
#endif
    return sys_call6(number, a, b, c, d, e, f);
}

#define SYS_ARGS(number, a, b, c, d, e, f, ...)                                                    \
    sys_call(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/* sys(__NR_name, arguments...): missing arguments are zero. */
#define sys(...) SYS_ARGS(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

static inline bool sys_failed(long result)
{
    return result < 0 && result >= -4095;
}

/* Has the kernel put pages everywhere at once, which is cheaper than a fault for each. One that
 * cannot, before Linux 5.14, leaves it to the faults. */
static inline void sys_populate(const void *address, uint64_t size_bytes)
{
    enum {
        POPULATE_WRITE = 23 /* MADV_POPULATE_WRITE */
    };
    sys(__NR_madvise, address, size_bytes, POPULATE_WRITE);
}

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define PAGE_BYTES_MAX 65536u

static inline uint64_t round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static inline bool is_power_of_two(uint64_t value)
{
    return (value & (value - 1)) == 0;
}

#endif
