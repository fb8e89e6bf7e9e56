/* SPDX-License-Identifier: BSD-2-Clause */
/* constructors.c -- Allocates before main: in .preinit_array and in three libraries' constructors.
 */
#include <stdlib.h>

void *constructed_a(void), *constructed_b(void), *constructed_c(void);

static void *early;

static void before_all_constructors(void)
{
    early = malloc(12345); /* @preinit */
}

__attribute__((section(".preinit_array"),
               used)) static void (*const preinit)(void) = before_all_constructors;

__attribute__((constructor)) static void own_constructor(void)
{
    free(malloc(54321)); /* @constructor */
}

int main(void)
{
    free(early);
    free(constructed_a());
    free(constructed_b());
    free(constructed_c());
    return 0;
}
