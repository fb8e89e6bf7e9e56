/* SPDX-License-Identifier: BSD-2-Clause */
/* leaks_json.h -- What grows, and what does not, as JSON. */
#ifndef MEMTRACE_LEAKS_JSON_H
#define MEMTRACE_LEAKS_JSON_H

#include "leaks.h"

#include <stdio.h>

/* At most limit items (0: all); gate may be NULL. */
void leaks_json_write(FILE *out, const struct leaks *leaks, const struct leaks_gate *gate,
                      uint64_t limit);

#endif
