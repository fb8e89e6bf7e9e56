/* SPDX-License-Identifier: BSD-2-Clause */
/* world.h -- Keeps all threads of the program out of the recorder, for what has to be exact.
 *
 * It costs the hooks nothing. A thread marks itself as inside before it looks at the generation,
 * and who stops the world raises the generation before it looks at the threads; a fence that the
 * kernel puts into all of them takes the place of one in every hook. So each thread is either seen
 * inside, and waited for, or sees the new generation and waits at the door. */
#ifndef MEMTRACE_WORLD_H
#define MEMTRACE_WORLD_H

#include <stdbool.h>

/* True: until world_go_on, no thread is inside. False: one did not come out in time, or the kernel
 * has no such fence; nothing has changed then. The calling thread must be attached and not inside,
 * and hold no lock; its signals are blocked meanwhile, and it must not call a hook. */
bool world_stop(void);
void world_go_on(void);

/* For threads at the door: whether they may not enter, and waiting until they may. */
bool world_is_stopped(void);
void world_wait(void);

/* In a forked child. */
void world_after_fork(void);

#endif
