/* SPDX-License-Identifier: BSD-2-Clause */
/* deepbind.c -- Exchanges blocks with a library that RTLD_DEEPBIND binds to libc's own malloc.
 *
 * Its calls bypass every preloaded library; that may cost exactness, and nothing else. */
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ROUNDS = 1000
};

static char path[PATH_MAX + 64];

static void find_library(void)
{
    char folder[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);

    if (length < 0)
        exit(3);
    folder[length] = 0;
    snprintf(path, sizeof path, "%s/libdeepbind.so", dirname(folder));
}

int main(void)
{
    void *library;
    void *(*allocate)(size_t);
    void (*release)(void *);

    find_library();
    library = dlopen(path, RTLD_NOW | RTLD_DEEPBIND);
    if (!library)
        return 4;
    allocate = (void *(*)(size_t))dlsym(library, "allocate");
    release = (void (*)(void *))dlsym(library, "release");
    for (int i = 0; i < ROUNDS; i++) {
        free(allocate(100));  /* a block nobody saw */
        release(malloc(200)); /* @released_unseen */
        free(malloc(200));    /* @freed_seen */
    }
    puts("exchanged");
    return 0;
}
