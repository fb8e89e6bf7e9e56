/* SPDX-License-Identifier: BSD-2-Clause */
/* cpu_blocked.c -- Two threads do the same work, one of them with all signals blocked by the
 * kernel. */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    TURNS = 200000000
};

static volatile uint64_t sink;

static __attribute__((noinline)) void hidden(uint64_t x)
{
    for (unsigned i = 0; i < TURNS; i++)
        x = x * 6364136223846793005u + 1;
    sink = x;
}

static __attribute__((noinline)) void seen(uint64_t x)
{
    for (unsigned i = 0; i < TURNS; i++)
        x = x * 6364136223846793005u + 1;
    sink = x;
}

/* Past libc, which would keep some of its own signals. */
static void *work_hidden(void *unused)
{
    uint64_t all = ~(uint64_t)0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
    hidden(1);
    return unused;
}

static void *work_seen(void *unused)
{
    seen(1);
    return unused;
}

int main(void)
{
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, work_hidden, NULL);
    pthread_create(&threads[1], NULL, work_seen, NULL);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return 0;
}
