/* SPDX-License-Identifier: BSD-2-Clause */
/* top_program.h -- A program that memtrace top runs, with its hands off the terminal.
 *
 * It gets a session of its own, so that the terminal's signals are not its, nothing to read where
 * the terminal was, and a file to write to: PROGRAM.PID.output, or what was asked for. What was
 * redirected before stays as it is. */
#ifndef MEMTRACE_TOP_PROGRAM_H
#define MEMTRACE_TOP_PROGRAM_H

#include "child.h"
#include "error.h"

struct top_program {
    struct child child;
    char *output_path; /* NULL: what it writes went elsewhere */
    bool has_ended;
    char note[320]; /* why not everything can be seen, "" if there is no reason */

    /* For the child. */
    char *library;
    char *trace_output;
    int output_fd; /* -1: a file of its own */
};

/* 0, or the exit status that says what was wrong, as run has it. */
int top_program_start(struct top_program *program, char **argv, const char *trace_output,
                      const char *output_path, struct error *error);
bool top_program_has_ended(struct top_program *program);
/* Drops the file it could have written to, if it has ended without doing so. */
void top_program_tidy(struct top_program *program);
void top_program_finish(struct top_program *program);

#endif
