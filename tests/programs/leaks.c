/* SPDX-License-Identifier: BSD-2-Clause */
/* leaks.c -- Leaves blocks behind in several ways, none of which anything points to any more.
 *
 * Also built with LeakSanitizer, and then it must be told of the same. */
#include "leaks_library.h"

#include <stdlib.h>
#include <string.h>

static void *volatile hidden;

static void leak(size_t size)
{
    hidden = malloc(size); /* @leak */
    hidden = NULL;
}

static void leak_directly(void)
{
    for (int i = 0; i < 3; i++)
        leak(10); /* @directly */
}

static void leak_through_another(int depth)
{
    if (depth > 0)
        leak_through_another(depth - 1);
    else
        leak(200);
}

static inline __attribute__((always_inline)) void leak_inlined(void)
{
    hidden = calloc(7, 11); /* @inlined */
    hidden = NULL;
}

static int compare_and_leak(const void *a, const void *b)
{
    leak(33);
    return *(const char *)a - *(const char *)b;
}

static void leak_from_callback(void)
{
    char letters[] = "ba";
    qsort(letters, 2, 1, compare_and_leak); /* @sort */
}

static void leak_in_library(void)
{
    for (int i = 0; i < 5; i++)
        hidden = library_makes(50);
    hidden = library_makes_by(leak_directly);
    hidden = NULL;
}

/* What is left in registers and on the stack may look like a pointer. */
static void __attribute__((noinline)) wipe_stack(void)
{
    char space[8192];
    memset(space, 0, sizeof space);
    hidden = space;
    hidden = NULL;
}

int main(void)
{
    leak_directly();
    leak_through_another(4);
    leak_inlined();
    leak_from_callback();
    leak_in_library();
    wipe_stack();
    return 0;
}
