/* SPDX-License-Identifier: BSD-2-Clause */
/* profile_rows.h -- A profile as the rows of a table: named, and chosen and sorted as Python's
 * pstats does it. */
#ifndef MEMTRACE_PROFILE_ROWS_H
#define MEMTRACE_PROFILE_ROWS_H

#include "label.h"
#include "profile.h"

#include <regex.h>

enum profile_key {
    PROFILE_BY_SAMPLES,
    PROFILE_BY_CUMULATIVE,
    PROFILE_BY_FILE,
    PROFILE_BY_LINE,
    PROFILE_BY_NAME,
    PROFILE_BY_NFL, /* name, file, line */
    PROFILE_BY_STDNAME,
    PROFILE_BY_TIME,
    PROFILE_BY_OFF_CPU,
    PROFILE_KEY_COUNT
};

enum {
    PROFILE_KEYS_MAX = 8,
    PROFILE_RESTRICTIONS_MAX = 16
};

/* What is sorted by first, second …; none: as it comes. */
struct profile_order {
    enum profile_key keys[PROFILE_KEYS_MAX];
    size_t count;
};

/* word is a sort key of pstats, the unique beginning of one, or one of its old numbers; several
 * with commas between them. False if it is none, or there are too many. */
bool profile_order_add(struct profile_order *order, const char *word);
/* "internal time", … */
const char *profile_key_title(enum profile_key key);

enum restriction_kind {
    RESTRICT_TO_COUNT,
    RESTRICT_TO_FRACTION,
    RESTRICT_TO_MATCHES
};

struct profile_restriction {
    enum restriction_kind kind;
    uint64_t count;
    double fraction;
    regex_t regex;
    const char *text; /* as it was given */
};

/* Applied one after the other, to what is left. */
struct profile_restrictions {
    struct profile_restriction items[PROFILE_RESTRICTIONS_MAX];
    size_t count;
};

/* A whole number: so many rows. A number below 1 with a point: that part of them. Else an extended
 * regular expression that is looked for in their names. text has to stay. */
bool profile_restrictions_add(struct profile_restrictions *restrictions, const char *text,
                              struct error *error);
void profile_restrictions_finish(struct profile_restrictions *restrictions);

struct profile_row {
    const struct profile_item *item;
    char *name; /* "demo.c:8(leaf)", "{memcpy in libc.so.6}": nothing is escaped yet */
    const char *file;
    const char *function;
    uint32_t line;
};

struct profile_reduction { /* of the rows by a restriction */
    uint32_t from;
    uint32_t to;
};

struct profile_rows {
    const struct profile *profile;
    struct profile_row *items;
    uint32_t count; /* all of them; */
    uint32_t kept;  /* the first so many are left */
    struct profile_reduction reductions[PROFILE_RESTRICTIONS_MAX];
};

bool profile_rows_init(struct profile_rows *rows, const struct profile *profile,
                       const struct profile_order *order,
                       const struct profile_restrictions *restrictions, enum label_style style,
                       struct error *error);
void profile_rows_finish(struct profile_rows *rows);

/* What a row for that frame is called, to be freed; NULL when out of memory. */
char *profile_frame_name(const struct frame *frame, enum group_by group_by, enum label_style style);

#endif
