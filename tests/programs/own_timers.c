/* SPDX-License-Identifier: BSD-2-Clause */
/* own_timers.c -- Profiles itself with SIGPROF, and waits in every way that a signal would end.
 *
 * A wait that returns early, a signal that does not come, or one that is not its own, shows. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ticks;

static void on_tick(int number, siginfo_t *info, void *unused)
{
    (void)unused;
    if (number == SIGPROF && info->si_code != SI_TIMER)
        ticks++;
}

static void burn(int until_ticks)
{
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        for (int i = 1; i < 200; i++)
            free(malloc((size_t)i));
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (ticks < until_ticks && now.tv_sec - start.tv_sec < 20);
}

static void profile_itself(void)
{
    struct sigaction action = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct itimerval every = {{0, 2000}, {0, 2000}};
    struct itimerval never = {{0, 0}, {0, 0}};
    sigaction(SIGPROF, &action, NULL);
    setitimer(ITIMER_PROF, &every, NULL);
    burn(50);
    setitimer(ITIMER_PROF, &never, NULL);
    printf("ticks %d\n", ticks >= 50);
    struct sigaction now;
    sigaction(SIGPROF, NULL, &now);
    printf("handler %d\n", now.sa_sigaction == on_tick);
    signal(SIGPROF, SIG_DFL);
}

static void *keep_busy(void *stop)
{
    while (!*(volatile int *)stop)
        free(malloc(100));
    return NULL;
}

#define SHOW(call)                                                                                 \
    do {                                                                                           \
        errno = 0;                                                                                 \
        long result = call;                                                                        \
        printf("%s: %ld %d\n", #call, result, errno);                                              \
    } while (0)

/* While another thread uses up CPU time. */
static void wait_in_all_ways(void)
{
    int ends[2];
    int stop = 0;
    pthread_t thread;
    struct timespec moment = {0, 120000000};
    struct timeval same = {0, 120000};
    int poller = epoll_create1(0);
    struct epoll_event event;
    if (pipe(ends) != 0)
        exit(1);
    pthread_create(&thread, NULL, keep_busy, &stop);
    SHOW(nanosleep(&moment, NULL));
    SHOW(poll(NULL, 0, 120));
    SHOW(select(0, NULL, NULL, NULL, &same));
    SHOW(epoll_wait(poller, &event, 1, 120));
    SHOW(usleep(120000));
    SHOW(clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL));
    stop = 1;
    pthread_join(thread, NULL);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOFBF, 65536);
    wait_in_all_ways();
    profile_itself();
    wait_in_all_ways();
    return 0;
}
