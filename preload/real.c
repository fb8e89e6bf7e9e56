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

static const struct link_map *own_entry(void)
{
    const struct link_map *entry = _r_debug.r_map;
    while (entry && entry->l_ld != _DYNAMIC)
        entry = entry->l_next;
    return entry;
}

static void *next_symbol(const char *name)
{
    void *found = NULL;
    const struct link_map *entry = own_entry();
    for (entry = entry ? entry->l_next : NULL; entry && !found; entry = entry->l_next)
        if (entry->l_ld)
            found = elf_symbol(entry->l_ld, entry->l_addr, name);
    return found;
}

bool real_is_glibc_malloc(void)
{
    const struct link_map *entry = own_entry();
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

static void resolve_missing(void)
{
    if (!real.cfree)
        real.cfree = real.free;
    if (!real.free_sized)
        real.free_sized = free_sized_by_free;
    if (!real.free_aligned_sized)
        real.free_aligned_sized = free_aligned_sized_by_free;
}

#define FIND(name) real.name = (__typeof__(real.name))next_symbol(#name)

void real_init(void)
{
    if (__atomic_load_n(&real.malloc, __ATOMIC_ACQUIRE))
        return;
    FIND(calloc);
    FIND(realloc);
    FIND(reallocarray);
    FIND(free);
    FIND(cfree);
    FIND(aligned_alloc);
    FIND(memalign);
    FIND(posix_memalign);
    FIND(valloc);
    FIND(pvalloc);
    FIND(free_sized);
    FIND(free_aligned_sized);
    FIND(dlclose);
    FIND(exit);
    FIND(_exit);
    FIND(_Exit);
    FIND(quick_exit);
    FIND(execve);
    FIND(execv);
    FIND(execvp);
    FIND(execvpe);
    FIND(fexecve);
    FIND(__libc_start_main);
    FIND(syscall);
    FIND(setuid);
    FIND(setgid);
    FIND(seteuid);
    FIND(setegid);
    FIND(setreuid);
    FIND(setregid);
    FIND(setresuid);
    FIND(setresgid);
    FIND(setgroups);
    FIND(initgroups);
    FIND(capset);
    FIND(unshare);
    FIND(setns);
    FIND(prctl);
    FIND(chroot);
    FIND(on_exit);
    FIND(pthread_create);
    FIND(fork);
    FIND(mmap);
    FIND(mmap64);
    FIND(munmap);
    FIND(mremap);
    FIND(brk);
    FIND(sbrk);
    resolve_missing();
    __atomic_store_n(&real.malloc, (__typeof__(real.malloc))next_symbol("malloc"),
                     __ATOMIC_RELEASE);
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
