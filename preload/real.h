/* SPDX-License-Identifier: BSD-2-Clause */
/* real.h -- The next in line: the functions that would be called if we were not here.
 *
 * The next malloc is the first one behind us in the loader's search order, whatever it belongs
 * to: glibc, jemalloc, another preloaded library. */
#ifndef MEMTRACE_REAL_H
#define MEMTRACE_REAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct link_map;

struct real {
    int (*__libc_start_main)(int (*)(int, char **, char **), int, char **, void (*)(void),
                             void (*)(void), void (*)(void), void *);
    long (*syscall)(long, ...); /* stubs.S knows where these two are */
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*reallocarray)(void *, size_t, size_t);
    void (*free)(void *);
    void (*cfree)(void *);
    void *(*aligned_alloc)(size_t, size_t);
    void *(*memalign)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*valloc)(size_t);
    void *(*pvalloc)(size_t);
    void (*free_sized)(void *, size_t);
    void (*free_aligned_sized)(void *, size_t, size_t);
    int (*dlclose)(void *);
    void (*exit)(int);
    void (*_exit)(int);
    void (*_Exit)(int);
    void (*quick_exit)(int);
    int (*execve)(const char *, char *const[], char *const[]);
    int (*execv)(const char *, char *const[]);
    int (*execvp)(const char *, char *const[]);
    int (*execvpe)(const char *, char *const[], char *const[]);
    int (*fexecve)(int, char *const[], char *const[]);
    int (*setuid)(uid_t);
    int (*setgid)(gid_t);
    int (*seteuid)(uid_t);
    int (*setegid)(gid_t);
    int (*setreuid)(uid_t, uid_t);
    int (*setregid)(gid_t, gid_t);
    int (*setresuid)(uid_t, uid_t, uid_t);
    int (*setresgid)(gid_t, gid_t, gid_t);
    int (*setgroups)(size_t, const gid_t *);
    int (*initgroups)(const char *, gid_t);
    int (*capset)(void *, const void *);
    int (*unshare)(int);
    int (*setns)(int, int);
    int (*prctl)(int, ...);
    int (*chroot)(const char *);
    int (*on_exit)(void (*)(int, void *), void *);
    int (*pthread_create)(void *, const void *, void *(*)(void *), void *);
    pid_t (*fork)(void);
    void *(*mmap)(void *, size_t, int, int, int, off_t);
    void *(*mmap64)(void *, size_t, int, int, int, off_t);
    int (*munmap)(void *, size_t);
    void *(*mremap)(void *, size_t, size_t, int, ...);
    int (*brk)(void *);
    void *(*sbrk)(intptr_t);
};

extern struct real real;

/* Fills real. Idempotent; two threads doing it at once store the same. No allocation, no lock. */
void real_init(void);

/* Ours in the loader's list of objects, which at the start is the order in which it looks for
 * symbols; NULL if it is not there. */
const struct link_map *real_own_entry(void);

/* True if malloc is glibc's own. Walks the loader's list: at start only. */
bool real_is_glibc_malloc(void);

/* True if this library, or another copy of it, comes before us in the search order, or the
 * program is one that replaces the allocator itself and must not be mixed with (sanitizers). */
bool real_must_stay_inert(void);

#endif
