/* SPDX-License-Identifier: BSD-2-Clause */
/* stuck_allocator.c -- An allocator that waits, or ends the thread, when asked for certain sizes.
 */
#include <semaphore.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    WAIT_BYTES = 1234567,
    END_BYTES = 7654321
};

extern void *__libc_malloc(size_t size_bytes);

sem_t stuck_is_inside, stuck_may_go_on;

void *malloc(size_t size_bytes)
{
    if (size_bytes == WAIT_BYTES) {
        sem_post(&stuck_is_inside);
        while (sem_wait(&stuck_may_go_on) != 0)
            ;
    }
    if (size_bytes == END_BYTES)
        syscall(SYS_exit, 0);
    return __libc_malloc(size_bytes);
}
