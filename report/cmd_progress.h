/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_progress.h -- Says on a terminal what takes longer than a second.
 *
 * One line on stderr, written again and again, and wiped out in the end. Nothing if stderr is no
 * terminal. */
#ifndef MEMTRACE_CMD_PROGRESS_H
#define MEMTRACE_CMD_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>

struct progress {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t change;
    const char *stage; /* what is being done now; NULL: nothing any more */
    bool is_shown;     /* there is a thread that looks */
};

/* stage: "reading the trace"; must stay valid. */
void progress_begin(struct progress *progress, const char *stage);
void progress_stage(struct progress *progress, const char *stage);
/* Before anything else is written. */
void progress_end(struct progress *progress);

#endif
