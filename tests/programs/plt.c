/* SPDX-License-Identifier: BSD-2-Clause */
/* plt.c -- Reaches malloc through lazily bound stubs, a function pointer and dlsym. */
#include <dlfcn.h>
#include <stdlib.h>

enum {
    ROUNDS = 1000
};

void *allocate_in_library(size_t size);

static void *(*volatile pointer)(size_t) = malloc;

int main(void)
{
    void *(*found)(size_t) = (void *(*)(size_t))dlsym(RTLD_DEFAULT, "malloc");

    for (int i = 0; i < ROUNDS; i++) {
        free(malloc(10));              /* @direct */
        free(pointer(20));             /* @pointer */
        free(found(30));               /* @dlsym */
        free(allocate_in_library(40)); /* @library_call */
    }
    return 0;
}
