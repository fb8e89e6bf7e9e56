/* SPDX-License-Identifier: BSD-2-Clause */
/* places.h -- Which modules and source files of two traces are the same, wherever they lie. */
#ifndef MEMTRACE_PLACES_H
#define MEMTRACE_PLACES_H

#include "naming.h"

struct naming_text {
    char *text;
    uint32_t id;     /* of a file that has moved: that of the old one */
    uint8_t sides;   /* of a file: a bit for each side that has it */
    uint32_t module; /* of a path or a build-id: whose it is, or NO_MODULE */
    UT_hash_handle hh;
};

/* A string, by content; NULL when out of memory. */
struct naming_text *naming_intern(struct naming *naming, const char *text);
void naming_forget(struct naming *naming);

/* Numbers the modules of both sides, or of the one that is both, and finds what was built anew. */
bool places_match(struct naming *naming);

#endif
