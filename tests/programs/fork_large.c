/* SPDX-License-Identifier: BSD-2-Clause */
/* fork_large.c -- Forks with page tables for so many MiB, which take their time to copy.
 *
 * usage: fork_large MIBS TIMES. The pages are all the same one of zeros, so that no memory is
 * needed, but one that makes the kernel copy the tables. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    size_t size_bytes = (argc > 1 ? strtoul(argv[1], NULL, 10) : 64) << 20;
    int times = argc > 2 ? atoi(argv[2]) : 1;
    volatile char *block = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int sum = 0, ended = 0;
    if (block == MAP_FAILED)
        return 1;
    madvise((void *)block, size_bytes, MADV_NOHUGEPAGE);
    block[0] = 1;
    for (size_t i = 0; i < size_bytes; i += 4096)
        sum += block[i];
    for (int i = 0; i < times; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0)
            _exit(7);
        ended += waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7;
    }
    printf("%d %d\n", sum, ended);
    return 0;
}
