/* SPDX-License-Identifier: BSD-2-Clause */
/* interpose_wait.c -- Replaced functions that wait, or move bytes, and that a signal would cut
 * short.
 *
 * They are those that the kernel does not begin anew after a handler, see signal(7), and those that
 * then hand back a part. Where no sampler sends signals they only pass on, in tail position. */
#include "real.h"
#include "unwind_arch.h"
#include "wait.h"

#include <threads.h>

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#define EXPORT __attribute__((visibility("default")))

/* prepare stands between the announcement and the call. */
#define UNDISTURBED_AFTER(prepare, type, name, parameters, arguments)                              \
    EXPORT type name parameters                                                                    \
    {                                                                                              \
        real_init();                                                                               \
        if (!wait_is_guarded())                                                                    \
            return real.name arguments;                                                            \
        struct wait wait;                                                                          \
        wait_begin(&wait, CALLER());                                                               \
        prepare;                                                                                   \
        type result = real.name arguments;                                                         \
        wait_end(&wait);                                                                           \
        return result;                                                                             \
    }

#define UNDISTURBED(type, name, parameters, arguments)                                             \
    UNDISTURBED_AFTER(, type, name, parameters, arguments)

/* Those that are given a signal mask for the time they wait. */
#define UNDISTURBED_WITH_MASK(type, name, parameters, arguments)                                   \
    UNDISTURBED_AFTER(sigset_t copy;                                                               \
                      mask = wait_mask(&copy, mask), type, name, parameters, arguments)

/* --- descriptors that are ready --- */

UNDISTURBED(int, poll, (struct pollfd * fds, nfds_t count, int timeout_ms),
            (fds, count, timeout_ms))

UNDISTURBED_WITH_MASK(int, ppoll,
                      (struct pollfd * fds, nfds_t count, const struct timespec *timeout,
                       const sigset_t *mask),
                      (fds, count, timeout, mask))

UNDISTURBED(int, __poll_chk, (struct pollfd * fds, nfds_t count, int timeout_ms, size_t size_bytes),
            (fds, count, timeout_ms, size_bytes))

UNDISTURBED_WITH_MASK(int, __ppoll_chk,
                      (struct pollfd * fds, nfds_t count, const struct timespec *timeout,
                       const sigset_t *mask, size_t size_bytes),
                      (fds, count, timeout, mask, size_bytes))

UNDISTURBED(int, select, (int count, fd_set *in, fd_set *out, fd_set *odd, struct timeval *timeout),
            (count, in, out, odd, timeout))

UNDISTURBED_WITH_MASK(int, pselect,
                      (int count, fd_set *in, fd_set *out, fd_set *odd,
                       const struct timespec *timeout, const sigset_t *mask),
                      (count, in, out, odd, timeout, mask))

UNDISTURBED(int, epoll_wait, (int poller, struct epoll_event *events, int count, int timeout_ms),
            (poller, events, count, timeout_ms))

UNDISTURBED_WITH_MASK(int, epoll_pwait,
                      (int poller, struct epoll_event *events, int count, int timeout_ms,
                       const sigset_t *mask),
                      (poller, events, count, timeout_ms, mask))

UNDISTURBED_WITH_MASK(int, epoll_pwait2,
                      (int poller, struct epoll_event *events, int count,
                       const struct timespec *timeout, const sigset_t *mask),
                      (poller, events, count, timeout, mask))

/* --- time that passes --- */

UNDISTURBED(int, nanosleep, (const struct timespec *time, struct timespec *rest), (time, rest))

UNDISTURBED(int, clock_nanosleep,
            (clockid_t clock, int flags, const struct timespec *time, struct timespec *rest),
            (clock, flags, time, rest))

UNDISTURBED(int, usleep, (useconds_t time_us), (time_us))

UNDISTURBED(unsigned int, sleep, (unsigned int time_s), (time_s))

UNDISTURBED(int, thrd_sleep, (const struct timespec *time, struct timespec *rest), (time, rest))

/* --- other processes and threads --- */

UNDISTURBED(int, sem_timedwait, (sem_t * semaphore, const struct timespec *until),
            (semaphore, until))

UNDISTURBED(int, sem_clockwait, (sem_t * semaphore, clockid_t clock, const struct timespec *until),
            (semaphore, clock, until))

