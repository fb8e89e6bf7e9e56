/* SPDX-License-Identifier: BSD-2-Clause */
/* counts.c -- Makes one of the counters in a trace's header count, as often as is known.
 *
 * usage: counts WHAT [LIBRARY…]      see the table at the end; tests/test_counters.py knows the
 * rest */
#include "memtrace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    COUNT = 1000,
    ODD_BYTES = 4321, /* see odd_allocator.c */
    NESTED_BYTES = 8642,
    PAGE = 4096,
    POOL_BLOCKS = 200000,
    PIECES = 60000 /* the kernel keeps 65,530 at most */
};

extern void *__libc_malloc(size_t size_bytes);
extern void __libc_free(void *block);

static char **libraries;

static void unknown_free(void)
{
    for (int i = 0; i < COUNT; i++)
        free(__libc_malloc(40));
}

/* glibc hands out first what was given back last. */
static void reused_live(void)
{
    void *block = malloc(40);
    for (int i = 0; i < COUNT; i++) {
        __libc_free(block);
        block = malloc(40);
    }
    free(block);
}

static void untracked(void)
{
    for (int i = 0; i < COUNT; i++)
        free(malloc(ODD_BYTES));
}

static void reentrant(void)
{
    for (int i = 0; i < COUNT; i++)
        free(malloc(NESTED_BYTES));
}

static void limit(int which, rlim_t value)
{
    struct rlimit limit = {value, value};
    setrlimit(which, &limit);
}

static void marks_lost(void)
{
    limit(RLIMIT_FSIZE, PAGE);
    for (int i = 0; i < COUNT; i++)
        memtrace_mark("a mark");
}

static void history_lost(void)
{
    limit(RLIMIT_FSIZE, PAGE);
    for (int i = 0; i < COUNT; i++)
        memtrace_take_snapshot("a snapshot");
}

/* Until its input ends. */
static void series_lost(void)
{
    char byte;
    limit(RLIMIT_FSIZE, PAGE);
    while (read(0, &byte, 1) > 0)
        ;
}

/* Each is the same library under another name, and allocates. */
static void modules_lost(void)
{
    limit(RLIMIT_FSIZE, PAGE);
    for (char **library = libraries; *library; library++) {
        void *handle = dlopen(*library, RTLD_NOW | RTLD_LOCAL);
        void *(*allocate)(void) = handle ? (void *(*)(void))dlsym(handle, "allocate") : NULL;
        if (allocate)
            free(allocate());
    }
}

static void pools_lost(void)
{
    static char blocks[POOL_BLOCKS];
    limit(RLIMIT_AS, PAGE);
    for (int i = 0; i < POOL_BLOCKS; i++)
        memtrace_pool_alloc(blocks, &blocks[i], 1);
}

static void mappings_lost(void)
{
    char *pages = mmap(NULL, 2 * PIECES * PAGE, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    limit(RLIMIT_AS, PAGE);
    limit(RLIMIT_DATA, PAGE);
    for (size_t i = 0; i < PIECES; i++)
        munmap(pages + 2 * i * PAGE, PAGE);
}

/* Generated code that keeps a frame pointer, and has no unwind tables. */
static void stack_guessed(void)
{
#if defined(__x86_64__)
    static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
#else
    static const unsigned char code[] = {0xfd, 0x7b, 0xbf, 0xa9, 0xfd, 0x03, 0x00,
                                         0x91, 0x00, 0x00, 0x3f, 0xd6, 0xfd, 0x7b,
                                         0xc1, 0xa8, 0xc0, 0x03, 0x5f, 0xd6};
#endif
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page, code, sizeof code);
    mprotect(page, PAGE, PROT_READ | PROT_EXEC);
    __builtin___clear_cache(page, page + sizeof code);
    void (*call)(void (*)(void)) = (void (*)(void (*)(void)))page;
    call(untracked);
}

static void clears(void)
{
    for (int i = 0; i < 3; i++) {
        free(malloc(100));
        memtrace_clear_traces();
    }
}

static void peak_epoch(void)
{
    for (size_t i = 1; i <= COUNT; i++)
        free(malloc(i * PAGE));
}

static const struct {
    const char *name;
    void (*run)(void);
} table[] = {{"unknown_free", unknown_free},   {"reused_live", reused_live},
             {"untracked", untracked},         {"reentrant", reentrant},
             {"marks_lost", marks_lost},       {"history_lost", history_lost},
             {"series_lost", series_lost},     {"modules_lost", modules_lost},
             {"pools_lost", pools_lost},       {"mappings_lost", mappings_lost},
             {"stack_guessed", stack_guessed}, {"clears", clears},
             {"peak_epoch", peak_epoch}};

int main(int argc, char **argv)
{
    libraries = argv + 2;
    for (size_t i = 0; argc > 1 && i < sizeof table / sizeof *table; i++)
        if (strcmp(argv[1], table[i].name) == 0) {
            table[i].run();
            return 0;
        }
    return 2;
}
