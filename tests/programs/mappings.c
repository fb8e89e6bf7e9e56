/* SPDX-License-Identifier: BSD-2-Clause */
/* mappings.c -- Maps and unmaps memory in every way there is. Pages are counted in pages. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define PAGE 4096l
#define ANYWHERE NULL
#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)

enum {
    THREADS = 4,
    PER_THREAD = 100
};

static int wrong;

static void expect(int is_ok, const char *what)
{
    if (!is_ok)
        fprintf(stderr, "wrong: %s\n", what);
    wrong += !is_ok;
}

static char *checked(void *result)
{
    expect(result != MAP_FAILED && errno == 77, "mmap");
    return result;
}

#define map(pages, flags, address)                                                                 \
    checked((errno = 77,                                                                           \
             mmap(address, (pages)*PAGE, PROT_READ | PROT_WRITE, PRIVATE | (flags), -1, 0)))

static void unmap(char *start, long pages)
{
    errno = 77;
    expect(munmap(start, (size_t)(pages * PAGE)) == 0 && errno == 77, "munmap");
}

/* --- one by one --- */

static void cut(void)
{
    char *ten = map(10, 0, ANYWHERE); /* @ten */
    unmap(ten + 2 * PAGE, 3);
    expect(munmap(ten, 1) == 0, "a page, rounded up");
    unmap(ten + 2 * PAGE, 3);           /* nothing is there */
    char *pieces = map(5, 0, ANYWHERE); /* @pieces */
    unmap(pieces + PAGE, 1);
    unmap(pieces + 3 * PAGE, 1);
    unmap(pieces, 5);
}

static void round_sizes(void)
{
    void *rounded = mmap(NULL, 4 * PAGE + 1, PROT_READ, PRIVATE, -1, 0); /* @rounded */
    munmap(rounded, 4 * PAGE + 1);
}

static void map_file(void)
{
    int fd = open("/proc/self/exe", O_RDONLY);
    void *block = mmap64(NULL, 100, PROT_READ, MAP_PRIVATE, fd, 0); /* @file */
    expect(block != MAP_FAILED, "mmap64");
    block = mmap(NULL, 100, PROT_READ, MAP_SHARED, fd, PAGE); /* @file_shared */
    expect(block != MAP_FAILED, "a shared mapping");
    close(fd);
}

static void resize(void)
{
    char *from = map(2, 0, ANYWHERE); /* @grown_from */
    strcpy(from, "kept");
    errno = 77;
    char *to = mremap(from, 2 * PAGE, 20 * PAGE, MREMAP_MAYMOVE); /* @grown_to */
    expect(to != MAP_FAILED && strcmp(to, "kept") == 0 && errno == 77, "mremap");
    to = mremap(to, 20 * PAGE, 5 * PAGE, 0); /* @shrunk */
    expect(to != MAP_FAILED, "mremap smaller");
    char *place = map(9, 0, ANYWHERE);                                                /* @place */
    to = mremap(to, 5 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place + PAGE); /* @moved */
    expect(to == place + PAGE && strcmp(to, "kept") == 0, "mremap to an address");
    expect(mremap(to, 6 * PAGE, 1ul << 60, MREMAP_MAYMOVE) == MAP_FAILED, "mremap fails");
    char *kept = map(3, 0, ANYWHERE);                                              /* @kept */
    kept = mremap(kept, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0); /* @twin */
    expect(kept != MAP_FAILED, "MREMAP_DONTUNMAP");
}

static void cover(void)
{
    char *under = map(8, 0, ANYWHERE);                                            /* @under */
    expect(map(2, MAP_FIXED, under + 3 * PAGE) == under + 3 * PAGE, "MAP_FIXED"); /* @over */
    expect(mmap(under, PAGE, PROT_READ, PRIVATE | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED &&
               errno == EEXIST,
           "MAP_FIXED_NOREPLACE");
    char *all = map(4, 0, ANYWHERE); /* @gone */
    map(4, MAP_FIXED, all);          /* @instead */
}

static void fail(void)
{
    expect(mmap(NULL, 0, PROT_READ, PRIVATE, -1, 0) == MAP_FAILED && errno == EINVAL,
           "mmap of nothing");
    expect(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0) == MAP_FAILED && errno == EBADF,
           "mmap of no file");
    char *block = map(2, 0, ANYWHERE); /* @unharmed */
    expect(munmap(block + 1, PAGE) == -1 && errno == EINVAL, "munmap not of pages");
    expect(munmap(block, 0) == -1 && errno == EINVAL, "munmap of nothing");
    expect(munmap(block, (size_t)-1) == -1 && errno == EINVAL, "munmap of everything");
    expect(mremap(block, PAGE, 0, 0) == MAP_FAILED && errno == EINVAL, "mremap to nothing");
}

static void move_break(void)
{
    char *start = sbrk(0);
    expect(sbrk(10000) == start, "sbrk"); /* @sbrk */
    expect(sbrk(-4000) == start + 10000 && sbrk(0) == start + 6000, "sbrk back");
    expect(brk(start + 9000) == 0 && sbrk(0) == start + 9000, "brk"); /* @brk */
    expect(brk(start + 8000) == 0 && sbrk(0) == start + 8000, "brk back");
    expect(sbrk((intptr_t)1 << 60) == (void *)-1 && errno == ENOMEM, "sbrk too far");
}

static void handle(int number)
{
    (void)number;
    map(3, 0, ANYWHERE); /* @handler */
}

static void others(void)
{
    signal(SIGUSR1, handle);
    raise(SIGUSR1);
    map(4, MAP_GROWSDOWN, ANYWHERE);             /* @growsdown */
    map(1, MAP_NORESERVE, (void *)0x1234567000); /* @hint */
    if (vfork() == 0) {
        map(5, 0, ANYWHERE); /* @vfork */
        _exit(0);
    }
    void *large = malloc(64 << 20); /* @by_libc */
    memset(large, 1, 1000);
    free(large);
}

/* --- threads --- */

static char *pages[THREADS][PER_THREAD];

static void *map_some(void *argument)
{
    char **mine = argument;
    for (int i = 0; i < PER_THREAD; i++)
        mine[i] = map(1, 0, ANYWHERE); /* @thread */
    return NULL;
}

static void *unmap_some(void *argument)
{
    char **others = argument;
    for (int i = 1; i < PER_THREAD; i++)
        unmap(others[i], 1);
    return NULL;
}

static void in_threads(void *(*work)(void *), int shift)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, pages[(i + shift) % THREADS]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* --- a child --- */

static void be_a_child(char *inherited)
{
    unmap(inherited, 3);
    unmap(pages[0][0], 1);
    char *few = map(2, 0, ANYWHERE); /* @child_early */
    unmap(few, 1);
    map(100, 0, ANYWHERE); /* @child_early */
    map(7, 0, ANYWHERE);   /* @child */
    exit(wrong != 0);
}

int main(void)
{
    cut();
    round_sizes();
    map_file();
    resize();
    cover();
    fail();
    move_break();
    others();
    in_threads(map_some, 0);
    in_threads(unmap_some, 1);
    char *inherited = map(30, 0, ANYWHERE); /* @inherited */
    if (fork() == 0)
        be_a_child(inherited);
    int status;
    wait(&status);
    return wrong != 0 || status != 0;
}
