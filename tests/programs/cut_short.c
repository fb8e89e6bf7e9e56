/* SPDX-License-Identifier: BSD-2-Clause */
/* cut_short.c -- Uses up CPU time, and waits between, in all the ways that a signal would cut
 * short.
 *
 * usage: cut_short CALLS [NAME]: so many of each, or of one. Each waits for something that does not
 * come; one that ends otherwise than at its time is counted. Bytes that are written to a pipe which
 * is read slowly must all be taken at once. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

enum {
    WAIT_NS = 100 * 1000,
    BURN_TURNS = 40000,
    LARGE = 1 << 20
};

static volatile uint64_t sink;
static int poller, sockets[2], set;
static sem_t semaphore;
static const struct timespec moment = {0, WAIT_NS};

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static __attribute__((noinline)) void burn(void)
{
    uint64_t x = sink;
    for (unsigned i = 0; i < BURN_TURNS; i++)
        x = x * 6364136223846793005u + 1;
    sink = x;
}

static struct timespec until(clockid_t clock)
{
    uint64_t end_ns = now_ns(clock) + WAIT_NS;
    return (struct timespec){(time_t)(end_ns / 1000000000), (long)(end_ns % 1000000000)};
}

#define CALL(name, code, wanted, wanted_error)                                                     \
    static int do_##name(void)                                                                     \
    {                                                                                              \
        errno = 0;                                                                                 \
        long result = code;                                                                        \
        return result != (wanted) || errno != (wanted_error);                                      \
    }

static char byte;
static struct iovec piece = {&byte, 1};
static struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
static struct epoll_event event;
static sigset_t none, some;

static int later_select(int with_mask)
{
    struct timeval rest = {0, WAIT_NS / 1000};
    return with_mask ? pselect(0, NULL, NULL, NULL, &moment, &none)
                     : select(0, NULL, NULL, NULL, &rest);
}

static int wait_semaphore(void)
{
    struct timespec end = until(CLOCK_REALTIME);
    return sem_timedwait(&semaphore, &end);
}

static int sleep_until(void)
{
    struct timespec end = until(CLOCK_MONOTONIC);
    return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
}

static int take_from_set(void)
{
    struct sembuf take = {.sem_num = 0, .sem_op = -1};
    return semtimedop(set, &take, 1, &moment);
}

CALL(poll, poll(NULL, 0, 1), 0, 0)
CALL(ppoll, ppoll(NULL, 0, &moment, NULL), 0, 0)
CALL(ppoll_mask, ppoll(NULL, 0, &moment, &none), 0, 0)
CALL(select, later_select(0), 0, 0)
CALL(pselect, later_select(1), 0, 0)
CALL(epoll_wait, epoll_wait(poller, &event, 1, 1), 0, 0)
CALL(epoll_pwait, epoll_pwait(poller, &event, 1, 1, &none), 0, 0)
CALL(nanosleep, nanosleep(&moment, NULL), 0, 0)
CALL(clock_nanosleep, clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL), 0, 0)
CALL(sleep_until, sleep_until(), 0, 0)
CALL(usleep, usleep(WAIT_NS / 1000), 0, 0)
CALL(thrd_sleep, thrd_sleep(&moment, NULL), 0, 0)
CALL(sem_timedwait, wait_semaphore(), -1, ETIMEDOUT)
CALL(semtimedop, take_from_set(), -1, EAGAIN)
CALL(sigtimedwait, sigtimedwait(&some, NULL, &moment), -1, EAGAIN)
CALL(recv, recv(sockets[0], &byte, 1, 0), -1, EAGAIN)
CALL(recvmsg, recvmsg(sockets[0], &message, 0), -1, EAGAIN)
CALL(read, read(sockets[0], &byte, 1), -1, EAGAIN)
CALL(readv, readv(sockets[0], &piece, 1), -1, EAGAIN)

/* --- a large write --- */

static void *read_slowly(void *end)
{
    static char buffer[16384];
    struct timespec pause = {0, 20000};
    long got = 0;
    while (got < LARGE) {
        got += read(*(int *)end, buffer, sizeof buffer);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static int do_write(void)
{
    static char large[LARGE];
    int ends[2];
    pthread_t reader;
    if (pipe(ends) != 0 || pthread_create(&reader, NULL, read_slowly, &ends[0]) != 0)
        exit(1);
    long written = write(ends[1], large, LARGE);
    while (written < LARGE && write(ends[1], large, 1) == 1)
        written++;
    pthread_join(reader, NULL);
    close(ends[0]);
    close(ends[1]);
    return written != LARGE;
}

static const struct {
    const char *name;
    int (*call)(void);
    int share; /* one of so many */
} calls[] = {{"poll", do_poll, 1},
             {"ppoll", do_ppoll, 1},
             {"select", do_select, 1},
             {"epoll_wait", do_epoll_wait, 1},
             {"nanosleep", do_nanosleep, 1},
             {"sem_timedwait", do_sem_timedwait, 1},
             {"ppoll_mask", do_ppoll_mask, 4},
             {"pselect", do_pselect, 4},
             {"epoll_pwait", do_epoll_pwait, 4},
             {"clock_nanosleep", do_clock_nanosleep, 4},
             {"sleep_until", do_sleep_until, 4},
             {"usleep", do_usleep, 4},
             {"thrd_sleep", do_thrd_sleep, 4},
             {"semtimedop", do_semtimedop, 4},
             {"sigtimedwait", do_sigtimedwait, 4},
             {"recv", do_recv, 4},
             {"recvmsg", do_recvmsg, 4},
             {"read", do_read, 4},
             {"readv", do_readv, 4},
             {"write", do_write, 100}};

static void prepare(void)
{
    struct timeval limit = {0, WAIT_NS / 1000};
    poller = epoll_create1(0);
    set = semget(IPC_PRIVATE, 1, 0600);
    sem_init(&semaphore, 0, 0);
    sigemptyset(&none);
    sigemptyset(&some);
    sigaddset(&some, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &some, NULL);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0 ||
        setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0)
        exit(1);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 100;
    free(malloc(1));
    prepare();
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        int early = 0;
        if (argc > 2 && strcmp(argv[2], calls[i].name) != 0)
            continue;
        for (int k = 0; k < count; k += calls[i].share) {
            burn();
            early += calls[i].call();
        }
        printf("%s: %d\n", calls[i].name, early);
    }
    semctl(set, 0, IPC_RMID);
    return 0;
}
