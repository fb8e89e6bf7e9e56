/* SPDX-License-Identifier: BSD-2-Clause */
/* tap.h -- Results of a unit test in the Test Anything Protocol, one line each. */
#ifndef MEMTRACE_TAP_H
#define MEMTRACE_TAP_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count;
static int tap_failed;

static inline bool tap_ok(bool is_ok, const char *name)
{
    printf("%s %d - %s\n", is_ok ? "ok" : "not ok", ++tap_count, name);
    tap_failed += !is_ok;
    fflush(stdout);
    return is_ok;
}

static inline bool tap_number(int64_t got, int64_t expected, const char *name)
{
    if (!tap_ok(got == expected, name))
        printf("# got %" PRId64 ", expected %" PRId64 "\n", got, expected);
    return got == expected;
}

static inline bool tap_text(const char *got, const char *expected, const char *name)
{
    bool is_equal = got && strcmp(got, expected) == 0;
    if (!tap_ok(is_equal, name))
        printf("# got      %s\n# expected %s\n", got ? got : "(null)", expected);
    return is_equal;
}

/* The plan and the exit status of main. */
static inline int tap_end(void)
{
    printf("1..%d\n", tap_count);
    return tap_failed ? 1 : 0;
}

#endif
