/* SPDX-License-Identifier: BSD-2-Clause */
/* every_function.c -- Calls each function of the allocation family, also so that it fails.
 *
 * Prints what a caller can see: success, errno, alignment, usable size, contents. The output must
 * be the same with and without the recorder. */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile size_t huge = (size_t)PTRDIFF_MAX + 1;
static volatile size_t half = SIZE_MAX / 2 + 2;
static volatile size_t zero;

/* Prints without allocating. */
static void say(const char *what, const void *block, size_t alignment)
{
    int error = errno;
    char line[160];
    int length = snprintf(line, sizeof line, "%-28s %-4s errno=%d aligned=%d usable=%zu\n", what,
                          block ? "ok" : "NULL", error, (uintptr_t)block % alignment == 0,
                          malloc_usable_size((void *)block));

    if (write(STDOUT_FILENO, line, (size_t)length) != length)
        _exit(3);
    errno = 0;
}

static int is_filled_with(const unsigned char *block, unsigned char value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (block[i] != value)
            return 0;
    return 1;
}

static void say_contents(const char *what, const void *block, unsigned char value, size_t size)
{
    say(what, is_filled_with(block, value, size) ? block : NULL, 1);
}

static void test_malloc(void)
{
    void *block = malloc(100);
    say("malloc(100)", block, 16);
    memset(block, 1, malloc_usable_size(block));
    errno = 77;
    free(block);
    say("free keeps errno", NULL, 1);
    block = malloc(zero);
    say("malloc(0)", block, 16);
    free(block);
    block = malloc(huge);
    say("malloc(huge)", block, 1);
    free(block);
    errno = 78;
    free(NULL);
    say("free(NULL) keeps errno", NULL, 1);
    block = malloc(300000);
    say("malloc(300000), mmapped", block, 16);
    errno = 79;
    free(block);
    say("free, munmap, keeps errno", NULL, 1);
}

static void test_calloc(void)
{
    unsigned char *block = calloc(10, 33);
    say("calloc(10, 33)", block, 16);
    say_contents("calloc is zero", block, 0, 330);
    free(block);
    block = calloc(half, 2);
    say("calloc overflow", block, 1);
    block = calloc(zero, 5);
    say("calloc(0, 5)", block, 16);
    free(block);
    block = calloc(huge, 1);
    say("calloc(huge, 1)", block, 1);
}

static void test_realloc(void)
{
    unsigned char *block = realloc(NULL, 50), *failed;
    say("realloc(NULL, 50)", block, 16);
    memset(block, 2, 50);
    block = realloc(block, 5000);
    say("realloc(p, 5000)", block, 16);
    say_contents("realloc keeps contents", block, 2, 50);
    failed = realloc(block, huge);
    say("realloc(p, huge)", failed, 1);
    say_contents("failed realloc keeps p", block, 2, 50);
    block = realloc(block, 20);
    say("realloc(p, 20)", block, 16);
    block = realloc(block, zero);
    say("realloc(p, 0)", block, 1);
    free(block);
    block = realloc(NULL, zero);
    say("realloc(NULL, 0)", block, 16);
    free(block);
}

static void test_reallocarray(void)
{
    unsigned char *block = reallocarray(NULL, 4, 25), *failed;
    say("reallocarray(NULL, 4, 25)", block, 16);
    memset(block, 3, 100);
    block = reallocarray(block, 40, 25);
    say("reallocarray(p, 40, 25)", block, 16);
    say_contents("reallocarray keeps contents", block, 3, 100);
    failed = reallocarray(block, half, 2);
    say("reallocarray overflow", failed, 1);
    failed = reallocarray(block, huge, 1);
    say("reallocarray(p, huge, 1)", failed, 1);
    say_contents("failed reallocarray keeps p", block, 3, 100);
    block = reallocarray(block, zero, 7);
    say("reallocarray(p, 0, 7)", block, 1);
    free(block);
}

static void test_aligned(void)
{
    void *block = aligned_alloc(256, 512);
    say("aligned_alloc(256, 512)", block, 256);
    free(block);
    block = memalign(4096, 100);
    say("memalign(4096, 100)", block, 4096);
    free(block);
    block = memalign(64, huge);
    say("memalign(64, huge)", block, 1);
    block = valloc(777);
    say("valloc(777)", block, 4096);
    free(block);
    block = valloc(huge);
    say("valloc(huge)", block, 1);
    block = pvalloc(5000);
    say("pvalloc(5000)", block, 4096);
    free(block);
    block = pvalloc(huge);
    say("pvalloc(huge)", block, 1);
    block = aligned_alloc(64, huge);
    say("aligned_alloc(64, huge)", block, 1);
}

static void test_posix_memalign(void)
{
    void *block = &block;
    int result = posix_memalign(&block, 128, 1000);
    say(result ? "posix_memalign failed" : "posix_memalign(128, 1000)", block, 128);
    free(block);
    block = NULL;
    result = posix_memalign(&block, 3, 1000);
    say(result == EINVAL ? "posix_memalign EINVAL" : "posix_memalign ?", block, 1);
    result = posix_memalign(&block, 64, huge);
    say(result == ENOMEM ? "posix_memalign ENOMEM" : "posix_memalign ?", block, 1);
}

/* C23; where the C library has none, free stands in, so that the output is the same. */
static void test_sized_frees(void)
{
    void (*free_sized)(void *, size_t) =
        (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");
    void (*free_aligned_sized)(void *, size_t, size_t) =
        (void (*)(void *, size_t, size_t))dlsym(RTLD_DEFAULT, "free_aligned_sized");
    void *block = malloc(321);

    errno = 80;
    if (free_sized)
        free_sized(block, 321);
    else
        free(block);
    say("free_sized keeps errno", NULL, 1);
    block = aligned_alloc(64, 640);
    errno = 81;
    if (free_aligned_sized)
        free_aligned_sized(block, 64, 640);
    else
        free(block);
    say("free_aligned_sized", NULL, 1);
}

int main(void)
{
    errno = 0;
    test_malloc();
    test_calloc();
    test_realloc();
    test_reallocarray();
    test_aligned();
    test_posix_memalign();
    test_sized_frees();
    return 0;
}
