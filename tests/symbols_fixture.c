/* SPDX-License-Identifier: BSD-2-Clause */
/* symbols_fixture.c -- A library that knows which frames its own addresses have.
 *
 * To be compiled with -O2 -g -fPIC -shared; unit/test_symbolize.c loads it and asks. */
#include <stdint.h>

#include "symbols_fixture.h"

#ifdef __clang__
#define ONCE __attribute__((noinline))
#else
#define ONCE __attribute__((noinline, noclone))
#endif
#define EXPORTED __attribute__((visibility("default"))) ONCE

/* The address behind the call, in the code of whoever the caller was inlined into. */
ONCE static uintptr_t after_the_call(void)
{
    __asm__ volatile("" ::: "memory");
    return (uintptr_t)__builtin_return_address(0);
}

static inline __attribute__((always_inline)) void innermost(struct fixture_site *site)
{
    site->lines[0] = __LINE__, site->address = after_the_call();
}

static inline __attribute__((always_inline)) void middle(struct fixture_site *site)
{
    site->lines[1] = __LINE__, innermost(site);
}

EXPORTED void fixture_inlined(struct fixture_site *site)
{
    site->lines[2] = __LINE__, middle(site);
}

EXPORTED void fixture_plain(struct fixture_site *site)
{
    site->lines[0] = __LINE__, site->address = after_the_call();
}

/* Not exported: only .symtab knows its name. */
ONCE static void hidden_away(struct fixture_site *site)
{
    site->lines[0] = __LINE__, site->address = after_the_call();
}

EXPORTED void fixture_hidden(struct fixture_site *site)
{
    hidden_away(site);
    __asm__ volatile("");
}

void cxx_name(struct fixture_site *site) __asm__("_ZNK2ns6WidgetIiE4spinERKSs");
EXPORTED void cxx_name(struct fixture_site *site)
{
    site->lines[0] = __LINE__, site->address = after_the_call();
}

void rust_name(struct fixture_site *site) __asm__(
    "_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE");
EXPORTED void rust_name(struct fixture_site *site)
{
    site->lines[0] = __LINE__, site->address = after_the_call();
}

void rust_v0_name(struct fixture_site *site) __asm__("_RNvNtC7mycrate6module8function");
EXPORTED void rust_v0_name(struct fixture_site *site)
{
    site->lines[0] = __LINE__, site->address = after_the_call();
}
