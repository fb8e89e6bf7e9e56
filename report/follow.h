/* SPDX-License-Identifier: BSD-2-Clause */
/* follow.h -- A trace that is read again and again, while its program runs. */
#ifndef MEMTRACE_FOLLOW_H
#define MEMTRACE_FOLLOW_H

#include "process.h"
#include "trace.h"

struct follow {
    struct trace trace; /* stays here: what was in it stays true, its arrays move and grow */
    bool is_confirmed;  /* nothing happened between the last two readings */
    uint64_t time_ns;   /* of the last reading */
    struct process_usage usage; /* at that time */
    int fd;
};

bool follow_open(struct follow *follow, const char *path, struct error *error);
/* Reads again; next to nothing as long as the program has not allocated or freed. On failure, and
 * also when the file is no longer the same trace, everything stays. */
bool follow_read(struct follow *follow, struct error *error);
void follow_close(struct follow *follow);

#endif
