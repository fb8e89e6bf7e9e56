/* SPDX-License-Identifier: BSD-2-Clause */
/* locked_memory.c -- Locks all its memory, now and to come, and allocates on: nothing that is
 * merely reserved may become real by that. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    BLOCKS = 2000,
    LOCKED_KIB_MAX = 200 * 1024
};

static long locked_kib(void)
{
    char line[256];
    long kib = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = atol(line + 6);
    if (file)
        fclose(file);
    return kib;
}

int main(void)
{
    static void *blocks[BLOCKS];
    int result = mlockall(MCL_CURRENT | MCL_FUTURE);
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = malloc(5000);
    printf("%d %d\n", result, locked_kib() < LOCKED_KIB_MAX);
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    return 0;
}
