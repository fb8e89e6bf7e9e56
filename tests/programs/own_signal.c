/* SPDX-License-Identifier: BSD-2-Clause */
/* own_signal.c -- Looks at its signals, resets them, wants each for itself, and waits for all.
 *
 * usage: own_signal: prints what a program sees that nobody samples. All the while threads are
 * busy. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum {
    BUSY = 2
};

static volatile sig_atomic_t is_over;
static volatile int calls[NSIG];

static void count(int number)
{
    __atomic_fetch_add(&calls[number], 1, __ATOMIC_RELAXED);
}

static void *be_busy(void *unused)
{
    while (!is_over)
        free(malloc(100));
    return unused;
}

/* Of CPU time, so that whoever samples has something to look at. */
static void burn(long time_ms)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    long start_ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
    do {
        for (int i = 0; i < 100; i++)
            free(malloc(100));
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while (now.tv_sec * 1000 + now.tv_nsec / 1000000 - start_ms < time_ms);
}

static int is_settable(int number)
{
    return number != SIGKILL && number != SIGSTOP && (number < 32 || number > 33);
}

static void show_all(const char *when)
{
    printf("%s:", when);
    for (int i = 1; i < 32; i++) {
        struct sigaction now;
        if (sigaction(i, NULL, &now) == 0)
            printf(" %s%x",
                   now.sa_handler == SIG_DFL   ? "default"
                   : now.sa_handler == SIG_IGN ? "ignored"
                   : now.sa_handler == count   ? "count"
                                               : "other",
                   (unsigned)now.sa_flags & ~0x04000000u);
    }
    printf("\n");
}

/* Those that others are told to keep off, too; one after the other. */
static void take_each(void)
{
    static const int taken[] = {SIGURG, SIGSTKFLT, SIGPROF, SIGVTALRM, SIGWINCH};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        struct sigaction action = {.sa_handler = count}, old;
        memset(&old, 1, sizeof old);
        sigaction(taken[i], &action, &old);
        printf("%d was %s", taken[i], old.sa_handler == SIG_DFL ? "default" : "other");
        burn(15);
        raise(taken[i]);
        printf(", came %d times", calls[taken[i]]);
        printf(", and was %s\n", signal(taken[i], SIG_IGN) == count ? "count" : "other");
    }
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        signal(taken[i], SIG_DFL);
}

static void reset_all(void)
{
    for (int i = 1; i < 32; i++)
        if (is_settable(i) && signal(i, SIG_DFL) == SIG_ERR)
            printf("cannot reset %d\n", i);
}

/* As programs do that have one thread for all signals. */
static void wait_for_all(void)
{
    sigset_t all, pending;
    struct timespec moment = {0, 20000000};
    siginfo_t info;
    int found = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    burn(15);
    int fd = signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC);
    struct signalfd_siginfo read_info;
    long got = read(fd, &read_info, sizeof read_info);
    printf("signalfd: %ld %d\n", got, errno);
    printf("waited: %d", sigtimedwait(&all, &info, &moment));
    printf(" %d\n", errno);
    sigpending(&pending);
    for (int i = 1; i < NSIG; i++)
        found += is_settable(i) && sigismember(&pending, i) == 1;
    printf("pending: %d\n", found);
    raise(SIGUSR1);
    printf("waited: %d\n", sigwaitinfo(&all, &info));
    close(fd);
    pthread_sigmask(SIG_UNBLOCK, &all, NULL);
}

int main(void)
{
    pthread_t busy[BUSY];
    for (int i = 0; i < BUSY; i++)
        pthread_create(&busy[i], NULL, be_busy, NULL);
    burn(15);
    show_all("at first");
    reset_all();
    burn(15);
    show_all("reset");
    wait_for_all();
    take_each();
    show_all("at last");
    burn(15);
    is_over = 1;
    for (int i = 0; i < BUSY; i++)
        pthread_join(busy[i], NULL);
    return 0;
}
