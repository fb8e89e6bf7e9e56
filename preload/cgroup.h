/* SPDX-License-Identifier: BSD-2-Clause */
/* cgroup.h -- How much memory the control group of the process uses, and how much it may. */
#ifndef MEMTRACE_CGROUP_H
#define MEMTRACE_CGROUP_H

#include <stdint.h>

struct cgroup_memory {
    int64_t bytes;     /* -1: not known */
    int64_t max_bytes; /* INT64_MAX: no limit, 0: not known */
};

/* By one thread at a time. */
struct cgroup_memory cgroup_memory(void);

/* In a new process. */
void cgroup_forget(void);

#endif
