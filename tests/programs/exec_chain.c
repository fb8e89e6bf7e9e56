/* SPDX-License-Identifier: BSD-2-Clause */
/* exec_chain.c -- Replaces itself N times; each image allocates 100 * its number blocks.
 *
 * Each image first tries to execute a file that does not exist: recording must go on after that. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int left = argc > 1 ? atoi(argv[1]) : 3;
    char next[16];

    execl("/nonexistent/program", "program", NULL);
    if (errno != ENOENT)
        return 1;
    for (int i = 0; i < 100 * left; i++)
        if (!malloc(10)) /* @chain */
            return 2;
    if (left == 1)
        return 4;
    snprintf(next, sizeof next, "%d", left - 1);
    execl(argv[0], argv[0], next, NULL);
    return 3;
}
