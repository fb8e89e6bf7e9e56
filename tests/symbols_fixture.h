/* SPDX-License-Identifier: BSD-2-Clause */
/* symbols_fixture.h -- What the functions of symbols_fixture.c tell about themselves. */
#ifndef MEMTRACE_TESTS_SYMBOLS_FIXTURE_H
#define MEMTRACE_TESTS_SYMBOLS_FIXTURE_H

#include <stdint.h>

struct fixture_site {
    uintptr_t address;     /* a return address */
    unsigned int lines[3]; /* of its frames, innermost first */
};

void fixture_inlined(struct fixture_site *site);
void fixture_plain(struct fixture_site *site);
void fixture_hidden(struct fixture_site *site);

#endif
