/* SPDX-License-Identifier: BSD-2-Clause */
/* ask_recorder.c -- Asks through memtrace.h what it has allocated; nothing is linked for it.
 *
 * The figures go to stderr as differences, so that stdout is the same with and without. */
#include "memtrace.h"

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    int64_t before, peak_before, during, peak_during, after, peak_after;
    memtrace_get_traced_memory(&before, &peak_before);
    void *block = malloc(1000000);
    memtrace_get_traced_memory(&during, &peak_during);
    free(block);
    memtrace_get_traced_memory(&after, &peak_after);
    fprintf(stderr, "tracing %d during %ld after %ld peak %ld tracer %d\n", memtrace_is_tracing(),
            (long)(during - before), (long)(after - before), (long)(peak_after - before),
            memtrace_get_tracemalloc_memory() > 8192);
    puts("asked");
    return 0;
}
