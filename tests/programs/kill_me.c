/* SPDX-License-Identifier: BSD-2-Clause */
/* kill_me.c -- Allocates until it is killed, and keeps account of it in a file mapped MAP_SHARED.
 *
 * kill_me FILE THREADS. Per thread eight numbers: allocations begun and finished, bytes begun and
 * finished, frees begun and finished, two unused. A trace must lie between begun and finished. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
    THREADS_MAX = 16,
    KEPT = 64
};

struct account {
    _Atomic uint64_t allocs_begun, allocs_finished;
    _Atomic uint64_t bytes_begun, bytes_finished;
    _Atomic uint64_t frees_begun, frees_finished;
    uint64_t unused[2];
};

static struct account *accounts;

static void *allocate(struct account *account, size_t size)
{
    void *block;

    account->bytes_begun += size;
    account->allocs_begun++;
    block = malloc(size);
    account->allocs_finished++;
    account->bytes_finished += size;
    return block;
}

static void release(struct account *account, void *block)
{
    if (!block)
        return;
    account->frees_begun++;
    free(block);
    account->frees_finished++;
}

static void *work(void *argument)
{
    struct account *account = argument;
    void *kept[KEPT] = {NULL};

    for (uint32_t i = 0;; i++) {
        uint32_t place = i * 2654435761u >> 26;
        release(account, kept[place]);
        kept[place] = allocate(account, 1 + i % 500);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int fd = argc > 2 ? open(argv[1], O_RDWR | O_CREAT, 0600) : -1;
    int threads = argc > 2 ? atoi(argv[2]) : 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that failed must not leave it running */

    if (fd < 0 || threads < 1 || threads > THREADS_MAX ||
        ftruncate(fd, sizeof(struct account[THREADS_MAX])) != 0)
        return 2;
    accounts =
        mmap(NULL, sizeof(struct account[THREADS_MAX]), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (accounts == MAP_FAILED)
        return 3;
    for (int i = 1; i < threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, &accounts[i]) != 0)
            return 4;
    }
    work(&accounts[0]);
    return 0;
}
