/* SPDX-License-Identifier: BSD-2-Clause */
/* time_places.c -- Prints where its lines are, for made samples: inlined calls, recursion, callees.
 *
 * Each line of output is a name and an offset: of the call at the line that ends in that tag. */
#include <stdint.h>
#include <stdio.h>

extern const char __executable_start[];

static __attribute__((noinline)) void tell(const char *name, const void *address)
{
    printf("%s %#lx\n", name, (unsigned long)((uintptr_t)address - (uintptr_t)__executable_start));
}

static __attribute__((noinline)) void here(const char *name)
{
    tell(name, __builtin_return_address(0));
}

static inline __attribute__((always_inline)) void loop(const char *name)
{
    here(name); /* @inlinee */
}

static __attribute__((noinline)) void leaf(const char *caller)
{
    tell(caller, __builtin_return_address(0));
    loop("inlined_first");  /* @inlined_first */
    loop("inlined_second"); /* @inlined_second */
    here("leaf_own");       /* @leaf_own */
}

static __attribute__((noinline)) void recurse(int depth)
{
    if (depth == 1)
        tell("recursive_call", __builtin_return_address(0));
    if (depth < 2)
        recurse(depth + 1); /* @recursive_call */
    else
        leaf("leaf_of_recurse"); /* @leaf_of_recurse */
    here("recurse_own");         /* @recurse_own */
    if (depth == 0)
        tell("recurse_of_main", __builtin_return_address(0));
}

int main(void)
{
    leaf("leaf_of_main"); /* @leaf_of_main */
    recurse(0);           /* @recurse_of_main */
    here("main_own");     /* @main_own */
    return 0;
}
