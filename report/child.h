/* SPDX-License-Identifier: BSD-2-Clause */
/* child.h -- Runs a program as a child, so that nobody notices we are in between. */
#ifndef MEMTRACE_CHILD_H
#define MEMTRACE_CHILD_H

#include <stdbool.h>
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
    uint64_t run_time_ns;
};

/* Runs path and waits for its end. Meanwhile the terminal's signals are the child's, and those sent
 * to us are passed on. False with errno if there could be no child. */
bool child_run(struct child *child, const char *path);

/* The exit status that says how the child ended; if a signal ended it, that signal now ends us. */
int child_end_alike(const struct child *child);

#endif
