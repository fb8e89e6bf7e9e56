/* SPDX-License-Identifier: BSD-2-Clause */
/* many_modules.c -- Loads so many libraries that allocate, and keeps them all.
 *
 *   many_modules DIRECTORY COUNT    DIRECTORY/0.so, 1.so … are copies of module_of_many.c's */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    int count = argc > 2 ? atoi(argv[2]) : 0;
    unsigned long bytes = 0;
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%d.so", argv[1], i);
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        unsigned (*allocate)(void) = library ? (unsigned (*)(void))dlsym(library, "allocate") : 0;
        if (!allocate)
            return 1;
        bytes += allocate();
    }
    printf("%d %lu\n", count, bytes);
    return 0;
}
