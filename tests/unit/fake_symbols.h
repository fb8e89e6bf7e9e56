/* SPDX-License-Identifier: BSD-2-Clause */
/* fake_symbols.h -- A symbolizer that knows what a test tells it, in place of the real one. */
#ifndef MEMTRACE_FAKE_SYMBOLS_H
#define MEMTRACE_FAKE_SYMBOLS_H

#include "symbolize.h"

/* The frames of an address are entries in a row with the same offset, innermost first. */
struct fake_symbol {
    uint64_t offset;
    struct symbol_frame frame;
};

void fake_symbols_use(const struct fake_symbol *symbols, size_t count);

#endif
