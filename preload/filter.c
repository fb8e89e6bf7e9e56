/* SPDX-License-Identifier: BSD-2-Clause */
/* filter.c -- Which of our system calls the program's own filters (seccomp) still permit. */
#include "filter.h"

#include "arena.h"
#include "sys.h"
#include "text.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf_common.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/uio.h>

/* --- a filter, run --- */

struct machine {
    uint32_t a;
    uint32_t x;
    uint32_t memory[BPF_MEMWORDS];
    uint32_t next;
};

static uint32_t load_data(const struct seccomp_data *call, uint32_t offset)
{
    uint32_t word = 0;
    if (offset <= sizeof *call - sizeof word)
        memcpy(&word, (const char *)call + offset, sizeof word);
    return word;
}

static uint32_t calculate(const struct machine *machine, uint16_t code, uint32_t operand)
{
    switch (BPF_OP(code)) {
    case BPF_ADD:
        return machine->a + operand;
    case BPF_SUB:
        return machine->a - operand;
    case BPF_MUL:
        return machine->a * operand;
    case BPF_DIV:
        return operand ? machine->a / operand : 0;
    case BPF_AND:
        return machine->a & operand;
    case BPF_OR:
        return machine->a | operand;
    case BPF_LSH:
        return operand < 32 ? machine->a << operand : 0;
    case BPF_RSH:
        return operand < 32 ? machine->a >> operand : 0;
    case BPF_NEG:
        return -machine->a;
    default:
        return 0;
    }
}

static void jump(struct machine *machine, const struct sock_filter *step)
{
    uint32_t operand = BPF_SRC(step->code) == BPF_X ? machine->x : step->k;
    bool is_met = false;
    if (BPF_OP(step->code) == BPF_JA) {
        machine->next += step->k;
        return;
    }
    if (BPF_OP(step->code) == BPF_JEQ)
        is_met = machine->a == operand;
    else if (BPF_OP(step->code) == BPF_JGT)
        is_met = machine->a > operand;
    else if (BPF_OP(step->code) == BPF_JGE)
        is_met = machine->a >= operand;
    else if (BPF_OP(step->code) == BPF_JSET)
        is_met = (machine->a & operand) != 0;
    machine->next += is_met ? step->jt : step->jf;
}

static uint32_t load(const struct machine *machine, const struct sock_filter *step,
                     const struct seccomp_data *call)
{
    switch (BPF_MODE(step->code)) {
    case BPF_ABS:
        return load_data(call, step->k);
    case BPF_LEN:
        return sizeof *call;
    case BPF_MEM:
        return machine->memory[step->k % BPF_MEMWORDS];
    default:
        return step->k;
    }
}

static void do_step(struct machine *machine, const struct sock_filter *step,
                    const struct seccomp_data *call)
{
    switch (BPF_CLASS(step->code)) {
    case BPF_LD:
        machine->a = load(machine, step, call);
        break;
    case BPF_LDX:
        machine->x = load(machine, step, call);
        break;
    case BPF_ST:
        machine->memory[step->k % BPF_MEMWORDS] = machine->a;
        break;
    case BPF_STX:
        machine->memory[step->k % BPF_MEMWORDS] = machine->x;
        break;
    case BPF_ALU:
        machine->a =
            calculate(machine, step->code, BPF_SRC(step->code) == BPF_X ? machine->x : step->k);
        break;
    case BPF_JMP:
        jump(machine, step);
        break;
    default:                   /* BPF_MISC */
        if (step->code & 0x80) /* TXA */
            machine->a = machine->x;
        else
            machine->x = machine->a;
    }
}

/* Jumps lead forward only, so this ends. */
uint32_t filter_run(const struct sock_filter *program, uint32_t count,
                    const struct seccomp_data *call)
{
    struct machine machine = {0};
    while (machine.next < count) {
        const struct sock_filter *step = &program[machine.next++];
        if (BPF_CLASS(step->code) == BPF_RET)
            return BPF_RVAL(step->code) == BPF_A ? machine.a : step->k;
        do_step(&machine, step, call);
    }
    return SECCOMP_RET_KILL_PROCESS;
}

/* --- our calls --- */

