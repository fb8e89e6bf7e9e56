/* SPDX-License-Identifier: BSD-2-Clause */
/* real.c -- The next in line: the functions that would be called if we were not here.
 *
 * Found by walking the loader's list of objects from our own entry on, which at start is the
 * search order. Everything is resolved at once on the first call, when the list cannot change:
 * no other thread exists. dlsym is not used, see elf_symbols.h. */
#include "real.h"

#include "elf_symbols.h"
#include "sys.h"

#include <link.h>

struct real real;

_Static_assert(offsetof(struct real, __libc_start_main) == 0, "stubs.S");
_Static_assert(offsetof(struct real, syscall) == 8, "stubs.S");

extern ElfW(Dyn) _DYNAMIC[] __attribute__((visibility("hidden")));
#pragma weak _r_debug

const struct link_map *real_own_entry(void)
{
    const struct link_map *entry = _r_debug.r_map;
    while (entry && entry->l_ld != _DYNAMIC)
        entry = entry->l_next;
    return entry;
}

bool real_is_glibc_malloc(void)
{
    const struct link_map *entry = real_own_entry();
    for (entry = entry ? entry->l_next : NULL; entry; entry = entry->l_next)
        if (entry->l_ld && elf_symbol(entry->l_ld, entry->l_addr, "malloc"))
            return elf_symbol(entry->l_ld, entry->l_addr, "gnu_get_libc_version") != NULL;
    return false;
}

/* C23's sized frees are not in older allocators; the size is a hint there. */
static void free_sized_by_free(void *block, size_t size_bytes)
{
    (void)size_bytes;
    real.free(block);
}

static void free_aligned_sized_by_free(void *block, size_t alignment, size_t size_bytes)
{
    (void)alignment;
    (void)size_bytes;
    real.free(block);
}

/* Not in every glibc: the kernel, or errno, has the answer. */
static int epoll_pwait2_by_call(int poller, struct epoll_event *events, int count,
                                const struct timespec *timeout, const sigset_t *mask)
{
    return (int)real.syscall(__NR_epoll_pwait2, poller, events, count, timeout, mask, 8);
}

static int sem_clockwait_by_call(sem_t *semaphore, clockid_t clock, const struct timespec *until)
{
    return (int)real.syscall(-1, semaphore, clock, until); /* ENOSYS */
}

static void resolve_missing(void)
{
    if (!real.epoll_pwait2)
        real.epoll_pwait2 = epoll_pwait2_by_call;
    if (!real.sem_clockwait)
        real.sem_clockwait = sem_clockwait_by_call;
    if (!real.cfree)
        real.cfree = real.free;
    if (!real.free_sized)
        real.free_sized = free_sized_by_free;
    if (!real.free_aligned_sized)
        real.free_aligned_sized = free_aligned_sized_by_free;
}

/* Names, not pointers to them: those would have to be relocated in every process. */
#define WANTED(name)                                                                               \
    {                                                                                              \
        offsetof(struct real, name), #name                                                         \
    }

