/* SPDX-License-Identifier: BSD-2-Clause */
/* command.h -- A verb of the command line. */
#ifndef MEMTRACE_COMMAND_H
#define MEMTRACE_COMMAND_H

#include "error.h"
#include "options.h"

/* Exit status. What runs a program has its status; failures of our own are then told as env, nohup
 * and timeout do. */
enum {
    STATUS_OK = 0,
    STATUS_BAD_INPUT = 1,
    STATUS_USAGE = 2,
    STATUS_OWN_FAILURE = 125,
    STATUS_NOT_EXECUTABLE = 126,
    STATUS_NOT_FOUND = 127
};

struct command {
    const char *name;
    const char *operands;
    const char *summary;
    const struct option_row *options;
    size_t option_count;
    void (*print_more)(FILE *out);     /* help beyond the options; NULL: there is none */
    int (*run)(int argc, char **argv); /* argv[0] is the verb; returns the exit status */
};

extern const struct command command_run;
extern const struct command command_report;
extern const struct command command_diff;
extern const struct command command_leaks;
extern const struct command command_snapshot;
extern const struct command command_check;
extern const struct command command_who;
extern const struct command command_list;
extern const struct command command_plot;
extern const struct command command_rm;
extern const struct command command_export;
extern const struct command command_html;
extern const struct command command_top;

/* "memtrace: SUBJECT: what (offset N)" on stderr; returns STATUS_BAD_INPUT. */
int command_complain(const char *subject, const struct error *error);
/* "memtrace: …" on stderr; returns STATUS_USAGE. */
int command_misuse(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same of the value of one of the command's options: which, and what it is for. */
int command_bad_value(const struct command *command, int id, const char *value);
void command_print_help(FILE *out, const struct command *command);
/* What may stand after an @: for print_more. */
void command_print_moments(FILE *out);
/* Whether everything written to stdout arrived; complains if not. Returns status or 1. */
int command_flush(int status);

#endif
