/* SPDX-License-Identifier: BSD-2-Clause */
/* peak_reset.c -- Resets the peak twice; the last one is lower than those before it. */
#include "memtrace.h"

#include <stdio.h>
#include <stdlib.h>

static void tell(const char *when)
{
    int64_t current, peak;
    memtrace_get_traced_memory(&current, &peak);
    fprintf(stderr, "%s: live %ld peak %ld\n", when, (long)current, (long)peak);
}

int main(void)
{
    setvbuf(stderr, NULL, _IONBF, 0);
    void *kept = malloc(1000);    /* @kept */
    void *early = malloc(500000); /* @early */
    free(early);
    tell("early");
    fprintf(stderr, "reset %d\n", memtrace_reset_peak());
    tell("reset");
    void *middle = malloc(70000); /* @middle */
    void *other = malloc(30000);  /* @other */
    tell("middle");
    free(middle);
    fprintf(stderr, "reset %d\n", memtrace_reset_peak());
    tell("reset");
    void *late = malloc(10000); /* @late */
    free(late);
    tell("late");
    free(other);
    free(kept);
    tell("end");
    return 0;
}
