/* SPDX-License-Identifier: BSD-2-Clause */
/* options.h -- One table of options per verb: it parses, and it prints its own help. */
#ifndef MEMTRACE_OPTIONS_H
#define MEMTRACE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Options without a letter are numbered from here. */
enum {
    OPTION_LONG = 256
};

struct option_row {
    int id;               /* its letter, or OPTION_LONG and more */
    const char *name;     /* the long name */
    const char *argument; /* what its value is called, in brackets if there need not be one, [=NAME]
                             if that is told by "=" alone; NULL: it takes none */
    const char *help;
};

enum {
    OPTIONS_END = -1,
    OPTIONS_BAD = -2 /* a line was written to complaints */
};

struct options {
    const struct option_row *rows;
    size_t count;
    FILE *complaints;
    bool stops_at_operand; /* what follows the first operand is not ours: run's program */
    /* Tells an operand from a value that need not be there; NULL: what follows is the value. */
    bool (*is_operand)(const char *word);
    const char *value; /* of the option just returned */
    int next;          /* index of the first operand, after OPTIONS_END */
};

/* Takes the next option off the command line; the first operand ends them, so that a program's own
 * options are left alone. Returns its id, OPTIONS_END or OPTIONS_BAD. */
int options_next(struct options *options, int argc, char **argv);
void options_print(FILE *out, const struct option_row *rows, size_t count);
/* A text that begins in this column, and goes on there in the lines below. */
void options_print_wrapped(FILE *out, const char *text, size_t column);

#endif