UNDISTURBED(int, semop, (int set, struct sembuf *operations, size_t count),
            (set, operations, count))

UNDISTURBED(int, semtimedop,
            (int set, struct sembuf *operations, size_t count, const struct timespec *timeout),
            (set, operations, count, timeout))

UNDISTURBED(int, msgsnd, (int queue, const void *message, size_t size_bytes, int flags),
            (queue, message, size_bytes, flags))

UNDISTURBED(ssize_t, msgrcv, (int queue, void *message, size_t size_bytes, long type, int flags),
            (queue, message, size_bytes, type, flags))

/* --- signals --- */

UNDISTURBED(int, pause, (void), ())

UNDISTURBED_WITH_MASK(int, sigsuspend, (const sigset_t *mask), (mask))

/* --- bytes --- */

UNDISTURBED(ssize_t, read, (int fd, void *buffer, size_t size_bytes), (fd, buffer, size_bytes))

UNDISTURBED(ssize_t, __read_chk, (int fd, void *buffer, size_t size_bytes, size_t buffer_bytes),
            (fd, buffer, size_bytes, buffer_bytes))

UNDISTURBED(ssize_t, readv, (int fd, const struct iovec *pieces, int count), (fd, pieces, count))

UNDISTURBED(ssize_t, write, (int fd, const void *bytes, size_t size_bytes), (fd, bytes, size_bytes))

UNDISTURBED(ssize_t, writev, (int fd, const struct iovec *pieces, int count), (fd, pieces, count))

UNDISTURBED(int, accept, (int fd, struct sockaddr *ret_address, socklen_t *ret_bytes),
            (fd, ret_address, ret_bytes))

UNDISTURBED(int, accept4, (int fd, struct sockaddr *ret_address, socklen_t *ret_bytes, int flags),
            (fd, ret_address, ret_bytes, flags))

UNDISTURBED(int, connect, (int fd, const struct sockaddr *address, socklen_t size_bytes),
            (fd, address, size_bytes))

UNDISTURBED(ssize_t, recv, (int fd, void *buffer, size_t size_bytes, int flags),
            (fd, buffer, size_bytes, flags))

UNDISTURBED(ssize_t, __recv_chk,
            (int fd, void *buffer, size_t size_bytes, size_t buffer_bytes, int flags),
            (fd, buffer, size_bytes, buffer_bytes, flags))

UNDISTURBED(ssize_t, recvfrom,
            (int fd, void *buffer, size_t size_bytes, int flags, struct sockaddr *ret_address,
             socklen_t *ret_bytes),
            (fd, buffer, size_bytes, flags, ret_address, ret_bytes))

UNDISTURBED(ssize_t, __recvfrom_chk,
            (int fd, void *buffer, size_t size_bytes, size_t buffer_bytes, int flags,
             struct sockaddr *ret_address, socklen_t *ret_bytes),
            (fd, buffer, size_bytes, buffer_bytes, flags, ret_address, ret_bytes))

UNDISTURBED(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))

UNDISTURBED(int, recvmmsg,
            (int fd, struct mmsghdr *messages, unsigned int count, int flags,
             struct timespec *timeout),
            (fd, messages, count, flags, timeout))

UNDISTURBED(ssize_t, send, (int fd, const void *bytes, size_t size_bytes, int flags),
            (fd, bytes, size_bytes, flags))

UNDISTURBED(ssize_t, sendto,
            (int fd, const void *bytes, size_t size_bytes, int flags,
             const struct sockaddr *address, socklen_t address_bytes),
            (fd, bytes, size_bytes, flags, address, address_bytes))

UNDISTURBED(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags),
            (fd, message, flags))

UNDISTURBED(int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned int count, int flags),
            (fd, messages, count, flags))

UNDISTURBED(ssize_t, sendfile, (int to, int from, off_t *offset, size_t size_bytes),
            (to, from, offset, size_bytes))

UNDISTURBED(ssize_t, sendfile64, (int to, int from, off_t *offset, size_t size_bytes),
            (to, from, offset, size_bytes))

UNDISTURBED(ssize_t, splice,
            (int from, off_t *from_at, int to, off_t *to_at, size_t size_bytes, unsigned int flags),
            (from, from_at, to, to_at, size_bytes, flags))