#define PRIVATE_MEMORY (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
#define TICKER_FLAGS                                                                               \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |            \
     CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

/* Every system call of this library, with each set of those arguments that filters look at. */
static const struct {
    int number;
    uint64_t arguments[6];
} calls[] = {
    {__NR_clock_getres, {6}},
    {__NR_clock_gettime, {1}},
    {__NR_clone, {TICKER_FLAGS}},
    {__NR_close, {3}},
    {__NR_close_range, {0, ~0u, 2}},
    {__NR_exit, {0}},
    {__NR_fallocate, {3}},
    {__NR_fcntl, {3, F_SETFL}},
    {__NR_fstat, {3}},
    {__NR_futex, {4096, FUTEX_WAIT_PRIVATE}},
    {__NR_futex, {4096, FUTEX_WAKE_PRIVATE}},
    {__NR_futex, {4096, FUTEX_WAIT_BITSET_PRIVATE}},
    {__NR_get_robust_list, {1}},
    {__NR_getcwd, {4096}},
    {__NR_getdents64, {3, 4096, 4096}},
    {__NR_geteuid, {0}},
    {__NR_getpid, {0}},
    {__NR_getrusage, {0}},
    {__NR_getppid, {0}},
    {__NR_gettid, {0}},
    {__NR_getuid, {0}},
    {__NR_ioctl, {3, 0x2400}},     /* PERF_EVENT_IOC_ENABLE */
    {__NR_ioctl, {3, 0x40082404}}, /* PERF_EVENT_IOC_PERIOD */
    {__NR_ioctl, {3, 0x2402}},     /* PERF_EVENT_IOC_REFRESH */
    {__NR_linkat, {(uint64_t)AT_FDCWD, 4096, (uint64_t)AT_FDCWD, 4096, AT_SYMLINK_FOLLOW}},
    {__NR_madvise, {4096, 4096, MADV_DONTNEED}},
    {__NR_madvise, {4096, 4096, MADV_DONTDUMP}},
    {__NR_madvise, {4096, 4096, MADV_NOHUGEPAGE}},
    {__NR_madvise, {4096, 4096, MADV_HUGEPAGE}},
    {__NR_membarrier, {0}},
    {__NR_mincore, {4096, 4096, 4096}},
    {__NR_mmap, {0, 4096, PROT_NONE, PRIVATE_MEMORY, ~0ul}},
    {__NR_mmap, {0, 4096, PROT_READ | PROT_WRITE, PRIVATE_MEMORY, ~0ul}},
    {__NR_mmap, {4096, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, 3}},
    {__NR_mprotect, {4096, 4096, PROT_READ | PROT_WRITE}},
    {__NR_munmap, {4096, 4096}},
    {__NR_nanosleep, {4096}},
    {__NR_newfstatat, {(uint64_t)AT_FDCWD, 4096, 4096}},
    {__NR_openat, {(uint64_t)AT_FDCWD, 4096, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY}},
    {__NR_openat, {(uint64_t)AT_FDCWD, 4096, O_RDONLY | O_CLOEXEC}},
    {__NR_perf_event_open, {4096}},
    {__NR_prctl, {PR_GET_NAME}},
    {__NR_prlimit64, {0}},
    {__NR_process_vm_readv, {1}},
    {__NR_pwrite64, {3}},
    {__NR_read, {3}},
    {__NR_readlinkat, {(uint64_t)AT_FDCWD}},
    {__NR_rt_sigaction, {10}},
    {__NR_rt_sigprocmask, {2, 4096, 4096, 8}},
    {__NR_rt_sigtimedwait, {4096, 0, 4096, 8}},
    {__NR_sched_getattr, {0, 4096, 48, 0}},
    {__NR_sched_setattr, {0, 4096, 0}},
    {__NR_sigaltstack, {0, 4096}},
    {__NR_tgkill, {1, 1, 0}},
    {__NR_timer_create, {~0ul, 4096, 4096}},
    {__NR_timer_delete, {0}},
    {__NR_timer_settime, {0, 0, 4096}},
    {__NR_uname, {4096}},
    {__NR_unlinkat, {(uint64_t)AT_FDCWD}},
    {__NR_write, {2, 4096, 1}},
};

