/* SPDX-License-Identifier: BSD-2-Clause */
/* mappings.h -- The memory that the program has mapped by itself: mmap, mremap, brk.
 *
 * What is known of it is always exact at the end of a call. Memory is known to be gone before the
 * kernel takes it, because another thread may get the same addresses at once; so a call that
 * unmaps has two halves here, and no lock is held while the kernel works.
 *
 * thread: NULL in a forked child that has no trace of its own yet. */
#ifndef MEMTRACE_MAPPINGS_H
#define MEMTRACE_MAPPINGS_H

#include "thread.h"

#include <stdbool.h>
#include <stdint.h>

/* What is about to be unmapped. */
struct mappings_gone {
    uint32_t pieces; /* 0: nothing that is known */
    bool is_lost;    /* there was no memory to tell them from their neighbours */
    uint64_t era;
};

/* First half: all that lies between start and end is about to go. */
struct mappings_gone mappings_detach(uint64_t start, uint64_t end);
/* Second half: it is gone, or the call has failed. */
void mappings_released(struct thread *thread, struct mappings_gone gone);
void mappings_put_back(struct mappings_gone gone);

/* A call from the stack that begins with these registers has mapped this; what was there is gone.
 */
void mappings_added(struct thread *thread, uint64_t start, uint64_t end, struct frame_start caller);

/* Bytes that are mapped now. Any thread, no lock. */
int64_t mappings_live_bytes(void);

/* Forgets all. With the world stopped. */
void mappings_forget(void);

/* The thread has left a call in the middle, by longjmp out of a signal handler. */
void mappings_abandoned(struct thread *thread);

/* In a forked child; in its own trace, where what is live is counted as inherited. */
void mappings_after_fork(void);
void mappings_begin(void);

#endif
