/* SPDX-License-Identifier: BSD-2-Clause */
/* trigger.h -- Takes a snapshot when a condition of MEMTRACE_SNAPSHOT comes true. */
#ifndef MEMTRACE_TRIGGER_H
#define MEMTRACE_TRIGGER_H

#include <stdint.h>

/* In a new trace. wake is called by a signal handler. */
void trigger_begin(void (*wake)(void));

/* To be called at every beat of the ticker. */
void trigger_check(uint64_t now_ns);

#endif
