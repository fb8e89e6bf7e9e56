/* SPDX-License-Identifier: BSD-2-Clause */
/* leaks_library.c -- A library that makes blocks which leaks.c loses. */
#include "leaks_library.h"

#include <stdlib.h>
#include <string.h>

void *library_makes(size_t size)
{
    return malloc(size);
}

void *library_makes_by(void (*function)(void))
{
    function();
    return strdup("made by the library");
}
