/* SPDX-License-Identifier: BSD-2-Clause */
/* sandbox.h -- Work on untrusted input in a child process of bounded time, memory and output.
 *
 * The child hands back bytes through a pipe. What arrived before it died, hung or was stopped is
 * still handed over, and is no more to be trusted than the input was. */
#ifndef MEMTRACE_SYMBOLS_SANDBOX_H
#define MEMTRACE_SYMBOLS_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum sandbox_end {
    SANDBOX_NOT_STARTED, /* no process or no memory for it */
    SANDBOX_DONE,
    SANDBOX_DIED,     /* of a signal, or with an exit status other than 0 */
    SANDBOX_TOO_LONG, /* used up its time */
    SANDBOX_TOO_MUCH  /* wrote more than allowed */
};

struct sandbox_job {
    /* Runs in the child. Exit status 0 when it returns true. */
    bool (*work)(int output, void *argument);
    void *argument;
    uint64_t memory_bytes; /* on top of what the tool itself uses */
    unsigned cpu_seconds;
    size_t output_bytes_max;

    /* Filled in; the caller frees output. */
    enum sandbox_end end;
    int signal; /* it died of, 0: none */
    uint8_t *output;
    size_t output_bytes;

    /* The parent's side while it runs. */
    pid_t pid;
    int pipe;
    size_t output_capacity;
    uint64_t deadline_ns;
};

/* Runs all jobs, as many at a time as there are processors. */
void sandbox_run(struct sandbox_job *jobs, size_t count);

#endif
