/* SPDX-License-Identifier: BSD-2-Clause */
/* dwarf_units.h -- Answers addresses from DWARF. For sandboxed children only. */
#ifndef MEMTRACE_SYMBOLS_DWARF_UNITS_H
#define MEMTRACE_SYMBOLS_DWARF_UNITS_H

#include "answers.h"
#include "debuginfo.h"

/* Writes the frames of each of the sorted addresses about which the DWARF in info->dwarf knows
 * something, unit by unit: what was written stays valid should a later unit kill the child. */
void dwarf_answer(struct debuginfo *info, const uint64_t *addresses, size_t count,
                  struct answer_writer *writer);

#endif