_Static_assert(sizeof(struct filter_map) == sizeof sys_forbidden, "filter.h");

static void forbid(struct filter_map *map, int number)
{
    map->words[number / 64] |= 1ul << number % 64;
}

static bool is_forbidden(const struct filter_map *map, int number)
{
    return map->words[number / 64] >> number % 64 & 1;
}

/* A file that could not be closed, grown or mapped is better not opened. */
static void forbid_together(struct filter_map *map)
{
    if (is_forbidden(map, __NR_close) || is_forbidden(map, __NR_fstat) ||
        is_forbidden(map, __NR_fallocate) || is_forbidden(map, __NR_mmap))
        forbid(map, __NR_openat);
}

static bool is_passed(uint32_t action)
{
    action &= SECCOMP_RET_ACTION_FULL;
    return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

static struct filter_map try_all(const struct sock_filter *program, uint32_t count)
{
    struct filter_map map = {{0}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct seccomp_data call = {
            .nr = calls[i].number,
#if defined(__x86_64__)
            .arch = AUDIT_ARCH_X86_64
#else
            .arch = AUDIT_ARCH_AARCH64
#endif
        };
        for (int k = 0; k < 6; k++)
            call.args[k] = calls[i].arguments[k];
        if (!is_passed(filter_run(program, count, &call)))
            forbid(&map, calls[i].number);
    }
    forbid_together(&map);
    return map;
}

/* What the program points to may not be there. Where the kernel cannot be asked, we are behind a
 * filter already, and who installs a second one knows how. */
static bool copy(void *to, const void *from, size_t size_bytes)
{
    const struct iovec here = {to, size_bytes};
    const struct iovec there = {(void *)(uintptr_t)from, size_bytes};
    if (!from)
        return false;
    long copied = sys(__NR_process_vm_readv, sys(__NR_getpid), &here, 1, &there, 1, 0);
    if (copied == -EFAULT)
        return false;
    if (copied != (long)size_bytes)
        memcpy(to, from, size_bytes);
    return true;
}

/* --- the interface --- */

struct filter_map filter_strict(void)
{
    struct filter_map map = {{0}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (calls[i].number != __NR_read && calls[i].number != __NR_write &&
            calls[i].number != __NR_exit)
            forbid(&map, calls[i].number);
    return map;
}

struct filter_map filter_foresee(const struct sock_fprog *program)
{
    struct filter_map map = {{0}};
    struct sock_fprog head;
    if (!copy(&head, program, sizeof head) || head.len == 0 || head.len > BPF_MAXINSNS)
        return map; /* the kernel will refuse it */
    size_t size_bytes = head.len * sizeof *head.filter;
    struct sock_filter *steps = arena_map(size_bytes);
    if (!steps)
        return filter_strict();
    if (copy(steps, head.filter, size_bytes))
        map = try_all(steps, head.len);
    arena_unmap(steps, size_bytes);
    return map;
}

struct filter_map filter_restrict(const struct filter_map *map)
{
    struct filter_map before;
    memcpy(before.words, sys_forbidden, sizeof before.words);
    sys_forbid(map->words);
    return before;
}

void filter_restore(const struct filter_map *map)
{
    sys_forbid_only(map->words);
}

static struct filter_map lent; /* to a vfork child, whose parent waits */
static struct filter_map parents;
static enum {
    LENT_NOT,
    LENT,
    LENT_RETURNED
} lending;

void filter_restrict_child(const struct filter_map *map)
{
    struct filter_map before = filter_restrict(map);
    if (lending != LENT)
        parents = before;
    memcpy(lent.words, sys_forbidden, sizeof lent.words);
    lending = LENT;
}

bool filter_child_ends(void)
{
    if (lending != LENT) {
        lending = LENT_NOT;
        return false;
    }
    filter_restore(&parents);
    lending = LENT_RETURNED;
    return true;
}

void filter_child_goes_on(void)
{
    if (lending != LENT_RETURNED)
        return;
    filter_restrict(&lent);
    lending = LENT;
}

bool filter_is_harmless(const struct filter_map *map)
{
    for (int i = 0; i < SYS_FORBIDDEN_WORDS; i++)
        if (map->words[i])
            return false;
    return true;
}
