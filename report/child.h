/* SPDX-License-Identifier: BSD-2-Clause */
/* child.h -- Runs a program as a child, so that nobody notices we are in between. */
#ifndef MEMTRACE_CHILD_H
#define MEMTRACE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
    char *const *argv;
    /* Called in the child before it becomes the program: sets its environment. */
    void (*prepare)(void *context);
    void *context;
    bool is_elf; /* what cannot be executed is not handed to sh */

    pid_t pid;
    int status;     /* as waitpid gives it */
    int exec_errno; /* why it could not become the program; 0: it did */
    uint64_t start_time_ns;
    uint64_t run_time_ns;
};

/* Runs path and waits for its end. Meanwhile the terminal's signals are the child's, and those sent
 * to us are passed on. False with errno if there could be no child. */
bool child_run(struct child *child, const char *path);

/* Starts it and does not wait. The same otherwise, but nothing is done about signals. */
bool child_start(struct child *child, const char *path);
/* Whether it has ended; then status and run_time_ns are there. */
bool child_has_ended(struct child *child);

/* "exited 0 after 0.21 s" */
void child_describe_end(const struct child *child, char *buffer, size_t buffer_bytes);

/* The exit status that says how the child ended; if a signal ended it, that signal now ends us. */
int child_end_alike(const struct child *child);

#endif
