/* SPDX-License-Identifier: BSD-2-Clause */
/* exec_loop.c -- Replaces itself again and again, each time after some work.
 *
 * usage: exec_loop TIMES. At last it prints how many descriptors it has. Every other time it does
 * so with all signals blocked. */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile uint64_t sink;

static void *work(void *unused)
{
    uint64_t x = sink;
    for (unsigned i = 0; i < 400000; i++)
        x = x * 6364136223846793005u + 1;
    sink = x;
    return unused;
}

static int count_descriptors(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

int main(int argc, char **argv)
{
    int times = argc > 1 ? atoi(argv[1]) : 0;
    sigset_t all, now;
    char left[16];
    pthread_t thread;
    if (times == 0) {
        pthread_sigmask(SIG_BLOCK, NULL, &now);
        sigfillset(&all);
        for (int i = 1; i < 32; i++)
            printf("%d", sigismember(&now, i));
        printf("\n%d descriptors\n", count_descriptors());
        return 0;
    }
    pthread_create(&thread, NULL, work, NULL);
    sigfillset(&all);
    pthread_sigmask(times % 2 ? SIG_UNBLOCK : SIG_BLOCK, &all, NULL);
    work(NULL);
    snprintf(left, sizeof left, "%d", times - 1);
    execl("/proc/self/exe", argv[0], left, NULL);
    return 1;
}
