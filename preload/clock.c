/* SPDX-License-Identifier: BSD-2-Clause */
/* clock.c -- Time without libc: the kernel's vDSO when there is one, else a system call. */
#include "clock.h"

#include "elf_symbols.h"
#include "sys.h"

#include <link.h>
#include <time.h>

#if defined(__x86_64__)
#define VDSO_CLOCK "__vdso_clock_gettime"
#else
#define VDSO_CLOCK "__kernel_clock_gettime"
#endif

static int (*vdso_clock)(clockid_t, struct timespec *);
static uint64_t remembered_ns[2]; /* by clock id */

void clock_init(uint64_t vdso_address)
{
    const ElfW(Ehdr) *elf = (const void *)vdso_address;
    const ElfW(Dyn) *dynamic = NULL;
    uint64_t bias = 0;
    if (!elf)
        return;
    const ElfW(Phdr) *segments = (const void *)(vdso_address + elf->e_phoff);
    for (unsigned i = 0; i < elf->e_phnum; i++) {
        if (segments[i].p_type == PT_LOAD)
            bias = vdso_address + segments[i].p_offset - segments[i].p_vaddr;
        else if (segments[i].p_type == PT_DYNAMIC)
            dynamic = (const void *)(vdso_address + segments[i].p_offset);
    }
    if (dynamic)
        vdso_clock = (int (*)(clockid_t, struct timespec *))elf_symbol(dynamic, bias, VDSO_CLOCK);
}

/* Where a filter forbids the call, not even the vDSO may be used: it falls back on the call, and in
 * strict mode reading the time stamp counter is deadly, too. */
static uint64_t read_clock(clockid_t id)
{
    struct timespec now = {0};
    if (unlikely(sys_is_forbidden(__NR_clock_gettime)))
        return remembered_ns[id];
    if (!vdso_clock || vdso_clock(id, &now) != 0)
        sys(__NR_clock_gettime, id, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_realtime_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

void clock_remember(void)
{
    remembered_ns[CLOCK_MONOTONIC] = read_clock(CLOCK_MONOTONIC);
    remembered_ns[CLOCK_REALTIME] = read_clock(CLOCK_REALTIME);
}

void clock_ask_kernel(void)
{
    vdso_clock = NULL;
}

static bool read_cpu_clock(clockid_t id, uint64_t *ret_ns)
{
    struct timespec time = {0};
    if (sys(__NR_clock_gettime, id, &time) != 0)
        return false;
    *ret_ns = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
    return true;
}

int clock_of_thread(uint32_t tid)
{
    return (clockid_t)(~tid << 3 | 6);
}

bool clock_thread_cpu_ns(uint32_t tid, uint64_t *ret_ns)
{
    return read_cpu_clock(clock_of_thread(tid), ret_ns);
}

uint64_t clock_process_cpu_ns(void)
{
    uint64_t time_ns = 0;
    read_cpu_clock(CLOCK_PROCESS_CPUTIME_ID, &time_ns);
    return time_ns;
}
