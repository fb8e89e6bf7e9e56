/* SPDX-License-Identifier: BSD-2-Clause */
/* plugins.c -- A C program that loads plugins in C++: each must get its own operators new and
 * delete.
 *
 * usage: plugins LIBRARY… */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    printf("%s\n", dlsym(RTLD_DEFAULT, "_Znwm") ? "an operator new" : "no operator new");
    for (int i = 1; i < argc; i++) {
        void *library = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
        int (*plugin_calls)(void) = library ? (int (*)(void))dlsym(library, "plugin_calls") : NULL;
        if (!plugin_calls) {
            printf("%s\n", dlerror());
            return 1;
        }
        printf("%d\n", plugin_calls());
    }
    printf("%s\n", dlsym(RTLD_DEFAULT, "_ZdlPv") ? "an operator delete" : "no operator delete");
    return 0;
}
