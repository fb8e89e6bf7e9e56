/* SPDX-License-Identifier: BSD-2-Clause */
/* namer.h -- Finds the names of stacks in a thread of its own, so that nobody has to wait.
 *
 * Reading debug information may take seconds, and a program that runs comes to new code again and
 * again. So that names never take much of a processor, a pause follows, many times as long as the
 * processor was busy with them. */
#ifndef MEMTRACE_NAMER_H
#define MEMTRACE_NAMER_H

#include "stacks.h"

#include <pthread.h>

struct namer {
    struct stacks *stacks;
    pthread_t thread;
    int pipe[2]; /* [0] can be read when the names are there */
    bool is_busy;
    uint64_t used_ns; /* processor time of all children when the thread started */
    uint64_t next_ns; /* not before */
};

bool namer_init(struct namer *namer, struct stacks *stacks, struct error *error);
/* False: names are still being looked for, and the stacks must be left alone until we exit. */
bool namer_finish(struct namer *namer);

/* Asks for names, if there are new stacks, none are being looked for, and the pause is over. */
bool namer_ask(struct namer *namer, struct error *error);
/* Takes the names over when pipe[0] can be read; until then it waits. */
bool namer_answer(struct namer *namer, struct error *error);

#endif