static const struct {
    uint16_t offset;
    char name[22];
} wanted[] = {
    WANTED(calloc),
    WANTED(realloc),
    WANTED(reallocarray),
    WANTED(free),
    WANTED(cfree),
    WANTED(aligned_alloc),
    WANTED(memalign),
    WANTED(posix_memalign),
    WANTED(valloc),
    WANTED(pvalloc),
    WANTED(free_sized),
    WANTED(free_aligned_sized),
    WANTED(dlclose),
    WANTED(exit),
    WANTED(_exit),
    WANTED(_Exit),
    WANTED(quick_exit),
    WANTED(execve),
    WANTED(execv),
    WANTED(execvp),
    WANTED(execvpe),
    WANTED(fexecve),
    WANTED(__libc_start_main),
    WANTED(syscall),
    WANTED(setuid),
    WANTED(setgid),
    WANTED(seteuid),
    WANTED(setegid),
    WANTED(setreuid),
    WANTED(setregid),
    WANTED(setresuid),
    WANTED(setresgid),
    WANTED(setgroups),
    WANTED(initgroups),
    WANTED(capset),
    WANTED(unshare),
    WANTED(setns),
    WANTED(prctl),
    WANTED(chroot),
    WANTED(fstatat),
    WANTED(fstatat64),
    WANTED(setrlimit),
    WANTED(setrlimit64),
    WANTED(prlimit),
    WANTED(prlimit64),
    WANTED(on_exit),
    WANTED(pthread_create),
    WANTED(fork),
    WANTED(mmap),
    WANTED(mmap64),
    WANTED(munmap),
    WANTED(mremap),
    WANTED(brk),
    WANTED(sbrk),
    WANTED(poll),
    WANTED(ppoll),
    WANTED(__poll_chk),
    WANTED(__ppoll_chk),
    WANTED(select),
    WANTED(pselect),
    WANTED(epoll_wait),
    WANTED(epoll_pwait),
    WANTED(epoll_pwait2),
    WANTED(nanosleep),
    WANTED(clock_nanosleep),
    WANTED(usleep),
    WANTED(sleep),
    WANTED(thrd_sleep),
    WANTED(sem_timedwait),
    WANTED(sem_clockwait),
    WANTED(semop),
    WANTED(semtimedop),
    WANTED(msgsnd),
    WANTED(msgrcv),
    WANTED(pause),
    WANTED(sigsuspend),
    WANTED(sigwait),
    WANTED(sigwaitinfo),
    WANTED(sigtimedwait),
    WANTED(read),
    WANTED(__read_chk),
    WANTED(readv),
    WANTED(write),
    WANTED(writev),
    WANTED(accept),
    WANTED(accept4),
    WANTED(connect),
    WANTED(recv),
    WANTED(__recv_chk),
    WANTED(recvfrom),
    WANTED(__recvfrom_chk),
    WANTED(recvmsg),
    WANTED(recvmmsg),
    WANTED(send),
    WANTED(sendto),
    WANTED(sendmsg),
    WANTED(sendmmsg),
    WANTED(sendfile),
    WANTED(sendfile64),
    WANTED(splice),
    WANTED(sigaction),
    WANTED(signal),
    WANTED(bsd_signal),
    WANTED(ssignal),
    WANTED(sysv_signal),
    WANTED(__sysv_signal),
    WANTED(sigset),
    WANTED(sigignore),
    WANTED(siginterrupt),
    WANTED(sigpending),
    WANTED(signalfd),
    WANTED(malloc),
};

/* The first that defines a name has it. */
static void resolve_in(const struct elf_image *image, struct real *found)
{
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        void **place = (void **)((char *)found + wanted[i].offset);
        if (!*place)
            *place = elf_image_symbol(image, wanted[i].name);
    }
}

void real_find(void)
{
    struct real found = {0};
    const struct link_map *entry = real_own_entry();
    for (entry = entry ? entry->l_next : NULL; entry; entry = entry->l_next)
        if (entry->l_ld) {
            struct elf_image image = elf_image_read(entry->l_ld, entry->l_addr);
            resolve_in(&image, &found);
        }
    __typeof__(found.malloc) next_malloc = found.malloc;
    found.malloc = NULL;
    real = found;
    resolve_missing();
    __atomic_store_n(&real.malloc, next_malloc, __ATOMIC_RELEASE);
}

bool real_must_stay_inert(void)
{
    static const char *const marks[] = {"memtrace_marker", "__asan_init", "__tsan_init",
                                        "__msan_init"};
    for (const struct link_map *entry = _r_debug.r_map; entry; entry = entry->l_next) {
        if (entry->l_ld == _DYNAMIC)
            return false;
        for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
            if (entry->l_ld && elf_symbol(entry->l_ld, entry->l_addr, marks[i]))
                return true;
    }
    return false;
}
