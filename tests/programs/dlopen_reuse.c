/* SPDX-License-Identifier: BSD-2-Clause */
/* dlopen_reuse.c -- Loads and unloads two libraries in turn; the second lands where the first was.
 */
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ROUNDS = 200
};

static char folder[PATH_MAX];

static void find_folder(void)
{
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);

    if (length < 0)
        exit(3);
    folder[length] = 0;
    dirname(folder);
}

/* Returns where it was. */
static uintptr_t use(const char *name)
{
    char path[PATH_MAX + 64];
    void *library;
    void *(*allocate)(void);
    Dl_info found;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        exit(4);
    allocate = (void *(*)(void))dlsym(library, "allocate");
    if (!dladdr((void *)allocate, &found))
        exit(5);
    free(allocate());
    dlclose(library);
    return (uintptr_t)found.dli_fbase;
}

int main(void)
{
    int reused = 0;

    find_folder();
    for (int i = 0; i < ROUNDS; i++)
        reused += use("libreuse_a.so") == use("libreuse_b.so");
    return reused ? 0 : 6;
}
